import { describe, expect, it } from 'vitest'
import { decodeStruct } from '../../src/codec/struct.ts'
import { ControlRecordTypeSchema, EndTxnMarker } from '../../src/definitions/index.ts'

describe('control records', () => {
  it('of a newer version are read as the newest that is known', () => {
    expect(decodeStruct(ControlRecordTypeSchema, Buffer.from('000700010009', 'hex'))).toEqual({
      version: 7,
      value: { type: 1 },
    })
    expect(decodeStruct(EndTxnMarker, Buffer.from('00020000000509', 'hex'))).toEqual({
      version: 2,
      value: { coordinatorEpoch: 5 },
    })
  })
})
