import { describe, expect, test } from 'vitest'
import { assert, AssertionError, MillraceError, suggest, unreachable } from '../src/index.ts'

describe('suggest', () => {
  const keys = ['retention.ms', 'retention.bytes', 'segment.bytes', 'cleanup.policy', 'broker', 'topic', 'run']

  test.each([
    ['retension.ms', 'retention.ms'],
    ['retention.msec', 'retention.ms'],
    ['RETENTION.MS', 'retention.ms'],
    ['cleanup_policy', 'cleanup.policy'],
    ['boker', 'broker'],
    ['tpoic', 'topic'],
    ['segment.byte', 'segment.bytes'],
  ])('%s: %s', (given, meant) => {
    expect(suggest(given, keys)).toBe(meant)
  })

  test('nothing when nothing is near', () => {
    expect(suggest('acks', keys)).toBeUndefined()
    expect(suggest('compression.type', keys)).toBeUndefined()
    expect(suggest('anything', [])).toBeUndefined()
  })
})

test('an error carries code, fix and cause', () => {
  const cause = new Error('EADDRINUSE')
  const error = new MillraceError('BROKER_PORT_IN_USE', {
    message: 'Port 9092 is taken.',
    fix: 'Choose another.',
    cause,
  })
  expect(error).toMatchObject({
    name: 'MillraceError',
    code: 'BROKER_PORT_IN_USE',
    message: 'Port 9092 is taken.',
    fix: 'Choose another.',
    cause,
  })
  expect('cause' in new MillraceError('X', { message: 'y' })).toBe(false)
})

test('broken invariants are said to be defects', () => {
  assert('offsets', 'never')
  expect(() => assert(false, 'offsets go back')).toThrow(AssertionError)
  expect(() => assert(false, 'offsets go back')).toThrow('This is a defect in Millrace: offsets go back')
  expect(() => unreachable('maybe' as never, 'state')).toThrow('unexpected state maybe')
})
