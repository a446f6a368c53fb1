declare module '#auth-utils' {
  interface User {
    name: string
    role: 'admin' | 'visitor'
    email?: string
  }
}

export {}
