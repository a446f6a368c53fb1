import { describe, expect, it } from 'vitest'

import { legible } from '../src/numbers/names.js'

describe('a name that a visitor chooses', () => {
  it.each([
    ['/checkout', '/checkout'], ['/straße/日本語/שלום', '/straße/日本語/שלום'], ['v 1', 'v 1'], ['e\u0301', 'e\u0301'],
    ['v1\u202egpj', 'v1\\u{202e}gpj'], ['\u2066a\u2069', '\\u{2066}a\\u{2069}'], ['a\u200bb', 'a\\u{200b}b'], ['a\u00adb', 'a\\u{ad}b'], ['\u061ca', '\\u{61c}a'],
    ['a\u2028b\u2029', 'a\\u{2028}b\\u{2029}'], ['\ufeff', '\\u{feff}'], ['\u{e0041}', '\\u{e0041}'], ['a\u00a0b', 'a\\u{a0}b'], ['\u3164\u115f\u2800', '\\u{3164}\\u{115f}\\u{2800}'],
    ['\u0007\u009b', '\\u{7}\\u{9b}'], ['a\ufe0f', 'a\\u{fe0f}'], ['\ud800', '\\u{d800}'],
  ])('%j is shown as %j', (name, shown) => {
    expect(legible(name)).toBe(shown)
  })
})
