import { describeValue } from '@millrace/engine'
import { MillraceError } from '@millrace/std'
import type { BadRecordPolicy } from './record.ts'

/** What the compiler refuses, for users of plain JavaScript; `where` is the call: `kafkaSource()`. */
export function badOption(where: string, problem: string, fix: string): MillraceError {
  return new MillraceError('CONNECTOR_BAD_OPTION', { message: `${where} ${problem}`, fix })
}

/** @throws MillraceError `CONNECTOR_BAD_OPTION` */
export function checkTopics(given: unknown, where: string): readonly string[] {
  const topics: readonly unknown[] = Array.isArray(given) ? given : [given]
  const isName = (topic: unknown): topic is string => typeof topic === 'string' && topic !== ''
  if (topics.length > 0 && topics.every(isName)) return topics
  throw badOption(where, 'needs a topic.', "Name it: topic: 'lines'.")
}

/** @throws MillraceError `CONNECTOR_BAD_OPTION` */
export function checkFormat(given: unknown, option: string, where: string): void {
  if (typeof (given as { decode?: unknown } | null | undefined)?.decode === 'function') return
  throw badOption(
    where,
    `needs a format as ${option}, not ${describeValue(given)}.`,
    typeof given === 'function'
      ? 'Formats are made by calls: text(), json(), bytes().'
      : `Give one: ${option}: text().`,
  )
}

/** `words` are what it can be besides an object with one of `members`. */
export function checkPlace(
  given: unknown,
  {
    option,
    words,
    members,
    where,
  }: { option: string; words: readonly string[]; members: readonly string[]; where: string },
): void {
  if (typeof given === 'string' && words.includes(given)) return
  if (typeof given === 'object' && given !== null && members.some((member) => member in given)) return
  const choices = [...words.map((word) => `'${word}'`), ...members.map((member) => `{ ${member}: … }`)]
  throw badOption(where, `cannot have ${describeValue(given)} as ${option}.`, `It can be ${choices.join(', ')}.`)
}

/** @throws MillraceError `CONNECTOR_BAD_OPTION` */
export function checkPolicy(given: BadRecordPolicy, where: string): BadRecordPolicy {
  checkPlace(given, { option: 'onBadRecord', words: ['fail', 'skip'], members: ['deadLetterTopic'], where })
  return given
}
