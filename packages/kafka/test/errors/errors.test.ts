import { MillraceError } from '@millrace/std'
import { describe, expect, it } from 'vitest'
import { ERROR_TABLE } from '../../src/errors/codes.ts'
import { ErrorCode, errorByCode, KafkaError, ProtocolError } from '../../src/errors/index.ts'

describe("Kafka's error table", () => {
  it('has every code from -1 to 133 once', () => {
    expect(ERROR_TABLE.map(([code]) => code)).toEqual(Array.from({ length: 135 }, (_, i) => i - 1))
    expect(new Set(ERROR_TABLE.map(([, name]) => name)).size).toBe(135)
    expect(Object.keys(ErrorCode)).toHaveLength(135)
  })

  // Codes and whether a client may retry, from https://kafka.apache.org/protocol#protocol_error_codes.
  it.each([
    [-1, 'UNKNOWN_SERVER_ERROR', false],
    [0, 'NONE', false],
    [1, 'OFFSET_OUT_OF_RANGE', false],
    [2, 'CORRUPT_MESSAGE', true],
    [3, 'UNKNOWN_TOPIC_OR_PARTITION', true],
    [6, 'NOT_LEADER_OR_FOLLOWER', true],
    [7, 'REQUEST_TIMED_OUT', true],
    [10, 'MESSAGE_TOO_LARGE', false],
    [14, 'COORDINATOR_LOAD_IN_PROGRESS', true],
    [16, 'NOT_COORDINATOR', true],
    [22, 'ILLEGAL_GENERATION', false],
    [25, 'UNKNOWN_MEMBER_ID', false],
    [27, 'REBALANCE_IN_PROGRESS', false],
    [35, 'UNSUPPORTED_VERSION', false],
    [36, 'TOPIC_ALREADY_EXISTS', false],
    [45, 'OUT_OF_ORDER_SEQUENCE_NUMBER', false],
    [46, 'DUPLICATE_SEQUENCE_NUMBER', false],
    [47, 'INVALID_PRODUCER_EPOCH', false],
    [51, 'CONCURRENT_TRANSACTIONS', true],
    [56, 'KAFKA_STORAGE_ERROR', true],
    [74, 'FENCED_LEADER_EPOCH', true],
    [79, 'MEMBER_ID_REQUIRED', false],
    [82, 'FENCED_INSTANCE_ID', false],
    [87, 'INVALID_RECORD', false],
    [90, 'PRODUCER_FENCED', false],
    [100, 'UNKNOWN_TOPIC_ID', true],
    [120, 'TRANSACTION_ABORTABLE', false],
    [133, 'SHARE_SESSION_LIMIT_REACHED', true],
  ])('%i is %s, retriable: %s', (code, name, retriable) => {
    expect(errorByCode(code)).toMatchObject({ code, name, retriable })
    expect(ErrorCode[name as keyof typeof ErrorCode]).toBe(code)
  })

  it('takes a code that it does not know for an unknown error, as clients of Kafka do', () => {
    expect(errorByCode(9999).name).toBe('UNKNOWN_SERVER_ERROR')
  })
})

describe('KafkaError', () => {
  it('says what was attempted, what the code means, and what the broker said', () => {
    const error = new KafkaError(ErrorCode.TOPIC_ALREADY_EXISTS, "Creating topic 'lines'")
    expect(error).toBeInstanceOf(MillraceError)
    expect(error.code).toBe('KAFKA_TOPIC_ALREADY_EXISTS')
    expect(error.message).toBe(
      "Creating topic 'lines' failed: TOPIC_ALREADY_EXISTS: A topic of this name exists already.",
    )
    expect(error.fix).toBeUndefined()
    expect(new KafkaError(ErrorCode.REQUEST_TIMED_OUT).fix).toBe('This may pass: try again.')
    expect(new KafkaError(40, undefined, 'retention.ms must be a number').message).toBe(
      'INVALID_CONFIG: retention.ms must be a number',
    )
    expect(new KafkaError(9999)).toMatchObject({ kafkaCode: 9999, kafkaName: 'UNKNOWN_SERVER_ERROR' })
    expect(new KafkaError(9999).message).toContain('unknown code 9999')
  })

  it.each([
    ['NOT_LEADER_OR_FOLLOWER', { retriable: true, needsRefresh: true, abortable: false, fatal: false }],
    ['REQUEST_TIMED_OUT', { retriable: true, needsRefresh: false, abortable: false, fatal: false }],
    ['TRANSACTION_ABORTABLE', { retriable: false, needsRefresh: false, abortable: true, fatal: false }],
    ['PRODUCER_FENCED', { retriable: false, needsRefresh: false, abortable: false, fatal: true }],
    ['TOPIC_AUTHORIZATION_FAILED', { retriable: false, needsRefresh: false, abortable: false, fatal: true }],
    ['OFFSET_OUT_OF_RANGE', { retriable: false, needsRefresh: false, abortable: false, fatal: false }],
  ] as const)('%s tells what can be done', (name, expected) => {
    const { retriable, needsRefresh, abortable, fatal } = new KafkaError(ErrorCode[name])
    expect({ retriable, needsRefresh, abortable, fatal }).toEqual(expected)
  })
})

describe('ProtocolError', () => {
  it('says where in which message', () => {
    const context = { message: 'FetchRequest', version: 12, field: 'topics[1].topic', position: 40 }
    expect(new ProtocolError('PROTOCOL_TRUNCATED', 'needs 2 more bytes', context)).toMatchObject({
      message: 'FetchRequest v12: topics[1].topic: needs 2 more bytes (at byte 40)',
      code: 'PROTOCOL_TRUNCATED',
      messageName: 'FetchRequest',
      version: 12,
      field: 'topics[1].topic',
      position: 40,
    })
    expect(new ProtocolError('PROTOCOL_UNKNOWN_API', 'nothing known').message).toBe('nothing known')
  })
})
