// Files of a data folder that were damaged while no broker ran: what the next one says, and what it still gives out.
import {
  appendFileSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  CreateTopics,
  ErrorCode,
  Fetch,
  InitProducerId,
  iterateRecords,
  ListOffsets,
  OffsetCommit,
  OffsetFetch,
  patchBaseOffset,
  Produce,
  RecordBatchBuilder,
} from '@millrace/kafka'
import { bytesToString, utf8 } from '@millrace/std'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startBroker } from '../src/index.ts'
import { RawClient } from './support/raw-client.ts'

const root = mkdtempSync(join(tmpdir(), 'millrace-damage-'))
/** As a broker left it that was closed in order, and as one that was killed. */
const folders = { closed: join(root, 'closed'), killed: join(root, 'killed') }
/** Seven batches of one record fit a segment: 0, 7, 14, 21, 28. */
const config = { 'log.segment.bytes': 2_000, 'log.index.interval.bytes': 100 }
const batchBytes = 270
let producerId = -1

function batch(n: number): Uint8Array {
  const builder = new RecordBatchBuilder()
  builder.append(null, utf8(`${n} `.padEnd(200, 'x')), Date.now())
  return Uint8Array.from(builder.finish({ producerId, producerEpoch: 0, baseSequence: n }))
}

async function produce(client: RawClient, n: number) {
  const topicData = [{ name: 't', partitionData: [{ index: 0, records: batch(n) }] }]
  const { responses } = await client.call(Produce, 9, { acks: -1, timeoutMs: 0, topicData })
  return responses[0]?.partitionResponses[0]
}

beforeAll(async () => {
  const broker = await startBroker({ port: 0, data: folders.closed, config })
  const client = await RawClient.connect(broker)
  const topic = { name: 't', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }
  await client.call(CreateTopics, 7, { topics: [topic] })
  producerId = (await client.call(InitProducerId, 4, { transactionalId: null, transactionTimeoutMs: 0 })).producerId
  for (let n = 0; n < 30; n++) expect((await produce(client, n))?.errorCode).toBe(0)
  await client.call(OffsetCommit, 8, {
    groupId: 'g',
    memberId: '',
    topics: [{ name: 't', partitions: [{ partitionIndex: 0, committedOffset: 17, committedMetadata: '' }] }],
  })
  cpSync(folders.closed, folders.killed, { recursive: true, filter: (path) => !path.endsWith('.lock') })
  client.close()
  await broker.close()
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

interface Found {
  /** What was said as a warning or an error, without the folder. */
  readonly said: string
  /** Offsets whose record came back. */
  readonly offsets: number[]
  /** Offsets that were answered with CORRUPT_MESSAGE, or whose bytes the client found wrong. */
  readonly damaged: number[]
  /** Base offsets of the last batch sent again, and of the next one. */
  readonly again: number | undefined
  readonly next: number | undefined
  readonly committed: number | undefined
}

let cases = 0
async function startDamaged(how: keyof typeof folders, damage: (folder: string) => void): Promise<Found> {
  const data = join(root, `case-${cases++}`)
  cpSync(folders[how], data, { recursive: true })
  damage(data)
  const said: string[] = []
  const keep = (message: string) => void said.push(message.replaceAll(data, ''))
  const broker = await startBroker({ port: 0, data, config, logger: { info: () => {}, warn: keep, error: keep } })
  const client = await RawClient.connect(broker)
  try {
    const ends = await client.call(ListOffsets, 7, {
      replicaId: -1,
      topics: [{ name: 't', partitions: [{ partitionIndex: 0, timestamp: -1 }] }],
    })
    const end = ends.topics[0]?.partitions[0]?.offset as number
    const [offsets, damaged] = await readAll(client, end)
    const again = (await produce(client, 29))?.baseOffset
    const next = (await produce(client, 30))?.baseOffset
    const { groups } = await client.call(OffsetFetch, 8, { groups: [{ groupId: 'g', topics: null }] })
    const committed = groups[0]?.topics[0]?.partitions[0]?.committedOffset
    return { said: said.join('\n'), offsets, damaged, again, next, committed }
  } finally {
    client.close()
    await broker.close()
  }
}

async function readAll(client: RawClient, end: number): Promise<[number[], number[]]> {
  const offsets: number[] = []
  const damaged: number[] = []
  for (let offset = 0; offset < end; offset++) {
    const partitions = [{ partition: 0, fetchOffset: offset, partitionMaxBytes: 1 }]
    const request = { maxWaitMs: 0, minBytes: 1, topics: [{ topic: 't', partitions }], forgottenTopicsData: [] }
    const answer = (await client.call(Fetch, 12, request)).responses[0]?.partitions[0]
    expect([ErrorCode.NONE, ErrorCode.CORRUPT_MESSAGE]).toContain(answer?.errorCode)
    if (answer?.errorCode !== ErrorCode.NONE) damaged.push(offset)
    else {
      try {
        const [record] = [...iterateRecords(answer.records as Uint8Array)]
        expect(record?.offset).toBe(offset)
        expect(bytesToString(record?.value as Uint8Array).startsWith(`${offset} `)).toBe(true)
        offsets.push(offset)
      } catch (cause) {
        if ((cause as Error).name === 'AssertionError') throw cause
        damaged.push(offset)
      }
    }
  }
  return [offsets, damaged]
}

const upTo = (end: number, ...without: number[]) =>
  Array.from({ length: end }, (_, i) => i).filter((offset) => !without.includes(offset))

function files(folder: string, partition: string, suffix: string): string[] {
  const names = readdirSync(join(folder, partition)).filter((name) => name.endsWith(suffix))
  return names.sort().map((name) => join(folder, partition, name))
}

const logs = (folder: string, partition = 't-0') => files(folder, partition, '.log')

function last(paths: string[]): string {
  return paths.at(-1) as string
}

function flip(path: string, at: number): void {
  const bytes = readFileSync(path)
  bytes[at] = (bytes[at] as number) ^ 0x55
  writeFileSync(path, bytes)
}

function cut(path: string, bytes: number): void {
  truncateSync(path, statSync(path).size - bytes)
}

describe.each(['closed', 'killed'] as const)('after a broker that was %s', (how) => {
  test('nothing is damaged: all is there, and nothing is said', async () => {
    const found = await startDamaged(how, () => {})
    expect(found).toEqual({ said: '', offsets: upTo(30), damaged: [], again: 29, next: 30, committed: 17 })
  })

  test.each([
    ['garbage', Buffer.alloc(100, 0x5a)],
    ['zeros', Buffer.alloc(3_000)],
    ['the begin of a batch', Buffer.from(batch(0).subarray(0, 150))],
  ])('%s at the end is removed, and said', async (_what, bytes) => {
    const found = await startDamaged(how, (folder) => appendFileSync(last(logs(folder)), bytes))
    expect(found).toMatchObject({ offsets: upTo(30), damaged: [], again: 29, next: 30 })
    const place = `removed at position ${2 * batchBytes} (offset 30)`
    expect(found.said).toMatch(/^\/t-0\/00000000000000000028.log: \d+ bytes at its end/)
    expect(found.said).toContain(place)
  })

  test('a torn last batch is cut off; what was known to be acknowledged is missed', async () => {
    const found = await startDamaged(how, (folder) => cut(last(logs(folder)), 10))
    expect(found).toMatchObject({ offsets: upTo(29), damaged: [], again: 29, next: 30 })
    expect(found.said).toContain(`removed at position ${batchBytes} (offset 29) and kept as /t-0/`)
    expect(found.said.includes('/t-0 ends at offset 29: offsets 29 to 29 had been acknowledged')).toBe(how === 'closed')
  })

  test('a corrupt middle is an error for its offsets only', async () => {
    const found = await startDamaged(how, (folder) => flip(logs(folder)[2] as string, 2 * batchBytes + 100))
    expect(found).toMatchObject({ offsets: upTo(30, 16), damaged: [16], again: 29, next: 30 })
    // After an orderly end nobody reads what was written: it is the client that finds the checksum wrong.
    const place = `/t-0/00000000000000000014.log is damaged at position ${2 * batchBytes}: offsets 16 to 16`
    expect(found.said.includes(place)).toBe(how === 'killed')
  })

  test('a cut middle segment is an error for what it lost', async () => {
    const found = await startDamaged(how, (folder) => cut(logs(folder)[2] as string, 10))
    expect(found).toMatchObject({ offsets: upTo(30, 20), damaged: [20], next: 30 })
    expect(found.said).toContain('/t-0/00000000000000000014.log')
  })

  test('a missing middle segment is an error for its offsets, not silence', async () => {
    const found = await startDamaged(how, (folder) => rmSync(logs(folder)[2] as string))
    const lost = [14, 15, 16, 17, 18, 19, 20]
    expect(found).toMatchObject({ offsets: upTo(30, ...lost), damaged: lost, next: 30 })
    expect(found.said).toMatch(/00000000000000000007.log .* offset(s)? 14/)
  })

  test.each([
    ['missing', (path: string) => rmSync(path)],
    ['of garbage', (path: string) => writeFileSync(path, Buffer.alloc(24, 0xa7))],
    ['of an odd size', (path: string) => writeFileSync(path, Buffer.alloc(13, 1))],
  ])('indexes, producer snapshots and checkpoints that are %s cost time, nothing else', async (_what, spoil) => {
    const found = await startDamaged(how, (folder) => {
      for (const suffix of ['index', '.snapshot', '-checkpoint']) files(folder, 't-0', suffix).forEach(spoil)
      files(folder, '.', '-checkpoint').forEach(spoil)
    })
    expect(found).toEqual({ said: '', offsets: upTo(30), damaged: [], again: 29, next: 30, committed: 17 })
  })

  test('a partition whose folder is gone begins anew, and that is said', async () => {
    const found = await startDamaged(how, (folder) => rmSync(join(folder, 't-0'), { recursive: true }))
    expect(found).toMatchObject({ offsets: [], again: 0, next: 1, committed: 17 })
    // Which partitions have folders is noted within a second, and when the broker is closed.
    if (how === 'closed') expect(found.said).toBe('t-0 has no folder; it is begun anew, without records')
  })

  test.each(['__cluster_metadata-0', '__consumer_offsets-3'])(
    'damage within %s stops the start: nothing is forgotten in silence',
    async (partition) => {
      const starting = startDamaged(how, (folder) => {
        const [path] = logs(folder, partition) as [string]
        flip(path, 80)
        // With a batch behind it, it cannot be taken for the end of a write.
        const more = batch(1)
        patchBaseOffset(more, 0, 1_000)
        appendFileSync(path, more)
      })
      await expect(starting).rejects.toMatchObject({
        code: 'BROKER_DATA_DAMAGED',
        message: expect.stringMatching(`${partition} cannot be read at offset 0`),
        fix: expect.stringContaining('Restore the folder'),
      })
    },
  )
})

test('a meta.properties that is none stops the start', async () => {
  const starting = startDamaged('closed', (folder) => writeFileSync(join(folder, 'meta.properties'), 'hello'))
  await expect(starting).rejects.toMatchObject({ code: 'BROKER_DATA_UNUSABLE' })
})
