import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseTopicPattern, TopicPatternError } from '../../src/groups/topic-pattern/topic-pattern.ts'

interface Golden {
  readonly pattern: string
  readonly matches?: readonly string[]
  readonly error?: string
}

const [topicsLine, ...lines] = readFileSync(new URL('golden/patterns.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
const topics = JSON.parse(topicsLine as string) as string[]
const golden = lines.map((line) => JSON.parse(line) as Golden)

/** Valid to re2j, which would take a million steps for each name. */
const tooLarge = new Set(['(a{1000}){1000}'])

test.each(golden.filter(({ pattern }) => !tooLarge.has(pattern)))("'$pattern' is read as re2j reads it", (line) => {
  if (line.error !== undefined) expect(() => parseTopicPattern(line.pattern)).toThrow(TopicPatternError)
  else {
    const pattern = parseTopicPattern(line.pattern)
    expect(topics.filter((topic) => pattern.match(topic).isMatch)).toEqual(line.matches)
  }
})

test('an error is said in the words of re2j', () => {
  // re2j has no word for a parenthesis that nothing has opened.
  const worded = golden.filter(({ error }) => error !== undefined && error !== 'regexp/syntax: internal error')
  for (const { pattern, error } of worded) expect(() => parseTopicPattern(pattern)).toThrow(error)
})

test('a pattern that makes others go back for ever takes a few steps for each character', () => {
  const pattern = parseTopicPattern('(a+)+(a*)*(a|aa)*b')
  const { isMatch, steps } = pattern.match('a'.repeat(249))
  expect(isMatch).toBe(false)
  expect(steps).toBeLessThan(249 * 40)
})

test('nothing, repeated and repeated, costs nothing', () => {
  const pattern = parseTopicPattern('(((((){999}){999}){999}){999}){999}a')
  expect(pattern.match('a')).toMatchObject({ isMatch: true })
})

test.each(['(a{1000}){1000}', '('.repeat(5_000), `${'(a'.repeat(900)}${')*'.repeat(900)}${'x{900}'.repeat(30)}`])(
  'a pattern that is too large is refused, and costs little',
  (text) => {
    expect(() => parseTopicPattern(text)).toThrow(TopicPatternError)
  },
)

/** Patterns of which JavaScript has the same idea. */
const { syntax } = fc.letrec((tie) => ({
  // Deeper ones would have JavaScript go back and forth for hours.
  atom: fc.oneof(
    { maxDepth: 1, depthIdentifier: 'groups' },
    fc.constantFrom('a', 'b', '-', '\\.', '.', '[ab]', '[^a]', '\\w', '\\d'),
    tie('group'),
  ),
  group: fc.tuple(tie('syntax')).map(([inner]) => `(?:${inner})`),
  repeated: fc
    .tuple(tie('atom'), fc.constantFrom('', '', '', '*', '+', '?', '{2}', '{1,3}', '{0,2}', '{2,}'))
    .map(([atom, count]) => `${atom}${count}`),
  sequence: fc.array(tie('repeated'), { maxLength: 4 }).map((parts) => parts.join('')),
  syntax: fc.array(tie('sequence'), { minLength: 1, maxLength: 3 }).map((options) => options.join('|')),
})) as { syntax: fc.Arbitrary<string> }

test('a pattern matches what the same regular expression of JavaScript matches', () => {
  fc.assert(
    fc.property(syntax, fc.array(fc.stringMatching(/^[ab.\-c0]{0,6}$/), { maxLength: 20 }), (text, names) => {
      const ours = parseTopicPattern(text)
      const theirs = new RegExp(`^(?:${text})$`)
      for (const name of names) expect(ours.match(name).isMatch, `${text} and ${name}`).toBe(theirs.test(name))
    }),
    { numRuns: 300 },
  )
})

test('whatever text is read, it is valid or refused', () => {
  const char = fc.constantFrom(...'ab\\[](){}|*+?^$.-,0159:<>PQEdwxpL=!imsU'.split(''))
  fc.assert(
    fc.property(fc.array(char, { maxLength: 25 }), (chars) => {
      try {
        parseTopicPattern(chars.join('')).match('some-topic')
      } catch (cause) {
        expect(cause).toBeInstanceOf(TopicPatternError)
      }
    }),
    { numRuns: 3_000 },
  )
})
