import { concatBytes } from '@millrace/std'
import { describe, expect, it } from 'vitest'
import { decodeRequest, decodeResponse, encodeRequest, encodeResponse } from '../../src/codec/frame.ts'
import type { Api, RequestInputOf, ResponseInputOf } from '../../src/codec/schema.ts'
import {
  ApiVersions,
  decodeRequestHeader,
  Fetch,
  FindCoordinator,
  JoinGroup,
  Metadata,
  OffsetCommit,
  Produce,
} from '../../src/definitions/index.ts'
import { comparable } from './random.ts'

// Whole frames, written out by hand from the protocol's description (https://kafka.apache.org/protocol), one field a line.

/** What stands before `|` in each line. */
function hex(text: string): string {
  return text
    .split('\n')
    .map((line) => (line.split('|')[0] as string).replaceAll(' ', ''))
    .join('')
}

const header = { correlationId: 7, clientId: 'cli' }
const topicId = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex')

function checkRequest<A extends Api>(api: A, version: number, body: RequestInputOf<A>, expected: string): void {
  const wanted = hex(expected)
  const size = (wanted.length / 2).toString(16).padStart(8, '0')
  expect(Buffer.from(concatBytes(encodeRequest(api, version, header, body))).toString('hex')).toBe(size + wanted)
  const frame = Buffer.from(wanted, 'hex')
  const { bodyOffset, ...read } = decodeRequestHeader(frame)
  expect(read).toEqual({ apiKey: api.key, apiVersion: version, ...header })
  expect(comparable(decodeRequest(api, version, frame, bodyOffset))).toMatchObject(comparable(body) as object)
}

function checkResponse<A extends Api>(api: A, version: number, body: ResponseInputOf<A>, expected: string): void {
  const wanted = hex(expected)
  const size = (wanted.length / 2).toString(16).padStart(8, '0')
  expect(Buffer.from(concatBytes(encodeResponse(api, version, 7, body))).toString('hex')).toBe(size + wanted)
  const decoded = decodeResponse(api, version, Buffer.from(wanted, 'hex'))
  expect(decoded.correlationId).toBe(7)
  expect(comparable(decoded.body)).toMatchObject(comparable(body) as object)
}

describe('ApiVersions', () => {
  it('v0', () => {
    checkRequest(ApiVersions, 0, {}, '0012 0000 00000007 0003 636c69 | header v1, empty body')
    checkResponse(
      ApiVersions,
      0,
      { errorCode: 35, apiKeys: [{ apiKey: 18, minVersion: 0, maxVersion: 4 }] },
      `00000007 | header v0
       0023 | error code
       00000001 | array of one
       0012 0000 0004`,
    )
  })

  it('v3', () => {
    checkRequest(
      ApiVersions,
      3,
      { clientSoftwareName: 'millrace', clientSoftwareVersion: '1' },
      `0012 0003 00000007 0003 636c69 00 | header v2: the client id is not compact, no tagged fields
       09 6d696c6c72616365
       02 31
       00 | no tagged fields`,
    )
    checkResponse(
      ApiVersions,
      3,
      {
        errorCode: 0,
        apiKeys: [{ apiKey: 0, minVersion: 0, maxVersion: 13 }],
        throttleTimeMs: 0,
        finalizedFeaturesEpoch: 5,
        finalizedFeatures: [{ name: 'f', maxVersionLevel: 2, minVersionLevel: 1 }],
      },
      `00000007 | header v0 although the version is flexible
       0000
       02 | compact array of one
       0000 0000 000d 00
       00000000 | throttle time
       02 | two tagged fields
       01 08 0000000000000005 | tag 1, 8 bytes: the epoch
       02 08 02 02 66 0002 0001 00 | tag 2, 8 bytes: array of one`,
    )
  })

  it('v4', () => {
    checkRequest(
      ApiVersions,
      4,
      { clientSoftwareName: 'm', clientSoftwareVersion: '1' },
      '0012 0004 00000007 0003 636c69 00 | 02 6d\n 02 6d 02 31 00',
    )
    checkResponse(
      ApiVersions,
      4,
      { errorCode: 0, apiKeys: [], supportedFeatures: [{ name: 'f', minVersion: 0, maxVersion: 1 }] },
      `00000007
       0000 01 00000000
       01 | one tagged field
       00 08 02 02 66 0000 0001 00`,
    )
  })
})

describe('Metadata', () => {
  it('v1', () => {
    checkRequest(Metadata, 1, { topics: null }, '0003 0001 00000007 0003 636c69 ffffffff | null: all topics')
    checkResponse(
      Metadata,
      1,
      {
        brokers: [{ nodeId: 1, host: 'h', port: 9092, rack: null }],
        controllerId: 1,
        topics: [
          {
            errorCode: 0,
            name: 't',
            isInternal: true,
            partitions: [{ errorCode: 5, partitionIndex: 0, leaderId: -1, replicaNodes: [1], isrNodes: [] }],
          },
        ],
      },
      `00000007
       00000001 00000001 0001 68 00002384 ffff | one broker, no rack
       00000001 | controller
       00000001 | one topic
       0000 0001 74 01
       00000001 | one partition
       0005 00000000 ffffffff
       00000001 00000001 | replicas
       00000000 | in sync`,
    )
  })

  it('v9', () => {
    checkRequest(
      Metadata,
      9,
      { topics: [{ name: 't' }], allowAutoTopicCreation: false, includeTopicAuthorizedOperations: true },
      `0003 0009 00000007 0003 636c69 00
       02 02 74 00 | one topic
       00 00 01 | three flags
       00`,
    )
    checkResponse(
      Metadata,
      9,
      { brokers: [], clusterId: 'c', controllerId: 2, topics: [], clusterAuthorizedOperations: 3 },
      `00000007 00 | header v1
       00000000 01 02 63 00000002 01 00000003 00`,
    )
  })

  it('v12', () => {
    checkRequest(
      Metadata,
      12,
      { topics: [{ topicId, name: null }] },
      `0003 000c 00000007 0003 636c69 00
       02 000102030405060708090a0b0c0d0e0f 00 00 | by id: the name is null
       01 00 | flags
       00`,
    )
    checkResponse(
      Metadata,
      12,
      {
        brokers: [],
        topics: [
          {
            errorCode: 100,
            name: null,
            topicId,
            partitions: [
              { errorCode: 0, partitionIndex: 1, leaderId: 2, leaderEpoch: 3, replicaNodes: [2], isrNodes: [2] },
            ],
          },
        ],
      },
      `00000007 00
       00000000 01 00 ffffffff | no brokers, cluster id or controller
       02 0064 00 000102030405060708090a0b0c0d0e0f 00
       02 0000 00000001 00000002 00000003 02 00000002 02 00000002 01 00 | the partition
       80000000 00 | no authorized operations
       00`,
    )
  })
})

describe('Produce', () => {
  const records = Buffer.from('cafe', 'hex')

  it.each([3, 7])('v%i', (version) => {
    checkRequest(
      Produce,
      version,
      {
        transactionalId: null,
        acks: -1,
        timeoutMs: 1500,
        topicData: [{ name: 't', partitionData: [{ index: 4, records }] }],
      },
      `0000 000${version} 00000007 0003 636c69
       ffff ffff 000005dc
       00000001 0001 74
       00000001 00000004 00000002 cafe`,
    )
    const logStart = version >= 5
    checkResponse(
      Produce,
      version,
      {
        responses: [
          {
            name: 't',
            partitionResponses: [
              { index: 4, errorCode: 0, baseOffset: 258, ...(logStart ? { logStartOffset: 2 } : {}) },
            ],
          },
        ],
        throttleTimeMs: 1,
      },
      `00000007
       00000001 0001 74
       00000001 00000004 0000 0000000000000102 ffffffffffffffff ${logStart ? '0000000000000002' : ''}
       00000001 | the throttle time comes last`,
    )
  })

  it('v9', () => {
    checkRequest(
      Produce,
      9,
      {
        transactionalId: 'x',
        acks: 1,
        timeoutMs: 0,
        topicData: [{ name: 't', partitionData: [{ index: 4, records }] }],
      },
      `0000 0009 00000007 0003 636c69 00
       02 78 0001 00000000
       02 02 74
       02 00000004 03 cafe 00
       00
       00`,
    )
    checkResponse(
      Produce,
      9,
      {
        responses: [
          {
            name: 't',
            partitionResponses: [
              { index: 4, errorCode: 87, baseOffset: -1, recordErrors: [{ batchIndex: 1 }], errorMessage: 'no' },
            ],
          },
        ],
      },
      `00000007 00
       02 02 74
       02 00000004 0057 ffffffffffffffff ffffffffffffffff ffffffffffffffff
       02 00000001 00 00 | one record error, without a message
       03 6e6f 00
       00
       00000000 00`,
    )
  })
})

describe('Fetch', () => {
  const records = Buffer.from('beef01', 'hex')

  it('v4', () => {
    checkRequest(
      Fetch,
      4,
      {
        maxWaitMs: 500,
        minBytes: 1,
        maxBytes: 65536,
        isolationLevel: 1,
        topics: [{ topic: 't', partitions: [{ partition: 2, fetchOffset: 300, partitionMaxBytes: 1024 }] }],
      },
      `0001 0004 00000007 0003 636c69
       ffffffff 000001f4 00000001 00010000 01
       00000001 0001 74
       00000001 00000002 000000000000012c 00000400`,
    )
    checkResponse(
      Fetch,
      4,
      {
        responses: [
          {
            topic: 't',
            partitions: [
              {
                partitionIndex: 2,
                highWatermark: 10,
                lastStableOffset: 9,
                abortedTransactions: [{ producerId: 4, firstOffset: 5 }],
                records,
              },
            ],
          },
        ],
      },
      `00000007 00000000
       00000001 0001 74
       00000001 00000002 0000 000000000000000a 0000000000000009
       00000001 0000000000000004 0000000000000005
       00000003 beef01`,
    )
  })

  it('v11', () => {
    checkRequest(
      Fetch,
      11,
      {
        maxWaitMs: 500,
        minBytes: 1,
        sessionId: 6,
        sessionEpoch: 1,
        topics: [
          {
            topic: 't',
            partitions: [
              { partition: 2, currentLeaderEpoch: 3, fetchOffset: 300, logStartOffset: -1, partitionMaxBytes: 1024 },
            ],
          },
        ],
        forgottenTopicsData: [{ topic: 'u', partitions: [0, 1] }],
        rackId: 'r',
      },
      `0001 000b 00000007 0003 636c69
       ffffffff 000001f4 00000001 7fffffff 00 00000006 00000001
       00000001 0001 74
       00000001 00000002 00000003 000000000000012c ffffffffffffffff 00000400
       00000001 0001 75 00000002 00000000 00000001
       0001 72`,
    )
    checkResponse(
      Fetch,
      11,
      {
        errorCode: 70,
        sessionId: 6,
        responses: [
          {
            topic: 't',
            partitions: [
              {
                partitionIndex: 2,
                highWatermark: 1,
                abortedTransactions: null,
                preferredReadReplica: 9,
                records: null,
              },
            ],
          },
        ],
      },
      `00000007 00000000 0046 00000006
       00000001 0001 74
       00000001 00000002 0000 0000000000000001 ffffffffffffffff ffffffffffffffff
       ffffffff | no aborted transactions
       00000009
       ffffffff | no records`,
    )
  })

  it.each([12, 13])('v%i', (version) => {
    const topic = version === 12 ? { topic: 't' } : { topicId }
    const wire = version === 12 ? '02 74' : '000102030405060708090a0b0c0d0e0f'
    checkRequest(
      Fetch,
      version,
      {
        clusterId: 'c',
        maxWaitMs: 500,
        minBytes: 1,
        topics: [{ ...topic, partitions: [{ partition: 2, fetchOffset: 300, partitionMaxBytes: 1024 }] }],
      },
      `0001 000${version.toString(16)} 00000007 0003 636c69 00
       ffffffff 000001f4 00000001 7fffffff 00 00000000 ffffffff
       02 ${wire}
       02 00000002 ffffffff 000000000000012c ffffffff ffffffffffffffff 00000400 00
       00
       01 01 | nothing forgotten, no rack
       01 00 02 02 63 | tag 0, 2 bytes: the cluster id`,
    )
    checkResponse(
      Fetch,
      version,
      {
        responses: [
          {
            ...topic,
            partitions: [
              {
                partitionIndex: 2,
                errorCode: 74,
                highWatermark: 1,
                divergingEpoch: { epoch: 1, endOffset: 2 },
                currentLeader: { leaderId: 3, leaderEpoch: 4 },
                abortedTransactions: null,
                records,
              },
            ],
          },
        ],
      },
      `00000007 00 00000000 0000 00000000
       02 ${wire}
       02 00000002 004a 0000000000000001 ffffffffffffffff ffffffffffffffff 00 ffffffff 04 beef01
       02 | two tagged fields
       00 0d 00000001 0000000000000002 00
       01 09 00000003 00000004 00
       00
       00`,
    )
  })
})

describe('groups', () => {
  it('JoinGroup v5', () => {
    checkRequest(
      JoinGroup,
      5,
      {
        groupId: 'g',
        sessionTimeoutMs: 10,
        rebalanceTimeoutMs: 20,
        memberId: '',
        groupInstanceId: 'i',
        protocolType: 'consumer',
        protocols: [{ name: 'range', metadata: Buffer.from('0102', 'hex') }],
      },
      `000b 0005 00000007 0003 636c69
       0001 67 0000000a 00000014 0000 0001 69
       0008 636f6e73756d6572
       00000001 0005 72616e6765 00000002 0102`,
    )
    checkResponse(
      JoinGroup,
      5,
      {
        errorCode: 0,
        generationId: 1,
        protocolName: 'range',
        leader: 'm',
        memberId: 'm',
        members: [{ memberId: 'm', groupInstanceId: null, metadata: Buffer.alloc(0) }],
      },
      `00000007 00000000 0000 00000001
       0005 72616e6765 0001 6d 0001 6d
       00000001 0001 6d ffff 00000000`,
    )
  })

  it('OffsetCommit v2', () => {
    checkRequest(
      OffsetCommit,
      2,
      {
        groupId: 'g',
        generationIdOrMemberEpoch: 3,
        memberId: 'm',
        retentionTimeMs: -1,
        topics: [{ name: 't', partitions: [{ partitionIndex: 0, committedOffset: 5, committedMetadata: '' }] }],
      },
      `0008 0002 00000007 0003 636c69
       0001 67 00000003 0001 6d ffffffffffffffff
       00000001 0001 74 00000001 00000000 0000000000000005 0000`,
    )
    checkResponse(
      OffsetCommit,
      2,
      { topics: [{ name: 't', partitions: [{ partitionIndex: 0, errorCode: 25 }] }] },
      '00000007 00000001 0001 74 00000001 00000000 0019',
    )
  })

  it('OffsetCommit v8', () => {
    checkRequest(
      OffsetCommit,
      8,
      {
        groupId: 'g',
        generationIdOrMemberEpoch: 3,
        memberId: 'm',
        topics: [
          {
            name: 't',
            partitions: [{ partitionIndex: 0, committedOffset: 5, committedLeaderEpoch: 6, committedMetadata: null }],
          },
        ],
      },
      `0008 0008 00000007 0003 636c69 00
       02 67 00000003 02 6d 00
       02 02 74 02 00000000 0000000000000005 00000006 00 00
       00
       00`,
    )
    checkResponse(
      OffsetCommit,
      8,
      { throttleTimeMs: 2, topics: [{ name: 't', partitions: [{ partitionIndex: 0, errorCode: 0 }] }] },
      '00000007 00 00000002 02 02 74 02 00000000 0000 00 00 00',
    )
  })

  it('FindCoordinator v4', () => {
    checkRequest(
      FindCoordinator,
      4,
      { keyType: 1, coordinatorKeys: ['a', 'bc'] },
      '000a 0004 00000007 0003 636c69 00\n 01 03 02 61 03 6263 00',
    )
    checkResponse(
      FindCoordinator,
      4,
      { coordinators: [{ key: 'a', nodeId: 1, host: 'h', port: 9092, errorCode: 0, errorMessage: null }] },
      '00000007 00 00000000\n 02 02 61 00000001 02 68 00002384 0000 00 00\n 00',
    )
  })
})
