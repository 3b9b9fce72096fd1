import type { PeerBroker } from '../broker.ts'
import type { Group, Scale } from '../group.ts'
import { java, topics } from '../tools.ts'

const topic = 'peers-latency'

async function endToEnd(broker: PeerBroker, { factor }: Scale): Promise<{ p50: number; p99: number }> {
  await topics(broker, `-${topic}`, `+${topic}:1`)
  const printed = await java('Latency', [broker.bootstrap, topic, Math.ceil(4000 * factor), 2000, 100])
  await topics(broker, `-${topic}`)
  const [p50 = Number.NaN, p99 = Number.NaN] = printed.trim().split(' ').map(Number)
  return { p50, p99 }
}

export const latencyGroup: Group = {
  name: 'latency',
  durability: 'system',
  async measure(broker, scale) {
    const { p50, p99 } = await endToEnd(broker, scale)
    return { 'e2e-p50': p50, 'e2e-p99': p99 }
  },
}

export const fsyncLatencyGroup: Group = {
  name: 'latency-fsync',
  durability: 'device',
  async measure(broker, scale) {
    const { p50, p99 } = await endToEnd(broker, scale)
    return { 'e2e-fsync-p50': p50, 'e2e-fsync-p99': p99 }
  },
}
