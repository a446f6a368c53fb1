// Names that visitors choose: versions and routes, as an admin reads them.
//
// Characters that cannot be seen, or that turn the direction of text around, are shown by their numbers. So two names that look alike are alike,
// and none changes how the text around it reads.

/** Controls, formats, separators of lines, what fonts leave out, and every space but the usual one. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}\u2800]|(?! )\p{Zs}/gu

/** A name with everything unseen in it escaped: `\u{202e}`. */
export function legible(name: string): string {
  return name.replace(UNSEEN, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`)
}
