/**
 * DescribeLogDirs (35): the one data folder with the partitions in it and their sizes (KIP-113), and the volume that it is on
 * (from version 4, KIP-827). `topics` null asks for all partitions; what is not there is left out.
 */
import { DescribeLogDirs } from '@millrace/kafka'
import type { VolumeInfo } from '@millrace/std'
import type { TopicCatalog } from '../metadata/topic-catalog.ts'
import type { HandlerRegistry } from './registry.ts'

/** The data folder as clients see it. */
export interface LogDirectory {
  /** Its absolute path. */
  readonly path: string
  /** Undefined where the file system has no volumes. Throws what the file system throws. */
  volume(): VolumeInfo | undefined
}

export function registerDescribeLogDirs(
  registry: HandlerRegistry,
  { topics, logDirectory }: { topics: TopicCatalog; logDirectory: LogDirectory },
): void {
  registry.registerSimple({
    api: DescribeLogDirs,
    versions: [1, 5],
    handle({ topics: asked }, { client: { nodeId } }) {
      const { totalBytes, usableBytes } = logDirectory.volume() ?? { totalBytes: -1n, usableBytes: -1n }
      const found = asked
        ? asked.map(({ topic, partitions }) => describe(topic, partitions, nodeId))
        : [...topics.all()].map(({ name, partitions }) =>
            describe(
              name,
              partitions.map(({ index }) => index),
              nodeId,
            ),
          )
      const results = [
        {
          logDir: logDirectory.path,
          topics: found.filter(({ partitions }) => partitions.length > 0),
          totalBytes,
          usableBytes,
        },
      ]
      return { results }
    },
    errorResponse: (_request, errorCode) => ({ errorCode, results: [] }),
  })

  function describe(name: string, indexes: readonly number[], nodeId: number) {
    const partitions = [...new Set(indexes)].flatMap((partitionIndex) => {
      const partition = topics.partition(name, partitionIndex)
      if (!partition?.replicas.includes(nodeId)) return []
      return [{ partitionIndex, partitionSize: partition.openLog?.sizeInBytes ?? 0, offsetLag: 0, isFutureKey: false }]
    })
    return { name, partitions }
  }
}
