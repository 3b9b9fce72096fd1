import { array, boolean, int16, int32, int64, int8, string, uint16, uuid } from '../codec/types.ts'
import { defineMetadataRecord } from './metadata-record-type.ts'

// The records of `__cluster_metadata` about brokers, controllers and the cluster as a whole (KIP-631).

const endPoints = array({
  name: string(),
  host: string(),
  port: uint16(),
  securityProtocol: int16(),
})

const features = array({
  name: string(),
  minSupportedVersion: int16(),
  maxSupportedVersion: int16(),
})

/** A broker has started. Version 1 adds the controlled shutdown, 2 the migration from ZooKeeper, 3 log directories, 4 cordoned ones. */
export const RegisterBrokerRecord = defineMetadataRecord({
  key: 0,
  name: 'RegisterBrokerRecord',
  newest: 4,
  fields: {
    brokerId: int32(),
    isMigratingZkBroker: boolean({ versions: '2+', default: false }),
    incarnationId: uuid(),
    brokerEpoch: int64(),
    endPoints,
    features,
    rack: string({ nullable: true }),
    fenced: boolean({ default: true }),
    inControlledShutdown: boolean({ versions: '1+', default: false }),
    logDirs: array(uuid(), { versions: '3+', tag: 0 }),
    cordonedLogDirs: array(uuid(), { versions: '4+', nullable: true, tag: 1, default: null }),
  },
})

export const UnregisterBrokerRecord = defineMetadataRecord({
  key: 1,
  name: 'UnregisterBrokerRecord',
  newest: 0,
  fields: {
    brokerId: int32(),
    brokerEpoch: int64(),
  },
})

/** Kafka 3 and 4 write BrokerRegistrationChangeRecord instead of this and {@link UnfenceBrokerRecord}. */
export const FenceBrokerRecord = defineMetadataRecord({
  key: 7,
  name: 'FenceBrokerRecord',
  newest: 0,
  fields: {
    id: int32(),
    epoch: int64(),
  },
})

export const UnfenceBrokerRecord = defineMetadataRecord({
  key: 8,
  name: 'UnfenceBrokerRecord',
  newest: 0,
  fields: {
    id: int32(),
    epoch: int64(),
  },
})

/** What changed in the registration of a broker: `fenced` 1 yes, -1 no longer, 0 as before. Versions add as RegisterBrokerRecord does. */
export const BrokerRegistrationChangeRecord = defineMetadataRecord({
  key: 17,
  name: 'BrokerRegistrationChangeRecord',
  newest: 3,
  fields: {
    brokerId: int32(),
    brokerEpoch: int64(),
    fenced: int8({ tag: 0 }),
    inControlledShutdown: int8({ versions: '1+', tag: 1 }),
    logDirs: array(uuid(), { versions: '2+', tag: 2 }),
    cordonedLogDirs: array(uuid(), { versions: '3+', nullable: true, tag: 3, default: null }),
  },
})

export const RegisterControllerRecord = defineMetadataRecord({
  key: 27,
  name: 'RegisterControllerRecord',
  newest: 0,
  fields: {
    controllerId: int32(),
    incarnationId: uuid(),
    zkMigrationReady: boolean(),
    endPoints,
    features,
  },
})

/** A finalized feature, `metadata.version` among them; level 0 removes it. */
export const FeatureLevelRecord = defineMetadataRecord({
  key: 12,
  name: 'FeatureLevelRecord',
  newest: 0,
  fields: {
    name: string(),
    featureLevel: int16(),
  },
})

/** All producer ids below `nextProducerId` were handed out to brokers. */
export const ProducerIdsRecord = defineMetadataRecord({
  key: 15,
  name: 'ProducerIdsRecord',
  newest: 0,
  fields: {
    brokerId: int32(),
    brokerEpoch: int64({ default: -1 }),
    nextProducerId: int64(),
  },
})

/** Written now and then so that the offset moves on. */
export const NoOpRecord = defineMetadataRecord({ key: 20, name: 'NoOpRecord', newest: 0, fields: {} })

/** How far the migration from ZooKeeper went; only in logs that older versions began. */
export const ZkMigrationStateRecord = defineMetadataRecord({
  key: 21,
  name: 'ZkMigrationStateRecord',
  newest: 0,
  fields: {
    zkMigrationState: int8(),
  },
})

/** What follows counts once {@link EndTransactionRecord} comes, and not at all after {@link AbortTransactionRecord} (KIP-868). */
export const BeginTransactionRecord = defineMetadataRecord({
  key: 23,
  name: 'BeginTransactionRecord',
  newest: 0,
  fields: {
    name: string({ nullable: true, tag: 0, default: null }),
  },
})

export const EndTransactionRecord = defineMetadataRecord({
  key: 24,
  name: 'EndTransactionRecord',
  newest: 0,
  fields: {},
})

export const AbortTransactionRecord = defineMetadataRecord({
  key: 25,
  name: 'AbortTransactionRecord',
  newest: 0,
  fields: {
    reason: string({ nullable: true, tag: 0, default: null }),
  },
})
