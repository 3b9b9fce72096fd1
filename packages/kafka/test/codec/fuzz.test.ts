import { concatBytes } from '@millrace/std'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeRequest, decodeResponse, encodeRequest, encodeResponse } from '../../src/codec/frame.ts'
import { decodeStruct, encodeStruct } from '../../src/codec/struct.ts'
import {
  apis,
  ConsumerProtocolSubscription,
  decodeRequestHeader,
  Fetch,
  GroupMetadataValue,
  Metadata,
  OffsetCommitValue,
} from '../../src/definitions/index.ts'
import { ProtocolError } from '../../src/errors/index.ts'
import { message } from './random.ts'

/** What `work` throws must be a ProtocolError; the number of values that it yields, which the frame's size bounds. */
function survives(work: () => unknown): number {
  try {
    return countValues(work())
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    return 0
  }
}

function countValues(value: unknown): number {
  if (value instanceof Uint8Array || typeof value !== 'object' || value === null) return 1
  return Object.values(value).reduce((sum: number, item) => sum + countValues(item), 1)
}

/** No field of a message takes less than one byte per element, and no struct has more members than this. */
const VALUES_PER_BYTE = 24

function checkFrame(frame: Uint8Array): void {
  const limit = (frame.byteLength + 8) * VALUES_PER_BYTE
  const values = survives(() => {
    const { apiKey, apiVersion, bodyOffset } = decodeRequestHeader(frame)
    const api = apis.find(({ key }) => key === apiKey)
    return api === undefined ? null : decodeRequest(api, apiVersion, frame, bodyOffset)
  })
  expect(values).toBeLessThan(limit)
}

const apiAndVersion = fc
  .constantFrom(...apis)
  .chain((api) =>
    fc.record({ api: fc.constant(api), version: fc.integer({ min: api.versions[0], max: api.versions[1] }) }),
  )

/** Changes of a frame: bytes overwritten (often with what is a large length), cut short, or with bytes put in between. */
const damage = fc.record({
  writes: fc.array(fc.record({ at: fc.nat(), byte: fc.oneof(fc.nat(255), fc.constantFrom(0, 0x7f, 0x80, 0xff)) }), {
    minLength: 1,
    maxLength: 6,
  }),
  cut: fc.option(fc.nat()),
  insert: fc.option(fc.record({ at: fc.nat(), bytes: fc.uint8Array({ maxLength: 8 }) })),
})

function damaged(
  frame: Uint8Array,
  { writes, cut, insert }: typeof damage extends fc.Arbitrary<infer D> ? D : never,
): Buffer {
  let copy = Buffer.from(frame)
  for (const { at, byte } of writes) if (copy.length > 0) copy[at % copy.length] = byte
  if (cut !== null) copy = copy.subarray(0, cut % (copy.length + 1))
  if (insert === null) return copy
  const at = insert.at % (copy.length + 1)
  return Buffer.concat([copy.subarray(0, at), insert.bytes, copy.subarray(at)])
}

describe('frames that are not what they should be', () => {
  it('random bytes are read or refused as a ProtocolError', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), checkFrame), { numRuns: 500 })
  })

  it('random bodies of every request are read or refused as a ProtocolError', () => {
    fc.assert(
      fc.property(apiAndVersion, fc.uint8Array({ maxLength: 200 }), ({ api, version }, body) => {
        const limit = (body.byteLength + 8) * VALUES_PER_BYTE
        expect(survives(() => decodeRequest(api, version, body, 0))).toBeLessThan(limit)
        expect(survives(() => decodeResponse(api, version, body))).toBeLessThan(limit)
      }),
      { numRuns: 3000 },
    )
  })

  it('damaged requests are read or refused as a ProtocolError', () => {
    const cases = apiAndVersion.chain(({ api, version }) =>
      fc.record({
        api: fc.constant(api),
        version: fc.constant(version),
        body: message(api.request.fields, version),
        damage,
      }),
    )
    fc.assert(
      fc.property(cases, ({ api, version, body, damage }) => {
        const parts = encodeRequest(api, version, { correlationId: 1, clientId: 'x' }, body)
        checkFrame(damaged(Buffer.from(concatBytes(parts)).subarray(4), damage))
      }),
      { numRuns: 1500 },
    )
  })

  it('damaged responses are read or refused as a ProtocolError', () => {
    const cases = apiAndVersion.chain(({ api, version }) =>
      fc.record({
        api: fc.constant(api),
        version: fc.constant(version),
        body: message(api.response.fields, version),
        damage,
      }),
    )
    fc.assert(
      fc.property(cases, ({ api, version, body, damage }) => {
        const frame = damaged(Buffer.from(concatBytes(encodeResponse(api, version, 1, body))).subarray(4), damage)
        const limit = (frame.byteLength + 8) * VALUES_PER_BYTE
        expect(survives(() => decodeResponse(api, version, frame))).toBeLessThan(limit)
      }),
      { numRuns: 1500 },
    )
  })

  it('damaged structs are read or refused as a ProtocolError', () => {
    const structs = fc.constantFrom(ConsumerProtocolSubscription, GroupMetadataValue, OffsetCommitValue)
    const cases = structs.chain((struct) =>
      fc.integer({ min: struct.versions[0], max: struct.versions[1] }).chain((version) =>
        fc.record({
          struct: fc.constant(struct),
          bytes: message(struct.schema.fields, version).map((value) => encodeStruct(struct, version, value as never)),
          damage,
        }),
      ),
    )
    fc.assert(
      fc.property(cases, ({ struct, bytes, damage }) => {
        survives(() => decodeStruct(struct, damaged(bytes, damage)))
      }),
      { numRuns: 500 },
    )
  })

  it('every frame that ends early is refused', () => {
    const frame = Buffer.from(
      concatBytes(
        encodeResponse(Fetch, 12, 1, {
          responses: [
            {
              topic: 't',
              partitions: [{ partitionIndex: 0, highWatermark: 1, abortedTransactions: [], records: Buffer.from('r') }],
            },
          ],
        }),
      ),
    ).subarray(4)
    for (let size = 0; size < frame.length; size++) {
      expect(() => decodeResponse(Fetch, 12, frame.subarray(0, size)), `${size} bytes`).toThrow(ProtocolError)
    }
  })
})

describe('counts and lengths', () => {
  const refused = (code: string) => expect.objectContaining({ name: 'ProtocolError', code })

  it('are refused before memory is taken when the rest of the frame cannot hold them', () => {
    const count = Buffer.alloc(64)
    count.writeInt32BE(0x7fff_ffff, 0)
    expect(() => decodeRequest(Metadata, 1, count, 0)).toThrow(refused('PROTOCOL_INVALID_LENGTH'))
    // 30 topics of at least two bytes each do not fit into 60 bytes less the flags that follow; 31 do not fit at all.
    count.writeInt32BE(31, 0)
    expect(() => decodeRequest(Metadata, 1, count, 0)).toThrow(refused('PROTOCOL_INVALID_LENGTH'))
    count.writeInt32BE(30, 0)
    expect(decodeRequest(Metadata, 1, count, 0).topics).toHaveLength(30)
  })

  it('are refused in compact form, too', () => {
    const most = Buffer.from('ffffffff0f', 'hex')
    expect(() => decodeRequest(Metadata, 9, most, 0)).toThrow(refused('PROTOCOL_INVALID_LENGTH'))
    const int31 = Buffer.from('ffffffff07', 'hex')
    expect(() => decodeRequest(Metadata, 9, int31, 0)).toThrow(refused('PROTOCOL_INVALID_LENGTH'))
    const endless = Buffer.from('ffffffffffffffffffff', 'hex')
    expect(() => decodeRequest(Metadata, 9, endless, 0)).toThrow(refused('PROTOCOL_INVALID_LENGTH'))
  })

  it('of tagged fields are refused, too', () => {
    const body = (tags: string) => Buffer.from(`01000000${tags}`, 'hex')
    expect(decodeRequest(Metadata, 9, body('00'), 0).topics).toEqual([])
    expect(() => decodeRequest(Metadata, 9, body('ffffffff07'), 0)).toThrow(refused('PROTOCOL_INVALID_LENGTH'))
    expect(() => decodeRequest(Metadata, 9, body('0105ffffffff07'), 0)).toThrow(refused('PROTOCOL_TRUNCATED'))
    expect(decodeRequest(Metadata, 9, body('010502aabb'), 0).topics).toEqual([])
  })
})

describe('messages that are not what they should be', () => {
  it('are written or refused as a ProtocolError, and the next message is whole', () => {
    const sound = () =>
      Buffer.from(concatBytes(encodeRequest(Metadata, 9, { correlationId: 1, clientId: 'c' }, { topics: [] })))
    const expected = sound()
    const body = fc.oneof(
      fc.anything(),
      fc.record({ topics: fc.anything(), responses: fc.anything(), groups: fc.anything(), members: fc.anything() }),
      fc.record({ topics: fc.array(fc.record({ name: fc.anything(), partitions: fc.anything() })) }),
    )
    fc.assert(
      fc.property(apiAndVersion, body, ({ api, version }, given) => {
        survives(() => encodeRequest(api, version, { correlationId: 1, clientId: null }, given as never))
        survives(() => encodeResponse(api, version, 1, given as never))
        expect(sound()).toEqual(expected)
      }),
      { numRuns: 3000 },
    )
  })
})
