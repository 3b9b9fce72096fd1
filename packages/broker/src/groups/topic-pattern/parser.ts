import {
  anyButNewline,
  anyChar,
  type CharSet,
  complement,
  foldCase,
  posixClasses,
  rangeSet,
  union,
} from './char-set.ts'
import { Cursor, takeCharEscape, takeClassEscape } from './escapes.ts'
import { type Assertion, type Syntax, TopicPatternError } from './syntax.ts'

/** Most repetitions that may be counted. */
const maxCount = 1_000
/** Deepest nesting of groups. */
const maxDepth = 1_000

interface Flags {
  readonly ignoreCase: boolean
  readonly dotAll: boolean
}

const escapedAssertions: Readonly<Record<string, Assertion>> = {
  A: 'begin',
  z: 'end',
  b: 'wordBoundary',
  B: 'noWordBoundary',
}

/**
 * Reads a regular expression of RE2's syntax (https://github.com/google/re2/wiki/Syntax), which Kafka uses for subscriptions.
 * Throws {@link TopicPatternError}.
 */
export function parseSyntax(text: string): Syntax {
  const parser = new Parser(new Cursor(text))
  return parser.parse()
}

class Parser {
  readonly #cursor: Cursor
  readonly #names = new Set<string>()
  #flags: Flags = { ignoreCase: false, dotAll: false }
  #depth = 0

  constructor(cursor: Cursor) {
    this.#cursor = cursor
  }

  parse(): Syntax {
    const syntax = this.#choice()
    if (!this.#cursor.isAtEnd) throw new TopicPatternError('unexpected )')
    return syntax
  }

  #choice(): Syntax {
    if (++this.#depth > maxDepth) throw new TopicPatternError('expression nests too deeply')
    const flags = this.#flags
    const options = [this.#sequence()]
    while (this.#cursor.take('|')) options.push(this.#sequence())
    this.#flags = flags
    this.#depth--
    return options.length === 1 ? (options[0] as Syntax) : { kind: 'choice', options }
  }

  #sequence(): Syntax {
    const cursor = this.#cursor
    const parts: Syntax[] = []
    let repeated = false
    while (!cursor.isAtEnd && cursor.peek() !== '|' && cursor.peek() !== ')') {
      const count = this.#repetition()
      if (!count) {
        const part = this.#atom()
        repeated = false
        if (part) parts.push(part)
        continue
      }
      const of = parts.pop()
      if (!of) throw new TopicPatternError('missing argument to repetition operator')
      if (repeated) throw new TopicPatternError('invalid nested repetition operator')
      repeated = true
      parts.push({ kind: 'repeat', of, ...count })
    }
    return parts.length === 1 ? (parts[0] as Syntax) : { kind: 'sequence', parts }
  }

  /** A repetition operator, when one comes next. Braces that are none stand for themselves. */
  #repetition(): { min: number; max: number } | undefined {
    const cursor = this.#cursor
    const count = this.#repetitionCount()
    if (count) cursor.take('?')
    return count
  }

  #repetitionCount(): { min: number; max: number } | undefined {
    const cursor = this.#cursor
    if (cursor.take('*')) return { min: 0, max: Number.POSITIVE_INFINITY }
    if (cursor.take('+')) return { min: 1, max: Number.POSITIVE_INFINITY }
    if (cursor.take('?')) return { min: 0, max: 1 }
    if (cursor.peek() !== '{') return undefined
    const { position } = cursor
    const [, min, comma, max] = /^\{(\d+)(,?)(\d*)$/.exec(cursor.takeUntil('}') ?? '') ?? []
    if (min === undefined || (comma === '' && max !== '')) {
      cursor.rewind(position)
      return undefined
    }
    const most = comma === '' ? Number(min) : max === '' ? Number.POSITIVE_INFINITY : Number(max)
    if (Number(min) > maxCount || (most !== Number.POSITIVE_INFINITY && most > maxCount) || most < Number(min)) {
      throw new TopicPatternError('invalid repeat count')
    }
    return { min: Number(min), max: most }
  }

  /** Undefined for what matches nothing by itself and takes no repetition, such as `(?i)`. */
  #atom(): Syntax | undefined {
    const cursor = this.#cursor
    const char = cursor.next()
    switch (char) {
      case '(':
        return this.#group()
      case '[':
        return this.#set(this.#charClass())
      case '.':
        return { kind: 'set', set: this.#flags.dotAll ? anyChar : anyButNewline }
      case '^':
        return { kind: 'assert', what: 'begin' }
      case '$':
        return { kind: 'assert', what: 'end' }
      case '\\':
        return this.#escape()
      default:
        return this.#char(char.codePointAt(0) as number)
    }
  }

  #escape(): Syntax | undefined {
    const cursor = this.#cursor
    const what = escapedAssertions[cursor.peek()]
    if (what) {
      cursor.next()
      return { kind: 'assert', what }
    }
    if (cursor.take('Q')) {
      // Without an end it goes to the end of the pattern. A repetition after it is of its last character.
      const literal = cursor.takeUntil('\\E') ?? cursor.takeWhile(() => true)
      return { kind: 'sequence', parts: Array.from(literal, (char) => this.#char(char.codePointAt(0) as number)) }
    }
    const set = takeClassEscape(cursor)
    return set ? this.#set(set) : this.#char(takeCharEscape(cursor))
  }

  #group(): Syntax | undefined {
    const cursor = this.#cursor
    const outer = this.#flags
    if (cursor.take('?') && !this.#takeName() && this.#takeFlags() === 'alone') return undefined
    const syntax = this.#choice()
    this.#flags = outer
    if (!cursor.take(')')) throw new TopicPatternError('missing closing )')
    return syntax
  }

  /** `P<name>` or `<name>`. */
  #takeName(): boolean {
    const cursor = this.#cursor
    if (!cursor.take('P<') && !cursor.take('<')) return false
    const name = cursor.takeUntil('>')
    if (!name || !/^\w+$/.test(name)) throw new TopicPatternError('invalid named capture')
    if (this.#names.has(name)) throw new TopicPatternError('duplicate capture group name')
    this.#names.add(name)
    return true
  }

  /** `i-s:` before what it is for, or `i)` alone: then it is for what comes after. */
  #takeFlags(): 'alone' | 'group' {
    const cursor = this.#cursor
    const text = cursor.takeWhile((char) => char !== ')' && char !== ':')
    const end = cursor.next()
    const [, on = '', minus = '', off = ''] = /^([imsU]*)(-?)([imsU]*)$/.exec(text) ?? []
    const isValid = on + minus + off === text && end !== '' && (minus === '' || off !== '')
    if (!isValid) throw new TopicPatternError('invalid or unsupported Perl syntax')
    const flag = (name: string, before: boolean) => (off.includes(name) ? false : on.includes(name) || before)
    this.#flags = { ignoreCase: flag('i', this.#flags.ignoreCase), dotAll: flag('s', this.#flags.dotAll) }
    return end === ')' ? 'alone' : 'group'
  }

  #charClass(): CharSet {
    const cursor = this.#cursor
    const isNegated = cursor.take('^')
    const sets: CharSet[] = []
    for (let isFirst = true; isFirst || cursor.peek() !== ']'; isFirst = false) {
      if (cursor.isAtEnd) throw new TopicPatternError('missing closing ]')
      sets.push(this.#posixClass() ?? this.#classEscape() ?? this.#classRange())
    }
    cursor.next()
    const set = this.#flags.ignoreCase ? foldCase(union(sets)) : union(sets)
    return isNegated ? complement(set) : set
  }

  #posixClass(): CharSet | undefined {
    const cursor = this.#cursor
    const { position } = cursor
    if (!cursor.take('[:')) return undefined
    const name = cursor.takeUntil(':]')
    if (name === undefined) {
      cursor.rewind(position)
      return undefined
    }
    const isNegated = name.startsWith('^')
    const set = posixClasses[isNegated ? name.slice(1) : name]
    if (!set) throw new TopicPatternError('invalid character class range')
    return isNegated ? complement(set) : set
  }

  #classEscape(): CharSet | undefined {
    const cursor = this.#cursor
    const { position } = cursor
    if (!cursor.take('\\')) return undefined
    const set = takeClassEscape(cursor)
    if (!set) cursor.rewind(position)
    return set
  }

  #classRange(): CharSet {
    const cursor = this.#cursor
    const from = this.#classChar()
    // A hyphen at the end stands for itself.
    if (cursor.peek() !== '-' || cursor.peek(1) === ']' || cursor.peek(1) === '') return rangeSet(from, from)
    cursor.next()
    const to = this.#classChar()
    if (to < from) throw new TopicPatternError('invalid character class range')
    return rangeSet(from, to)
  }

  #classChar(): number {
    const cursor = this.#cursor
    if (cursor.isAtEnd) throw new TopicPatternError('missing closing ]')
    return cursor.take('\\') ? takeCharEscape(cursor) : (cursor.next().codePointAt(0) as number)
  }

  #char(code: number): Syntax {
    return this.#set(rangeSet(code, code))
  }

  #set(set: CharSet): Syntax {
    return { kind: 'set', set: this.#flags.ignoreCase ? foldCase(set) : set }
  }
}
