import { describe, expect, test } from 'vitest'

import { createMarks, MARK, SCRIPT } from '../src/marks.js'

const META = '<meta name="headcount-version" content="v42">'

function read(mark: RegExp, ...pieces: string[]) {
  const marks = createMarks(mark)
  pieces.forEach(marks.read)
  return marks.found
}

describe('the text of a page tells its build', () => {
  test.each([
    ['by a meta', META],
    ['by a meta with its attributes the other way round', '<meta content="v42" name="headcount-version">'],
    ['by a meta without quotes', '<meta name=headcount-version content=v42>'],
    ['by a meta in capitals', '<META NAME="headcount-version" CONTENT=\'v42\'>'],
    ['by the script tag', '<script type="module" src="/__skew/client.js" data-version="v42"></script>'],
    ['by the script tag behind another of that name', '<script src="/own/client.js"></script><script src="/__skew/client.js" data-version="v42"></script>'],
    ['by a meta behind a script tag without a build', `<script src="/__skew/client.js"></script>${META}`],
  ])('%s', (_, html) => {
    expect(read(MARK, `<!doctype html><head>${html}<body>`)).toEqual({ isMarked: true, build: 'v42' })
  })

  test('wherever its pieces end', () => {
    const html = `<!doctype html>${'x'.repeat(5_000)}${META}${'x'.repeat(5_000)}`
    for (let cut = 5_000; cut < 5_080; cut++) expect(read(MARK, html.slice(0, cut), html.slice(cut))).toEqual({ isMarked: true, build: 'v42' })
    expect(read(MARK, ...html)).toEqual({ isMarked: true, build: 'v42' })
  })

  test('unless it names none', () => {
    expect(read(MARK, '<script src="/__skew/client.js"></script>')).toEqual({ isMarked: true, build: '' })
  })
})

describe('the text of a page tells that the client is not on it', () => {
  test('where its tag is not there', () => {
    expect(read(MARK, '<script src="/own.js"></script>').isMarked).toBe(false)
  })

  test('of a page that has none, where there is no script', () => {
    expect(read(SCRIPT, '<h1>Back soon</h1>').isMarked).toBe(false)
    expect(read(SCRIPT, '<scr', 'ipt src="/own.js"></script>').isMarked).toBe(true)
  })
})
