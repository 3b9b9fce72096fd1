import { setTimeout as sleep } from 'node:timers/promises'
import type { PeerBroker } from '../broker.ts'
import type { Group } from '../group.ts'
import { java, produce, topics } from '../tools.ts'

const topic = 'peers-lifecycle'
const large = ['batch.size=262144', 'linger.ms=5']
const recordsPerGigabyte = Math.ceil(1e9 / 1024)
const settleMs = 3000

/** Starts of a node that was started before; memory when nothing happens. */
export const startGroup: Group = {
  name: 'start',
  durability: 'system',
  ownsProcess: true,
  async measure(broker) {
    await broker.start()
    const times: number[] = []
    for (let i = 0; i < 3; i++) {
      await broker.stop('SIGTERM')
      times.push(await broker.start())
    }
    await sleep(settleMs)
    const idle = broker.rssMiB()
    await broker.stop('SIGTERM')
    return { start: times.sort((a, b) => a - b)[1] ?? Number.NaN, 'rss-idle': idle }
  },
}

/** Memory after thirty gigabytes, in topics of three that are deleted again. */
export const memoryGroup: Group = {
  name: 'memory',
  durability: 'system',
  async measure(broker, { factor }) {
    const gigabytes = Math.ceil(30 * factor)
    for (let done = 0; done < gigabytes; done += 3) {
      await topics(broker, `-${topic}`, `+${topic}:6`)
      await produce(broker, {
        topic,
        count: Math.min(3, gigabytes - done) * recordsPerGigabyte,
        size: 1024,
        properties: large,
      })
    }
    await topics(broker, `-${topic}`)
    await sleep(settleMs)
    return { 'rss-loaded': broker.rssMiB() }
  },
}

/** Time to the first answer after kill -9 with so much in one partition; no record may be missing. */
async function recovery(broker: PeerBroker, gigabytes: number): Promise<number> {
  await broker.start()
  await topics(broker, `-${topic}`, `+${topic}:1`)
  const count = Math.ceil(gigabytes * recordsPerGigabyte)
  await produce(broker, { topic, count, size: 1024, properties: large })
  await broker.stop('SIGKILL')
  const ms = await broker.start()
  const printed = await java('org.apache.kafka.tools.GetOffsetShell', [
    '--bootstrap-server',
    broker.bootstrap,
    '--topic',
    topic,
  ])
  const end = Number(printed.trim().split(':').at(-1))
  if (end !== count) throw new Error(`${broker.name} has ${end} of ${count} records after kill -9`)
  await broker.remove()
  return ms
}

export const recoverGroup: Group = {
  name: 'recover',
  durability: 'system',
  ownsProcess: true,
  async measure(broker, { factor }) {
    const small = await recovery(broker, 2 * factor)
    // The peer's time grows with what lies there: nothing is learnt from waiting for it.
    if (broker.name === 'kafka') return { 'recover-2gb': small }
    return { 'recover-2gb': small, 'recover-10gb': await recovery(broker, 10 * factor) }
  },
}
