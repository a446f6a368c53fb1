// Where the handler of the authorizer is, below the app's base URL.

export const AUTHORIZE_PATH = '/_headcount/authorize'
