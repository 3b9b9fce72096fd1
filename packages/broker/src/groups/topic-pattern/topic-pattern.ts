import { type CharSet, wordChars } from './char-set.ts'
import { parseSyntax } from './parser.ts'
import { type Assertion, type Syntax, TopicPatternError } from './syntax.ts'

export { TopicPatternError }

/** Most instructions of a pattern: what bounds the memory of one and the time that a topic takes. */
const maxInstructions = 20_000

type Instruction =
  | { readonly op: 'set'; readonly set: CharSet; readonly next: number }
  | { readonly op: 'assert'; readonly what: Assertion; readonly next: number }
  | { readonly op: 'fork'; readonly next: number; readonly other: number }
  | { readonly op: 'match' }

/**
 * A regular expression that names of topics match as a whole. Every state that it can be in is followed at once, so a name takes
 * at most as many steps as it has characters times the length of the pattern: there is nothing to go back to.
 */
export interface TopicPattern {
  /** `steps`: how much work it was. */
  match(topic: string): { readonly isMatch: boolean; readonly steps: number }
}

/**
 * Reads a regular expression of RE2's syntax.
 *
 * @throws TopicPatternError when it is not valid, or too large
 *
 * @example
 * parseTopicPattern('orders-(eu|us)').match('orders-eu').isMatch // true
 */
export function parseTopicPattern(text: string): TopicPattern {
  const program: Instruction[] = [{ op: 'match' }]
  const start = compile(parseSyntax(text), 0, program)
  return new Matcher(program, start)
}

/** Adds what `syntax` means, going on at `next`. Returns where it begins. */
function compile(syntax: Syntax, next: number, program: Instruction[]): number {
  switch (syntax.kind) {
    case 'set':
      return emit({ op: 'set', set: syntax.set, next }, program)
    case 'assert':
      return emit({ op: 'assert', what: syntax.what, next }, program)
    case 'sequence':
      return syntax.parts.reduceRight((after, part) => compile(part, after, program), next)
    case 'choice':
      return syntax.options
        .map((option) => compile(option, next, program))
        .reduceRight((other, option) => emit({ op: 'fork', next: option, other }, program))
    case 'repeat':
      return compileRepeat(syntax, next, program)
  }
}

function compileRepeat(
  { of, min, max }: Extract<Syntax, { kind: 'repeat' }>,
  next: number,
  program: Instruction[],
): number {
  let at = next
  if (max === Number.POSITIVE_INFINITY) {
    const loop = emit({ op: 'fork', next, other: next }, program)
    const body = compile(of, loop, program)
    program[loop] = { op: 'fork', next: body, other: next }
    at = loop
  } else {
    for (let i = min; i < max; i++) at = emit({ op: 'fork', next: compile(of, at, program), other: next }, program)
  }
  const before = program.length
  // What is nothing once is nothing a thousand times, and nested a thousand times a thousand times.
  for (let i = 0; i < min && (i === 0 || program.length > before); i++) at = compile(of, at, program)
  return at
}

function emit(instruction: Instruction, program: Instruction[]): number {
  if (program.length >= maxInstructions) throw new TopicPatternError('expression is too large')
  return program.push(instruction) - 1
}

class Matcher implements TopicPattern {
  readonly #program: readonly Instruction[]
  readonly #start: number
  /** The round in which an instruction was last reached. */
  readonly #reached: Int32Array
  #round = 0
  #steps = 0

  constructor(program: readonly Instruction[], start: number) {
    this.#program = program
    this.#start = start
    this.#reached = new Int32Array(program.length)
  }

  match(topic: string): { isMatch: boolean; steps: number } {
    this.#steps = 0
    let states: number[] = []
    this.#round++
    let canEnd = this.#follow(this.#start, topic, 0, states)
    for (let at = 0; at < topic.length; at++) {
      const code = topic.charCodeAt(at)
      const following: number[] = []
      this.#round++
      canEnd = false
      for (const state of states) {
        const instruction = this.#program[state] as Extract<Instruction, { op: 'set' }>
        if (instruction.set[code] === 1 && this.#follow(instruction.next, topic, at + 1, following)) canEnd = true
      }
      if (following.length === 0 && !canEnd) break
      states = following
    }
    return { isMatch: canEnd, steps: this.#steps }
  }

  /** Collects the states that wait for a character at `at`. Returns whether the pattern can end here. */
  #follow(from: number, topic: string, at: number, states: number[]): boolean {
    const open = [from]
    let canEnd = false
    for (let state = open.pop(); state !== undefined; state = open.pop()) {
      if (this.#reached[state] === this.#round) continue
      this.#reached[state] = this.#round
      this.#steps++
      const instruction = this.#program[state] as Instruction
      switch (instruction.op) {
        case 'match':
          canEnd = true
          break
        case 'set':
          states.push(state)
          break
        case 'fork':
          open.push(instruction.other, instruction.next)
          break
        case 'assert':
          if (holds(instruction.what, topic, at)) open.push(instruction.next)
          break
      }
    }
    return canEnd
  }
}

function holds(what: Assertion, topic: string, at: number): boolean {
  switch (what) {
    case 'begin':
      return at === 0
    case 'end':
      return at === topic.length
    case 'wordBoundary':
      return isWord(topic, at - 1) !== isWord(topic, at)
    case 'noWordBoundary':
      return isWord(topic, at - 1) === isWord(topic, at)
  }
}

function isWord(topic: string, at: number): boolean {
  return at >= 0 && at < topic.length && wordChars[topic.charCodeAt(at)] === 1
}
