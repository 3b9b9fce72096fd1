import { json, kafkaSink, kafkaSource, text } from '@millrace/connectors'
import { MillraceError } from '@millrace/std'
import { expect, it } from 'vitest'

/** The wrong options below do not compile: a user of plain JavaScript meets them at run time. */
type Untyped = never

it.each<[string, () => unknown, string]>([
  ['a source without a format', () => kafkaSource({ topic: 'x' } as Untyped), 'value: text()'],
  ['a format that was not called', () => kafkaSource({ topic: 'x', value: text } as Untyped), 'made by calls'],
  ['a key without a format', () => kafkaSource({ topic: 'x', record: { value: text() } } as Untyped), 'key of record'],
  ['no topic', () => kafkaSource({ value: text() } as Untyped), "topic: 'lines'"],
  ['no topics', () => kafkaSource({ topic: [], value: text() }), "topic: 'lines'"],
  ['an unknown start', () => kafkaSource({ topic: 'x', value: text(), start: 'begin' } as Untyped), "'earliest'"],
  ['an unknown stop', () => kafkaSource({ topic: 'x', value: text(), stop: { time: 1 } } as Untyped), "'latest'"],
  ['an unknown policy', () => kafkaSource({ topic: 'x', value: text(), onBadRecord: 'drop' } as Untyped), "'skip'"],
  ['a sink without a format', () => kafkaSink({ topic: 'x' } as Untyped), 'value: text()'],
  ['a sink of several topics', () => kafkaSink({ topic: ['x', 'y'], value: json() } as Untyped), "topic: 'lines'"],
])('%s is refused', (_what, make, fix) => {
  try {
    make()
  } catch (error) {
    expect(error).toBeInstanceOf(MillraceError)
    expect(error).toMatchObject({ code: 'CONNECTOR_BAD_OPTION', fix: expect.stringContaining(fix) })
    return
  }
  expect.unreachable('it was not refused')
})
