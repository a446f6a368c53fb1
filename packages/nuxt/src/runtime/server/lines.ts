// Lines of JSON out of a stream that was cut anywhere.

/** Takes pieces, and gives each whole line to `each`. */
export function createLineReader(each: (line: unknown) => void): (piece: string) => void {
  let rest = ''
  return (piece) => {
    const lines = (rest + piece).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) if (line !== '') each(JSON.parse(line))
  }
}
