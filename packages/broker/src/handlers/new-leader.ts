import type { Brokers } from '../metadata/brokers.ts'
import type { Partition } from '../metadata/partition.ts'

/** Who leads a partition now, for a client that came to another broker (KIP-951). */
export function leaderOf({ leaderId, leaderEpoch }: Partition) {
  return { leaderId, leaderEpoch }
}

/** Where these brokers are, as far as they are there. */
export function endpointsOf(ids: Iterable<number>, brokers: Brokers) {
  return [...ids].flatMap((id) => {
    const address = brokers.addressOf(id)
    return address ? [{ ...address, rack: null }] : []
  })
}
