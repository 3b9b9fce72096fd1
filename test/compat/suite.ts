import { startBroker } from '@millrace/broker'
import { afterAll, beforeAll, describe, it } from 'vitest'
import type { Peer } from './peers.ts'

/** The broker under test: ours in memory, or the one that `npm run compat -- --bootstrap HOST:PORT` names. */
export interface Target {
  bootstrap: string
}

let topics = 0

/** A topic name that no other test uses, also on a broker that keeps its topics. */
export function freshName(stem: string): string {
  topics++
  return `compat-${stem}-${process.pid}-${topics}`
}

/**
 * Tests of one foreign client. Skipped, with the reason, where the client cannot be had.
 */
export function compatSuite<T>(name: string, peer: Peer<T>, define: (peer: T, target: Target) => void): void {
  if (!peer.available) {
    describe(name, () => {
      it.skip(`skipped: ${peer.why}`, () => {})
    })
    return
  }
  describe(name, () => {
    const target: Target = { bootstrap: process.env.MILLRACE_COMPAT_BOOTSTRAP ?? '' }
    let stop: (() => Promise<void>) | undefined
    beforeAll(async () => {
      if (target.bootstrap !== '') return
      const broker = await startBroker({
        port: 0,
        data: 'memory',
        config: { 'auto.create.topics.enable': true, 'num.partitions': 3 },
      })
      target.bootstrap = broker.bootstrapServers
      stop = () => broker.close()
    })
    afterAll(() => stop?.())
    define(peer.value, target)
  })
}

/** `count` values `value-0` … as every client's test sends them. */
export function values(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `value-${i}`)
}
