import { encodeMetadataRecord, ErrorCode, type MetadataRecordInput, RecordBatchBuilder } from '@millrace/kafka'
import { type FileSystem, MemoryFileSystem, seededRandom, utf8 } from '@millrace/std'
import { ManualClock } from '@millrace/testing'
import { defaultCleanerConfig } from '../../src/log/cleaner/cleaner-config.ts'
import { defaultLogConfig, type LogConfig, LogManager, type PartitionLog } from '../../src/log/index.ts'

export const start = 1_700_000_000_000
const metadataId = new Uint8Array(16).fill(1, 15)

export interface Folder {
  readonly clock: ManualClock
  readonly fileSystem: MemoryFileSystem
  readonly logs: LogManager
}

export const topics = ['plain', 'compacted', 'transactions', 'cut'] as const
type Topic = (typeof topics)[number]
export const idOf = (topic: string) => new Uint8Array(16).fill(topic.charCodeAt(0))

const configs: Readonly<Record<string, Partial<LogConfig>>> = {
  compacted: { cleanupPolicy: ['compact'], minCleanableDirtyRatio: 0 },
  __cluster_metadata: { cleanupPolicy: ['compact'], compactsItself: true },
}

export function open(fileSystem: FileSystem, clock = new ManualClock({ now: start })): Folder {
  const logs = LogManager.open({
    folder: 'data',
    fileSystem,
    clock,
    timers: clock,
    random: seededRandom(3),
    nodeId: 1,
    clusterId: 'AAAAAAAAAAAAAAAAAAAAAA',
    cleaner: () => ({ ...defaultCleanerConfig, enabled: false }),
    configOf: (topic) => ({ ...defaultLogConfig, segmentBytes: 900, indexIntervalBytes: 150, ...configs[topic] }),
  })
  return { logs, fileSystem: fileSystem as MemoryFileSystem, clock }
}

export async function close({ clock, logs }: Folder): Promise<void> {
  const closing = logs.close()
  await clock.settle()
  await closing
}

interface Write {
  readonly key?: string
  readonly records?: number
  readonly producer?: { readonly id: number; readonly sequence: number; readonly transactional?: boolean }
  readonly epoch?: number
}

export function write(log: PartitionLog, value: string, { epoch = 0, key, producer, records = 1 }: Write = {}): void {
  const builder = new RecordBatchBuilder({ compression: value.length % 2 ? 'gzip' : 'none' })
  for (let i = 0; i < records; i++) {
    builder.append(key === undefined ? null : utf8(key), utf8(`${value} ${i}`), start + log.endOffset * 10 + i)
  }
  const identity = producer && {
    producerId: producer.id,
    producerEpoch: 0,
    baseSequence: producer.sequence,
    transactional: producer.transactional ?? false,
  }
  const result = log.append(Uint8Array.from(builder.finish(identity)), { leaderEpoch: epoch })
  if (result.errorCode !== ErrorCode.NONE) throw new Error(result.message)
}

/** A folder with a bit of everything, closed in order. */
export async function makeFolder(): Promise<MemoryFileSystem> {
  const clock = new ManualClock({ now: start })
  const folder = open(new MemoryFileSystem({ clock }), clock)
  const { logs } = folder
  const making = Promise.all([
    logs.createPartition('__cluster_metadata', 0, metadataId),
    ...topics.map((topic) => logs.createPartition(topic, 0, idOf(topic))),
  ])
  await clock.settle()
  const [metadata] = (await making) as [PartitionLog]
  const of = (topic: Topic) => logs.get(topic, 0) as PartitionLog
  const records = topics.map(
    (name): MetadataRecordInput => ({ kind: 'TopicRecord', value: { name, topicId: idOf(name) } }),
  )
  const builder = new RecordBatchBuilder()
  for (const record of records) builder.append(null, encodeMetadataRecord(record), start)
  metadata.append(Uint8Array.from(builder.finish()), { leaderEpoch: 0, origin: 'coordinator' })

  for (let i = 0; i < 30; i++) write(of('plain'), 'v'.repeat(i), { records: 1 + (i % 3), epoch: Math.floor(i / 12) })
  for (let i = 0; i < 40; i++) write(of('compacted'), `${i}`, { key: `k${i % 7}`, records: 2 })
  of('compacted').roll()
  write(of('compacted'), 'new', { key: 'k1' })
  for (let i = 0; i < 12; i++) {
    const producer = { id: 100 + (i % 2), sequence: Math.floor(i / 2) * 2, transactional: true }
    write(of('transactions'), `t${i}`, { records: 2, producer })
    const marker = { coordinatorEpoch: 1, producerEpoch: 0, transactionVersion: 1 }
    if (i % 3 === 2) {
      const producerId = 100 + (i % 2)
      of('transactions').appendEndTxnMarker({ ...marker, producerId, commit: i % 2 === 0 })
    }
  }
  for (let i = 0; i < 20; i++) write(of('cut'), `c${i}`, { records: 3 })
  await clock.settle()
  of('cut').deleteRecordsBefore(31)
  for (let more = true; more; ) {
    const round = logs.cleanOne()
    await clock.settle()
    more = (await round) !== undefined
  }
  await close(folder)
  return folder.fileSystem
}

/** All files of a folder, with those of the folders in it. */
export function filesOf(fileSystem: FileSystem, folder = 'data'): string[] {
  return fileSystem.list(folder).flatMap((name) => {
    const path = `${folder}/${name}`
    return fileSystem.stat(path)?.kind === 'directory' ? filesOf(fileSystem, path) : [path]
  })
}

export function copyOf(source: FileSystem): MemoryFileSystem {
  const clock = new ManualClock({ now: start })
  const copy = new MemoryFileSystem({ clock })
  for (const path of filesOf(source)) {
    copy.makeDirectory(path.slice(0, path.lastIndexOf('/')))
    const file = copy.open(path, 'create')
    file.write(source.readFile(path), 0)
    file.close()
  }
  return copy
}

/** What consumers get of a folder: of each log its extent, and its batches or the offsets that fail. */
export async function served(fileSystem: FileSystem): Promise<unknown> {
  const folder = open(fileSystem)
  const found = [...folder.logs.logs()].map((log) => {
    const batches: string[] = []
    for (let offset = log.logStartOffset; offset < log.highWatermark; ) {
      const { errorCode, parts, size } = log.read(offset, 1)
      if (errorCode !== 0) batches.push(`${offset++}: error ${errorCode}`)
      else if (size === 0) break
      else {
        const batch = Buffer.from(parts[0] as Uint8Array)
        batches.push(batch.toString('base64'))
        offset = Number(batch.readBigInt64BE(0)) + batch.readInt32BE(23) + 1
      }
    }
    const aborted = log.abortedTransactions(log.logStartOffset, log.endOffset)
    return { topic: log.topic, start: log.logStartOffset, end: log.endOffset, batches, aborted }
  })
  await close(folder)
  return found
}
