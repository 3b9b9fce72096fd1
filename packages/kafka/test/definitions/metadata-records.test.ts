import { describe, expect, it } from 'vitest'
import { decodeMetadataRecord, encodeMetadataRecord, metadataRecordTypes } from '../../src/definitions/index.ts'

const topicId = Uint8Array.from({ length: 16 }, (_, i) => i)
const bytes = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex')
const refused = (code: string) => expect.objectContaining({ name: 'ProtocolError', code })

describe('records of __cluster_metadata', () => {
  it('are led by the frame, the kind and the version, which is 0 unless another is asked for', () => {
    const record = { kind: 'RemoveTopicRecord', value: { topicId } } as const
    expect(Buffer.from(encodeMetadataRecord(record))).toEqual(bytes(`01 09 00 000102030405060708090a0b0c0d0e0f 00`))
    const change = {
      kind: 'PartitionChangeRecord',
      value: { topicId, partitionId: 1, directories: [topicId] },
    } as const
    expect(encodeMetadataRecord(change, 1).subarray(0, 3)).toEqual(new Uint8Array([1, 5, 1]))
    expect(decodeMetadataRecord(encodeMetadataRecord(change, 1))).toMatchObject(change)
  })

  it('are refused by a version that cannot hold them, and by one that does not exist', () => {
    const change = { kind: 'PartitionChangeRecord', value: { topicId, directories: [topicId] } } as const
    expect(() => encodeMetadataRecord(change)).toThrow(refused('PROTOCOL_NOT_ENCODABLE'))
    expect(() => encodeMetadataRecord(change, 3)).toThrow(refused('PROTOCOL_UNSUPPORTED_VERSION'))
    expect(() => decodeMetadataRecord(bytes('01 14 01 00'))).toThrow(refused('PROTOCOL_UNSUPPORTED_VERSION'))
  })

  it('of a kind without a definition are undefined, in another frame an error', () => {
    expect(decodeMetadataRecord(bytes('01 14 00 00'))).toEqual({ kind: 'NoOpRecord', value: {} })
    expect(decodeMetadataRecord(bytes('01 ff7f 00 00'))).toBeUndefined()
    expect(() => decodeMetadataRecord(bytes('02 14 00 00'))).toThrow(refused('PROTOCOL_UNSUPPORTED_VERSION'))
    expect(() => decodeMetadataRecord(bytes('01'))).toThrow(refused('PROTOCOL_TRUNCATED'))
  })

  it('are numbered as Kafka numbers them, each once', () => {
    const keys = metadataRecordTypes.map(({ key }) => key)
    expect(keys).toEqual([...new Set(keys)].sort((a, b) => a - b))
  })
})
