import { defineStruct, type StructInputOf, type StructOf } from '../codec/struct.ts'
import { array, bytes, int32, string } from '../codec/types.ts'

/**
 * What a consumer says when it joins a classic group: the `metadata` of a JoinGroup protocol.
 *
 * Versions: 1 adds the partitions it owns (KIP-429, cooperative rebalancing); 2 the generation in which it got them (KIP-792);
 * 3 its rack (KIP-881). A newer one is read as version 3.
 */
export const ConsumerProtocolSubscription = defineStruct({
  name: 'ConsumerProtocolSubscription',
  versions: [0, 3],
  flexibleFrom: Number.POSITIVE_INFINITY,
  readsNewer: true,
  fields: {
    topics: array(string()),
    userData: bytes({ nullable: true, default: null }),
    ownedPartitions: array({ topic: string(), partitions: array(int32()) }, { versions: '1+', ignorable: true }),
    generationId: int32({ versions: '2+', default: -1, ignorable: true }),
    rackId: string({ versions: '3+', nullable: true, default: null, ignorable: true }),
  },
})

export type ConsumerProtocolSubscription = StructOf<typeof ConsumerProtocolSubscription>
export type ConsumerProtocolSubscriptionInput = StructInputOf<typeof ConsumerProtocolSubscription>

/** What the leader of a classic group of consumers gives each member: the `assignment` of a SyncGroup. All versions are alike. */
export const ConsumerProtocolAssignment = defineStruct({
  name: 'ConsumerProtocolAssignment',
  versions: [0, 3],
  flexibleFrom: Number.POSITIVE_INFINITY,
  readsNewer: true,
  fields: {
    assignedPartitions: array({ topic: string(), partitions: array(int32()) }),
    userData: bytes({ nullable: true, default: null }),
  },
})

export type ConsumerProtocolAssignment = StructOf<typeof ConsumerProtocolAssignment>
export type ConsumerProtocolAssignmentInput = StructInputOf<typeof ConsumerProtocolAssignment>
