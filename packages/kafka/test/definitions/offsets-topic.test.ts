import { describe, expect, it } from 'vitest'
import { decodeStruct, encodeStruct, structVersion } from '../../src/codec/struct.ts'
import { GroupMetadataKey, OffsetCommitKey } from '../../src/definitions/index.ts'

// Written by hand: Kafka 4.3 counts these schemas by kind of record instead of by version; the bytes are the same.
describe('keys of __consumer_offsets', () => {
  it.each([0, 1])('of an offset commit, version %i', (version) => {
    const key = { group: 'g/1', topic: 't', partition: 3 }
    const bytes = Buffer.from(`000${version}0003672f3100017400000003`, 'hex')
    expect(Buffer.from(encodeStruct(OffsetCommitKey, version, key))).toEqual(bytes)
    expect(decodeStruct(OffsetCommitKey, bytes)).toEqual({ version, value: key })
  })

  it('of the metadata of a group', () => {
    const bytes = Buffer.from('0002000167', 'hex')
    expect(Buffer.from(encodeStruct(GroupMetadataKey, 2, { group: 'g' }))).toEqual(bytes)
    expect(decodeStruct(GroupMetadataKey, bytes)).toEqual({ version: 2, value: { group: 'g' } })
  })

  it('say which kind they are', () => {
    expect(structVersion(Buffer.from('0002000167', 'hex'))).toBe(2)
    expect(structVersion(Buffer.from('ffff', 'hex'))).toBe(-1)
    expect(() => decodeStruct(GroupMetadataKey, Buffer.from('0001000167', 'hex'))).toThrow('GroupMetadataKey v1')
  })
})
