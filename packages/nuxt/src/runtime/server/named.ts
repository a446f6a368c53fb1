// Which build a page says it is.
//
// A page that is rendered in the browser (`ssr: false`) has the head that was built. Where the build gets its name at the start, a tab that
// looks at such a page before it refreshes would see another name than its own, take it for the new build, and reload an old one in vain.

const META = /(<meta name="headcount-version" content=")[^"]*/

/** A part of a page's head, with the name of the build that runs. */
export function nameBuild(head: string, build: string): string {
  const name = build.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;')
  return build ? head.replace(META, (_, before: string) => before + name) : head
}
