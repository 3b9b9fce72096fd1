import { concatBytes } from '@millrace/std'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeRequest, decodeResponse, encodeRequest, encodeResponse } from '../../src/codec/frame.ts'
import { decodeStruct, encodeStruct } from '../../src/codec/struct.ts'
import {
  apis,
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription,
  decodeRequestHeader,
  GroupMetadataKey,
  GroupMetadataValue,
  OffsetCommitKey,
  OffsetCommitValue,
} from '../../src/definitions/index.ts'
import { comparable, message } from './random.ts'

/** Few per version: there are 300 versions, and each run takes another seed. */
const RUNS = { numRuns: 12 }

function versionsOf([first, last]: readonly [number, number]): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i)
}

/** A frame as it arrives: one buffer without the size prefix, which must be right. */
function received(parts: Uint8Array[]): Uint8Array {
  const whole = Buffer.from(concatBytes(parts))
  expect(whole.readInt32BE(0)).toBe(whole.length - 4)
  return whole.subarray(4)
}

const ids = fc.record({
  correlationId: fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff }),
  clientId: fc.option(fc.string({ maxLength: 60 })),
})

describe.each(apis.map((api) => ({ name: api.name, api })))('$name', ({ api }) => {
  it('reads the requests that it writes, in every version', () => {
    for (const version of versionsOf(api.versions)) {
      fc.assert(
        fc.property(ids, message(api.request.fields, version), (header, body) => {
          const frame = received(encodeRequest(api, version, header, body))
          const { bodyOffset, ...read } = decodeRequestHeader(frame)
          expect(read).toEqual({ apiKey: api.key, apiVersion: version, ...header })
          const decoded = decodeRequest(api, version, frame, bodyOffset)
          expect(comparable(decoded)).toMatchObject(comparable(body) as object)
        }),
        RUNS,
      )
    }
  })

  it('reads the responses that it writes, in every version', () => {
    for (const version of versionsOf(api.versions)) {
      fc.assert(
        fc.property(ids, message(api.response.fields, version), ({ correlationId }, body) => {
          const frame = received(encodeResponse(api, version, correlationId, body))
          const decoded = decodeResponse(api, version, frame)
          expect(decoded.correlationId).toBe(correlationId)
          expect(comparable(decoded.body)).toMatchObject(comparable(body) as object)
        }),
        RUNS,
      )
    }
  })
})

const structs = [
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription,
  GroupMetadataKey,
  GroupMetadataValue,
  OffsetCommitKey,
  OffsetCommitValue,
]

describe.each(structs.map((struct) => ({ name: struct.name, struct })))('$name', ({ struct }) => {
  it('reads what it writes, in every version', () => {
    for (const version of versionsOf(struct.versions)) {
      fc.assert(
        fc.property(message(struct.schema.fields, version), (given) => {
          const decoded = decodeStruct(struct, encodeStruct(struct, version, given))
          expect(decoded.version).toBe(version)
          expect(comparable(decoded.value)).toMatchObject(comparable(given) as object)
        }),
        RUNS,
      )
    }
  })
})
