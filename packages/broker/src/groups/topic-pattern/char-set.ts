/**
 * A set of characters. Topic names are ASCII, so no other characters are kept: one byte for each of the 128, 1 for those that are
 * in. A set of characters beyond them is empty and matches nothing, which is what it would do.
 */
export type CharSet = Uint8Array

export const asciiSize = 128

export function setOf(contains: (code: number) => boolean): CharSet {
  return Uint8Array.from({ length: asciiSize }, (_, code) => (contains(code) ? 1 : 0))
}

export function rangeSet(from: number, to: number): CharSet {
  return setOf((code) => code >= from && code <= to)
}

export function complement(set: CharSet): CharSet {
  return setOf((code) => set[code] === 0)
}

export function union(sets: readonly CharSet[]): CharSet {
  return setOf((code) => sets.some((set) => set[code] === 1))
}

/** With the letters of the other case. */
export function foldCase(set: CharSet): CharSet {
  return setOf((code) => {
    const char = String.fromCharCode(code)
    return set[char.toLowerCase().charCodeAt(0)] === 1 || set[char.toUpperCase().charCodeAt(0)] === 1
  })
}

export const anyChar = setOf(() => true)
export const anyButNewline = setOf((code) => code !== 0x0a)
export const wordChars = matching(/\w/)
const digits = matching(/\d/)
const spaces = matching(/[\t\n\f\r ]/)

/** `\d` and its like. */
export const perlClasses: Readonly<Record<string, CharSet>> = {
  d: digits,
  D: complement(digits),
  s: spaces,
  S: complement(spaces),
  w: wordChars,
  W: complement(wordChars),
}

/** `[:alpha:]` and its like. */
export const posixClasses: Readonly<Record<string, CharSet>> = {
  alnum: matching(/[0-9A-Za-z]/),
  alpha: matching(/[A-Za-z]/),
  ascii: anyChar,
  blank: matching(/[\t ]/),
  cntrl: setOf((code) => code < 0x20 || code === 0x7f),
  digit: digits,
  graph: rangeSet(0x21, 0x7e),
  lower: matching(/[a-z]/),
  print: rangeSet(0x20, 0x7e),
  punct: matching(/[!-/:-@[-`{-~]/),
  space: matching(/[\t\n\v\f\r ]/),
  upper: matching(/[A-Z]/),
  word: wordChars,
  xdigit: matching(/[0-9A-Fa-f]/),
}

/** `\p{Greek}`: a general category or a script. Undefined when Unicode has none of the name. */
export function unicodeClass(name: string): CharSet | undefined {
  if (name === 'Any') return anyChar
  const property = /^[A-Z][a-z]?$/.test(name) ? `gc=${name}` : `sc=${name}`
  if (!/^[A-Za-z_=]+$/.test(property)) return undefined
  try {
    return matching(new RegExp(`\\p{${property}}`, 'u'))
  } catch {
    return undefined
  }
}

function matching(pattern: RegExp): CharSet {
  return setOf((code) => pattern.test(String.fromCharCode(code)))
}
