import { defineStruct, type StructInputOf, type StructOf } from '../codec/struct.ts'
import { array, int16, int32, int64, string, struct, uint16, uuid } from '../codec/types.ts'

// The values of the control records in `__cluster_metadata` and its snapshots (KIP-595, KIP-630, KIP-853). Kafka has their leading
// version as a field of theirs; the bytes are the same. The keys are in control-records.ts.

const voters = array({
  voterId: int32(),
  voterDirectoryId: uuid({ versions: '1+' }),
})

/** A controller became the leader of a new epoch. Kafka 4.3 writes version 0; 1 adds the directories of the voters. */
export const LeaderChangeMessage = defineStruct({
  name: 'LeaderChangeMessage',
  versions: [0, 1],
  flexibleFrom: 0,
  fields: {
    leaderId: int32(),
    voters,
    grantingVoters: voters,
  },
})

export type LeaderChangeMessage = StructOf<typeof LeaderChangeMessage>
export type LeaderChangeMessageInput = StructInputOf<typeof LeaderChangeMessage>

/** The first record of a snapshot (KIP-630). `lastContainedLogTimestamp` is in ms. */
export const SnapshotHeaderRecord = defineStruct({
  name: 'SnapshotHeaderRecord',
  versions: [0, 0],
  flexibleFrom: 0,
  fields: { lastContainedLogTimestamp: int64() },
})

export type SnapshotHeaderRecord = StructOf<typeof SnapshotHeaderRecord>
export type SnapshotHeaderRecordInput = StructInputOf<typeof SnapshotHeaderRecord>

/** The last record of a snapshot: without it the file is not whole. */
export const SnapshotFooterRecord = defineStruct({
  name: 'SnapshotFooterRecord',
  versions: [0, 0],
  flexibleFrom: 0,
  fields: {},
})

export type SnapshotFooterRecord = StructOf<typeof SnapshotFooterRecord>
export type SnapshotFooterRecordInput = StructInputOf<typeof SnapshotFooterRecord>

/** The version of the quorum protocol, the feature `kraft.version`. */
export const KRaftVersionRecord = defineStruct({
  name: 'KRaftVersionRecord',
  versions: [0, 0],
  flexibleFrom: 0,
  fields: { kRaftVersion: int16() },
})

export type KRaftVersionRecord = StructOf<typeof KRaftVersionRecord>
export type KRaftVersionRecordInput = StructInputOf<typeof KRaftVersionRecord>

/** The voters, where the quorum keeps them itself: `kraft.version` 1 and up. */
export const VotersRecord = defineStruct({
  name: 'VotersRecord',
  versions: [0, 0],
  flexibleFrom: 0,
  fields: {
    voters: array({
      voterId: int32(),
      voterDirectoryId: uuid(),
      endpoints: array({
        name: string(),
        host: string(),
        port: uint16(),
      }),
      kRaftVersionFeature: struct({
        minSupportedVersion: int16(),
        maxSupportedVersion: int16(),
      }),
    }),
  },
})

export type VotersRecord = StructOf<typeof VotersRecord>
export type VotersRecordInput = StructInputOf<typeof VotersRecord>
