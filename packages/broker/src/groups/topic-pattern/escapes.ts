import { type CharSet, complement, perlClasses, unicodeClass } from './char-set.ts'
import { TopicPatternError } from './syntax.ts'

/** Reads a text from left to right, by code points. */
export class Cursor {
  readonly #chars: readonly string[]
  #at = 0

  constructor(text: string) {
    this.#chars = [...text]
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#chars.length
  }

  /** The next character, or one further on; '' at the end. */
  peek(ahead = 0): string {
    return this.#chars[this.#at + ahead] ?? ''
  }

  next(): string {
    return this.#chars[this.#at++] ?? ''
  }

  /** Takes `text` when it comes next. */
  take(text: string): boolean {
    for (let i = 0; i < text.length; i++) if (this.peek(i) !== text[i]) return false
    this.#at += text.length
    return true
  }

  /** Takes characters as long as `wanted` says. */
  takeWhile(wanted: (char: string) => boolean, most = Number.POSITIVE_INFINITY): string {
    let taken = ''
    while (!this.isAtEnd && taken.length < most && wanted(this.peek())) taken += this.next()
    return taken
  }

  /** Takes what comes before `end` and `end`; undefined, and nothing is taken, when it does not come. */
  takeUntil(end: string): string | undefined {
    const from = this.#at
    let taken = ''
    while (!this.isAtEnd) {
      if (this.take(end)) return taken
      taken += this.next()
    }
    this.#at = from
    return undefined
  }

  get position(): number {
    return this.#at
  }

  /** Goes back to a position. */
  rewind(position: number): void {
    this.#at = position
  }
}

const controlEscapes: Readonly<Record<string, number>> = { a: 7, f: 12, n: 10, r: 13, t: 9, v: 11 }
const isOctal = (char: string) => char >= '0' && char <= '7' && char.length === 1
const isHex = (char: string) => /^[0-9A-Fa-f]$/.test(char)
const lastCodePoint = 0x10ffff

/** `\d`, `\pL` and their like, after the backslash. Undefined when it is something else, and nothing is taken. */
export function takeClassEscape(cursor: Cursor): CharSet | undefined {
  const perl = perlClasses[cursor.peek()]
  if (perl) {
    cursor.next()
    return perl
  }
  const letter = cursor.peek()
  if (letter !== 'p' && letter !== 'P') return undefined
  cursor.next()
  let name: string | undefined = cursor.next()
  if (name === '{') name = cursor.takeUntil('}')
  let isNegated = letter === 'P'
  if (name?.startsWith('^')) {
    isNegated = !isNegated
    name = name.slice(1)
  }
  const set = name ? unicodeClass(name) : undefined
  if (!set) throw new TopicPatternError('invalid character class range')
  return isNegated ? complement(set) : set
}

/** The character that an escape stands for, after the backslash. */
export function takeCharEscape(cursor: Cursor): number {
  if (cursor.isAtEnd) throw new TopicPatternError('trailing backslash at end of expression')
  const char = cursor.next()
  const code = char.codePointAt(0) as number
  if (code < 0x80 && !/[0-9A-Za-z]/.test(char)) return code
  const control = controlEscapes[char]
  if (control !== undefined) return control
  // One digit alone would be a back reference, of which there are none.
  if (char === '0' || (isOctal(char) && isOctal(cursor.peek()))) {
    return Number.parseInt(char + cursor.takeWhile(isOctal, 2), 8)
  }
  if (char === 'x') {
    const digits = cursor.take('{') ? cursor.takeUntil('}') : cursor.takeWhile(isHex, 2).padStart(2, '?')
    const value = digits && /^[0-9A-Fa-f]+$/.test(digits) ? Number.parseInt(digits, 16) : Number.NaN
    if (value <= lastCodePoint) return value
  }
  throw new TopicPatternError('invalid escape sequence')
}
