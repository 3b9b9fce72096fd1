import { describe, expect, it } from 'vitest'
import { responseCorrelationId } from '../../src/codec/frame.ts'
import { apiByKey, apis, decodeRequestHeader, Produce } from '../../src/definitions/index.ts'

const header = (hex: string) => decodeRequestHeader(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
const refused = (code: string) => expect.objectContaining({ name: 'ProtocolError', code })

describe('the header of a request', () => {
  it('is read with and without tagged fields, as API and version say', () => {
    expect(header('0003 0008 00000001 0001 61 ff')).toMatchObject({ clientId: 'a', bodyOffset: 11 })
    expect(header('0003 0009 00000001 0001 61 00 ff')).toMatchObject({ clientId: 'a', bodyOffset: 12 })
    expect(header('0003 0009 00000001 ffff 01 05 02 aabb ff')).toMatchObject({ clientId: null, bodyOffset: 15 })
  })

  it('is read for versions that nobody supports: ApiVersions has to answer them', () => {
    expect(header('0012 0063 00000009 0000 00')).toEqual({
      apiKey: 18,
      apiVersion: 99,
      correlationId: 9,
      clientId: '',
      bodyOffset: 11,
    })
  })

  it('is refused when the API is unknown, or the header ends early', () => {
    expect(() => header('7f00 0000 00000001 0000')).toThrow(refused('PROTOCOL_UNKNOWN_API'))
    expect(() => header('0003 0008 000000')).toThrow(refused('PROTOCOL_TRUNCATED'))
    expect(() => header('0003 0008 00000001 00')).toThrow(refused('PROTOCOL_TRUNCATED'))
    expect(() => header('0003 0008 00000001 0005 6162')).toThrow(refused('PROTOCOL_TRUNCATED'))
    expect(() => header('0003 0009 00000001 0000 05 00')).toThrow(refused('PROTOCOL_INVALID_LENGTH'))
  })
})

describe('the header of a response', () => {
  it('begins with the correlation id', () => {
    expect(responseCorrelationId(Buffer.from('fffffffe00', 'hex'))).toBe(-2)
    expect(() => responseCorrelationId(Buffer.from('fffffe', 'hex'))).toThrow(refused('PROTOCOL_TRUNCATED'))
  })
})

describe('the list of APIs', () => {
  it('is ordered by key, without duplicates', () => {
    const keys = apis.map(({ key }) => key)
    expect(keys).toEqual([...new Set(keys)].sort((a, b) => a - b))
    for (const api of apis) expect(apiByKey(api.key)).toBe(api)
    expect(apiByKey(-1)).toBeUndefined()
  })

  // What Apache Kafka 4.3 announces.
  it.each(
    Object.entries({
      Produce: [0, 13],
      Fetch: [4, 18],
      ListOffsets: [1, 11],
      Metadata: [0, 13],
      OffsetCommit: [2, 10],
      OffsetFetch: [1, 10],
      FindCoordinator: [0, 6],
      JoinGroup: [0, 9],
      Heartbeat: [0, 4],
      LeaveGroup: [0, 5],
      SyncGroup: [0, 5],
      DescribeGroups: [0, 6],
      ListGroups: [0, 5],
      ApiVersions: [0, 4],
      CreateTopics: [2, 7],
      DeleteTopics: [1, 6],
      DeleteRecords: [0, 2],
      InitProducerId: [0, 5],
      OffsetForLeaderEpoch: [2, 4],
      AddPartitionsToTxn: [0, 5],
      AddOffsetsToTxn: [0, 4],
      EndTxn: [0, 5],
      WriteTxnMarkers: [1, 2],
      TxnOffsetCommit: [0, 5],
      DescribeConfigs: [1, 4],
      AlterConfigs: [0, 2],
      AlterReplicaLogDirs: [1, 2],
      DescribeLogDirs: [1, 5],
      CreatePartitions: [0, 3],
      DeleteGroups: [0, 2],
      ElectLeaders: [0, 2],
      IncrementalAlterConfigs: [0, 1],
      AlterPartitionReassignments: [0, 1],
      ListPartitionReassignments: [0, 0],
      OffsetDelete: [0, 0],
      DescribeQuorum: [0, 2],
      UpdateFeatures: [0, 2],
      DescribeCluster: [0, 2],
      DescribeProducers: [0, 0],
      DescribeTransactions: [0, 0],
      ListTransactions: [0, 2],
      ConsumerGroupHeartbeat: [0, 1],
      ConsumerGroupDescribe: [0, 1],
      ListConfigResources: [0, 1],
      DescribeTopicPartitions: [0, 0],
    }),
  )('has %s with versions %j', (name, versions) => {
    expect(apis.find((api) => api.name === name)?.advertisedVersions).toEqual(versions)
  })

  it('announces versions of Produce that it refuses', () => {
    expect(Produce.advertisedVersions).toEqual([0, 13])
    expect(Produce.request.supports(2)).toBe(false)
    expect(Produce.request.supports(3)).toBe(true)
  })
})
