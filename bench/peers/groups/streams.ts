import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { PeerBroker } from '../broker.ts'
import type { Group, Scale } from '../group.ts'
import { lines, wordsPerLine } from '../payload.ts'
import { java, topics } from '../tools.ts'

const commitMs = { at_least_once: 30_000, exactly_once_v2: 100 } as const

/** Kafka Streams counts words with its own defaults; CPU of the broker from its start to its end. */
async function brokerCpu(broker: PeerBroker, guarantee: keyof typeof commitMs, { factor }: Scale): Promise<number> {
  const count = Math.ceil(2_000_000 * factor)
  const [from, to, application] = ['peers-lines', 'peers-counts', `peers-${guarantee}`.replaceAll('_', '-')]
  const state = mkdtempSync(join(tmpdir(), 'peers-streams-'))
  await topics(broker, `-${from}`, `-${to}`, `+${from}:2`, `+${to}:2`)
  await java('org.apache.kafka.tools.ProducerPerformance', [
    ...['--bootstrap-server', broker.bootstrap, '--topic', from, '--num-records', count, '--throughput', -1],
    ...['--payload-file', lines(), '--command-property', 'acks=all', 'batch.size=262144', 'linger.ms=5'],
  ])
  const before = broker.cpuSeconds()
  await java(
    'WordCount',
    [broker.bootstrap, from, to, application, guarantee, commitMs[guarantee], count * wordsPerLine, state],
    '1g',
  )
  const used = broker.cpuSeconds() - before
  const store = `${application}-KSTREAM-AGGREGATE-STATE-STORE-`
  const own = ['0000000003', '0000000004'].flatMap((number) => [
    `-${store}${number}-repartition`,
    `-${store}${number}-changelog`,
  ])
  await topics(broker, `-${from}`, `-${to}`, ...own)
  rmSync(state, { recursive: true, force: true })
  return used
}

export const streamsGroup: Group = {
  name: 'streams',
  durability: 'system',
  async measure(broker, scale) {
    const least = await brokerCpu(broker, 'at_least_once', scale)
    const exactly = await brokerCpu(broker, 'exactly_once_v2', scale)
    return { 'streams-alo-cpu': least, 'streams-eos-cpu': exactly }
  },
}
