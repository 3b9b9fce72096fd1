import { seededRandom, systemClock } from '@millrace/std'
import { SimulatedDisk } from '@millrace/testing'
import { expect, test } from 'vitest'
import { type Broker, startBroker } from '../../src/index.ts'
import { TransactionalClient } from './transactional-client.ts'

/** A transaction over two partitions and a group; what its producer was told of its end. */
interface Told {
  readonly name: string
  readonly commit: boolean
  readonly offset: number
  isTold: boolean
}

const config = {
  'offsets.topic.num.partitions': 1,
  'transaction.state.log.num.partitions': 1,
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': 10,
}

async function run(disk: SimulatedDisk, version: 0 | 2, work: (client: TransactionalClient) => Promise<void>) {
  const broker: Broker = await startBroker({ port: 0, data: '/data', config, system: { fileSystem: disk } })
  const client = await TransactionalClient.connect(broker, { version })
  try {
    await work(client)
  } finally {
    client.close()
    await broker.close().catch(() => {})
  }
}

/** A request without an answer, or with an error, ends it. */
async function live(client: TransactionalClient, told: Told[]): Promise<void> {
  const isOk = async (answer: Promise<string>) => {
    const error = await answer
    if (error !== 'NONE') throw new Error(error)
  }
  client.patience = 10
  await client.createTopic('t', 2)
  await isOk(client.init('id'))
  for (const [i, commit] of [true, false, true].entries()) {
    const transaction: Told = { name: `${i}`, commit, offset: i + 1, isTold: false }
    told.push(transaction)
    await isOk(client.send('t', 0, transaction.name))
    await isOk(client.send('t', 1, transaction.name))
    await isOk(client.commitOffset('g', 't', 0, transaction.offset))
    await isOk(client.end(commit))
    transaction.isTold = true
  }
}

/** Who comes next ends what was open, and all partitions agree. */
async function check(client: TransactionalClient, told: readonly Told[]): Promise<void> {
  await client.createTopic('t', 2)
  expect(await client.init('id')).toBe('NONE')
  await client.until(async () => typeof (await client.offsetOf('g', 't', 0, true)) === 'number')
  const [first, second] = [await client.read('t', 0), await client.read('t', 1)]
  const offset = await client.offsetOf('g', 't', 0, true)
  let last = -1
  for (const { name, commit, isTold, offset: own } of told) {
    const isCommitted = second.includes(name)
    if (isTold) expect(isCommitted).toBe(commit)
    expect(first.includes(name), `transaction ${name}`).toBe(isCommitted)
    if (isCommitted) last = own
  }
  expect(offset).toBe(last)
  // And the next transaction is like any other.
  expect(await client.send('t', 0, 'next')).toBe('NONE')
  expect(await client.end(true)).toBe('NONE')
  await client.until(async () => (await client.read('t', 0)).includes('next'))
}

test.each([2, 0] as const)(
  'a broker that loses power at any operation of the disk has transactions that are whole (client version %d)',
  async (version) => {
    const whole = new SimulatedDisk({ clock: systemClock, random: seededRandom(0) })
    const all: Told[] = []
    await run(whole, version, (client) => live(client, all))
    await run(whole, version, (client) => check(client, all))
    expect(all.map(({ isTold }) => isTold)).toEqual([true, true, true])
    for (let n = 60 + version; n < whole.operations; n += 9 + (n % 5)) {
      const disk = new SimulatedDisk({ clock: systemClock, random: seededRandom(n) })
      const told: Told[] = []
      disk.crashAfter(n)
      await run(disk, version, (client) => live(client, told)).catch(() => {})
      disk.restart()
      await run(disk, version, (client) => check(client, told)).catch((cause: unknown) => {
        throw new Error(`after a crash at operation ${n}`, { cause })
      })
    }
  },
)
