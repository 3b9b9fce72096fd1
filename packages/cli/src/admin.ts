import { ClientTimeoutError, KafkaAdmin, type TopicPartition } from '@millrace/kafka'
import { MillraceError } from '@millrace/std'
import type { BootstrapOptions } from './options.ts'

/** How long a cluster may take for its first answer: somebody waits at a terminal. */
const firstAnswerMs = 4_000
const timeoutMs = 20_000

/**
 * Runs `use` with a connection for administration, and closes it.
 *
 * @throws MillraceError CLI_UNREACHABLE
 */
export async function withAdmin<T>(
  { bootstrap }: BootstrapOptions,
  use: (admin: KafkaAdmin) => Promise<T>,
): Promise<T> {
  await using admin = new KafkaAdmin({
    bootstrapServers: bootstrap,
    clientId: 'millrace-cli',
    defaultApiTimeoutMs: timeoutMs,
  })
  try {
    await admin.describeCluster({ timeoutMs: firstAnswerMs })
  } catch (cause) {
    if (!(cause instanceof ClientTimeoutError)) throw cause
    throw new MillraceError('CLI_UNREACHABLE', {
      message: `No broker answers at ${bootstrap}.`,
      fix: 'Start one with millrace broker or millrace dev, or name the right one with --bootstrap host:port.',
      cause,
    })
  }
  return await use(admin)
}

/**
 * The partitions of a topic, or the one that is wanted of them.
 *
 * @throws MillraceError CLI_NO_SUCH_PARTITION
 */
export async function partitionsOfTopic(
  admin: KafkaAdmin,
  topic: string,
  partition: number | undefined,
): Promise<TopicPartition[]> {
  const [description] = await admin.describeTopics([topic])
  const all = (description?.partitions ?? []).map((each) => ({ topic, partition: each.partition }))
  if (partition === undefined) return all
  const wanted = all.filter((each) => each.partition === partition)
  if (wanted.length > 0) return wanted
  throw new MillraceError('CLI_NO_SUCH_PARTITION', {
    message: `Topic ${topic} has no partition ${partition}.`,
    fix: `It has ${all.length === 1 ? 'the partition 0' : `the partitions 0 to ${all.length - 1}`}.`,
  })
}
