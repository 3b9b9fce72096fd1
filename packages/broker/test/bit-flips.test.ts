// One bit of one file of a data folder flips while no broker runs. Whatever the file, the next broker gives out nothing wrong,
// and misses nothing in silence: it refuses to start, says what is damaged, answers an error, or nothing is different.
// MILLRACE_FLIP_RUNS (150) sets how many bits, MILLRACE_FLIP_SEED repeats a run.
import {
  batchSize,
  ConsumerGroupHeartbeat,
  CreateTopics,
  DeleteRecords,
  ErrorCode,
  InitProducerId,
  JoinGroup,
  OffsetCommit,
  Produce,
  RecordBatchBuilder,
} from '@millrace/kafka'
import {
  type FileSystem,
  MemoryFileSystem,
  MillraceError,
  nextInt,
  seededRandom,
  systemClock,
  utf8,
} from '@millrace/std'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { type Broker, startBroker } from '../src/index.ts'
import { copyOf, filesOf } from './inspect/folder.ts'
import { missing, type Observed, observe, readPartition, wrongData } from './support/observed.ts'
import { RawClient } from './support/raw-client.ts'
import { TransactionalClient } from './transactions/transactional-client.ts'

const runs = Number(process.env['MILLRACE_FLIP_RUNS'] ?? 150)
const seed = Number(process.env['MILLRACE_FLIP_SEED'] ?? Math.floor(Math.random() * 1e9))
const topics = ['plain', 'compacted', 'transactions', 'cut'] as const
const ids = ['committed', 'aborted', 'open']
const config = {
  'log.segment.bytes': 1_500,
  'log.index.interval.bytes': 200,
  'offsets.topic.num.partitions': 1,
  'transaction.state.log.num.partitions': 1,
  'log.cleaner.backoff.ms': 5,
  'log.cleaner.min.cleanable.ratio': 0.01,
}

let producer = -1
function batch(n: number): Uint8Array {
  const builder = new RecordBatchBuilder()
  builder.append(utf8(`k${n % 4}`), utf8(`${n} `.padEnd(120, 'x')), 1_700_000_000_000 + n)
  return Uint8Array.from(builder.finish({ producerId: producer, producerEpoch: 0, baseSequence: n }))
}

async function produce(client: RawClient, name: string, n: number) {
  const topicData = [{ name, partitionData: [{ index: 0, records: batch(n) }] }]
  const { responses } = await client.call(Produce, 9, { acks: -1, timeoutMs: 0, topicData })
  return responses[0]?.partitionResponses[0]
}

interface Started {
  readonly broker: Broker
  readonly client: RawClient
  readonly said: string[]
}

async function start(fileSystem: FileSystem, compacts: boolean): Promise<Started> {
  const said: string[] = []
  const keep = (message: string) => void said.push(message)
  const logger = { info: () => {}, warn: keep, error: keep }
  const broker = await startBroker({
    port: 0,
    data: 'data',
    config: { ...config, 'log.cleaner.enable': compacts },
    system: { fileSystem },
    logger,
  })
  return { broker, client: await RawClient.connect(broker), said }
}

/** A folder with a bit of everything: as a broker left it that was closed in order, and as one that was killed. */
async function makeFolders(): Promise<Record<'closed' | 'killed', MemoryFileSystem>> {
  const fileSystem = new MemoryFileSystem({ clock: systemClock })
  const { broker, client } = await start(fileSystem, true)
  await client.call(CreateTopics, 7, {
    topics: topics.map((name) => ({
      name,
      numPartitions: 1,
      replicationFactor: 1,
      assignments: [],
      configs: name === 'compacted' ? [{ name: 'cleanup.policy', value: 'compact' }] : [],
    })),
  })
  producer = (await client.call(InitProducerId, 4, { transactionalId: null, transactionTimeoutMs: 0 })).producerId
  for (const name of ['plain', 'compacted', 'cut'])
    for (let n = 0; n < 25; n++) expect((await produce(client, name, n))?.errorCode).toBe(ErrorCode.NONE)
  await client.call(DeleteRecords, 2, {
    topics: [{ name: 'cut', partitions: [{ partitionIndex: 0, offset: 12 }] }],
    timeoutMs: 1_000,
  })
  for (const id of ids) {
    const transactional = await TransactionalClient.connect(broker, { version: 2 })
    expect(await transactional.init(id)).toBe('NONE')
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 2; i++)
        expect(await transactional.send('transactions', 0, `${id} ${round}`.padEnd(100, 'y'))).toBe('NONE')
      expect(await transactional.commitOffset('copiers', 'plain', 0, round + 1)).toBe('NONE')
      if (id !== 'open' || round < 2) expect(await transactional.end(id !== 'aborted')).toBe('NONE')
    }
    if (id !== 'open')
      await transactional.until(async () => (await transactional.stateOf(id))?.startsWith('Complete') === true)
    transactional.close()
  }
  for (const committedOffset of [3, 9, 17])
    await client.call(OffsetCommit, 8, {
      groupId: 'g',
      memberId: '',
      topics: [{ name: 'plain', partitions: [{ partitionIndex: 0, committedOffset, committedMetadata: '' }] }],
    })
  await client.call(JoinGroup, 4, {
    groupId: 'classic',
    sessionTimeoutMs: 30_000,
    rebalanceTimeoutMs: 30_000,
    memberId: '',
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: utf8('m') }],
  })
  await client.call(ConsumerGroupHeartbeat, 1, {
    groupId: 'modern',
    memberId: 'member',
    memberEpoch: 0,
    rebalanceTimeoutMs: 30_000,
    subscribedTopicNames: ['plain'],
    topicPartitions: [],
  })
  await vi.waitFor(async () => expect((await readPartition(client, 'compacted')).records.size).toBeLessThan(24), {
    timeout: 10_000,
  })
  const killed = copyOf(fileSystem)
  client.close()
  await broker.close()
  return { closed: fileSystem, killed }
}

/**
 * The format's checksum does not cover a batch's base offset, and where offsets have gaps it does not contradict its
 * neighbours either.
 */
function isUncovered(path: string, bytes: Uint8Array, at: number): boolean {
  if (!path.includes('compacted-0/') || !path.endsWith('.log')) return false
  let start = 0
  while (start + batchSize(bytes, start) <= at) start += batchSize(bytes, start)
  return at - start < 8
}

async function observeFolder(fileSystem: FileSystem): Promise<{ observed: Observed; said: string[] }> {
  const { broker, client, said } = await start(fileSystem, false)
  try {
    return {
      observed: await observe(client, { topics, ids, again: () => produce(client, 'plain', 24) }),
      said: [...said],
    }
  } finally {
    client.close()
    await broker.close().catch(() => {})
  }
}

let folders: Record<'closed' | 'killed', MemoryFileSystem>
beforeAll(async () => {
  folders = await makeFolders()
})

describe.each(['closed', 'killed'] as const)('bit flips that nobody noticed: a broker that was %s', (how) => {
  test(
    `any bit of any file (${runs} of them, seed ${seed})`,
    async () => {
      const random = seededRandom(seed)
      const folder = folders[how]
      const { observed: sound, said: nothing } = await observeFolder(copyOf(folder))
      expect(nothing).toEqual([])
      expect(wrongData(sound, sound)).toEqual([])
      // Kinds of files first, so that small and rare ones get their share.
      const kinds = new Map<string, string[]>()
      for (const path of filesOf(folder)) {
        if ((folder.stat(path)?.size ?? 0) === 0) continue
        const place = path.includes('/__') ? path.slice(path.indexOf('__'), path.lastIndexOf('/')) : ''
        const kind = `${place} ${path.slice(Math.max(path.lastIndexOf('.'), path.lastIndexOf('/')))}`
        kinds.set(kind, [...(kinds.get(kind) ?? []), path])
      }
      for (const suffix of ['.log', '.index', '.timeindex', '.txnindex', '.snapshot'])
        expect([...kinds.keys()].some((kind) => kind.endsWith(suffix))).toBe(true)
      const faults: string[] = []
      for (let run = 0; run < runs; run++) {
        const paths = [...kinds.values()][run % kinds.size] as string[]
        const path = paths[nextInt(random, paths.length)] as string
        const damaged = copyOf(folder)
        const at = nextInt(random, damaged.stat(path)?.size as number)
        const bit = nextInt(random, 8)
        if (isUncovered(path, damaged.readFile(path), at)) continue
        const byte = Uint8Array.of((damaged.readFile(path)[at] as number) ^ (1 << bit))
        const file = damaged.open(path, 'write')
        file.write(byte, at)
        file.close()
        const what = `${path} byte ${at} bit ${bit}`
        try {
          const { observed, said } = await observeFolder(damaged)
          faults.push(...wrongData(sound, observed).map((fault) => `${what}: ${fault}`))
          if (said.length === 0)
            faults.push(...missing(sound, observed).map((fault) => `${what}, in silence: ${fault}`))
        } catch (cause) {
          // A start that is refused says why.
          if (!(cause instanceof MillraceError)) throw new Error(what, { cause })
        }
      }
      expect(faults).toEqual([])
    },
    60_000 + runs * 200,
  )
})
