import type { SourceSplit, SplitSerializer } from '@millrace/engine'
import { bytesToString, MillraceError, utf8 } from '@millrace/std'

/** A partition of a topic, from `offset` on (the next to read) up to `stopOffset` (excluded; undefined: for ever). */
export interface KafkaPartitionSplit extends SourceSplit {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly stopOffset: number | undefined
}

export function partitionSplit(
  topic: string,
  partition: number,
  offset: number,
  stopOffset: number | undefined,
): KafkaPartitionSplit {
  return { splitId: `${topic}-${partition}`, topic, partition, offset, stopOffset }
}

export const partitionSplitSerializer: SplitSerializer<KafkaPartitionSplit> = {
  version: 1,
  serialize: ({ topic, partition, offset, stopOffset }) => utf8(JSON.stringify([topic, partition, offset, stopOffset])),
  deserialize: (version, bytes) => {
    if (version !== 1) {
      throw new MillraceError('STATE_UNKNOWN_VERSION', {
        message: `A split of a Kafka source was stored in version ${version}; this Millrace reads version 1.`,
        fix: 'Restore with the newer Millrace that wrote it.',
      })
    }
    const [topic, partition, offset, stopOffset] = JSON.parse(bytesToString(bytes))
    return partitionSplit(topic, partition, offset, stopOffset ?? undefined)
  },
}
