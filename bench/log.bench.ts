/**
 * The log against bare loops over the same file system in the same run: what append and read cost beside the checksum,
 * the write, the sync and the read that they cannot do without. On the folder BENCH_DIR (default: the system's
 * temporary one).
 *
 *   node --conditions=millrace-source bench/log.bench.ts
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defaultLogConfig, type LogConfig, LogManager, type PartitionLog } from '../packages/broker/src/log/index.ts'
import { batchCrc, crc32c, lastOffset, RecordBatchBuilder } from '@millrace/kafka'
import { type FileHandle, hostSystem, nodeFileSystem } from '@millrace/std'
import { report } from './measure.ts'

const folder = mkdtempSync(join(process.env['BENCH_DIR'] ?? tmpdir(), 'millrace-log-bench-'))
/** Of one attempt. */
const attemptBytes = 8 * 1024 * 1024
const attempts = 30
let sink = 0

function batchOf(bytes: number): Uint8Array {
  const builder = new RecordBatchBuilder({ capacity: bytes })
  const value = new Uint8Array(1024).fill(120)
  while (builder.sizeInBytes + value.byteLength + 16 < bytes) builder.append(null, value, Date.now())
  return Uint8Array.from(builder.finish())
}

/**
 * Runs both in turns, in short attempts, since the machine is shared: the best of each. `wall`: MB per second;
 * `cpu`: MB per second of CPU time, all threads.
 */
async function compare(
  clock: 'wall' | 'cpu',
  bytes: number,
  ours: () => Promise<void> | void,
  bare: () => Promise<void> | void,
): Promise<[number, number]> {
  const best: [number, number] = [0, 0]
  for (let attempt = 0; attempt < attempts; attempt++) {
    for (const [i, work] of [ours, bare].entries()) {
      const cpu = process.cpuUsage()
      const before = performance.now()
      await work()
      const wall = performance.now() - before
      const used = process.cpuUsage(cpu)
      const rate = bytes / 1e3 / (clock === 'wall' ? wall : (used.user + used.system) / 1e3)
      best[i] = Math.max(best[i] as number, rate)
    }
  }
  return best
}

async function withLog(config: Partial<LogConfig>, use: (log: PartitionLog) => Promise<void>): Promise<void> {
  const path = join(folder, 'data')
  const logs = LogManager.open({
    ...hostSystem,
    folder: path,
    nodeId: 1,
    configOf: () => ({ ...defaultLogConfig, segmentBytes: 2 ** 30, ...config }),
  })
  await use(await logs.createPartition('bench', 0, new Uint8Array(16).fill(1)))
  await logs.close()
  rmSync(path, { recursive: true, force: true })
}

/** Empty: writing over what is there costs less than letting a file grow. */
function newFile(): FileHandle {
  const file = nodeFileSystem.open(join(folder, 'bare'), 'create')
  file.truncate(0)
  return file
}

function bareAppend(file: FileHandle, batch: Uint8Array, position: number): void {
  if (crc32c(batch, 21) !== batchCrc(batch, 0)) throw new Error('bad checksum')
  file.write(batch, position)
}

async function durable(inFlight: number): Promise<void> {
  const batch = batchOf(256 * 1024)
  const count = Math.floor(attemptBytes / batch.byteLength / inFlight)
  await withLog({ flush: 'sync' }, async (log) => {
    const file = newFile()
    let position = 0
    const [ours, bare] = await compare(
      'wall',
      attemptBytes,
      async () => {
        for (let i = 0; i < count; i++) {
          for (let k = 0; k < inFlight; k++) sink ^= log.append(batch, { leaderEpoch: 0 }).errorCode
          sink ^= await log.flushed()
        }
      },
      async () => {
        for (let i = 0; i < count; i++) {
          for (let k = 0; k < inFlight; k++) {
            bareAppend(file, batch, position)
            position += batch.byteLength
          }
          await file.sync()
        }
      },
    )
    file.close()
    report({
      what: `append 256 KiB, synced, ${inFlight} in flight`,
      ours,
      limit: bare,
      unit: 'MB/s',
      target: { ratio: 0.8 },
      better: 'higher',
    })
  })
}

async function unsynced(): Promise<void> {
  const batch = batchOf(16 * 1024)
  const count = Math.floor(attemptBytes / batch.byteLength)
  await withLog({ flush: 'none' }, async (log) => {
    const file = newFile()
    let position = 0
    const [ours, bare] = await compare(
      'cpu',
      attemptBytes,
      () => {
        for (let i = 0; i < count; i++) sink ^= log.append(batch, { leaderEpoch: 0 }).errorCode
      },
      () => {
        for (let i = 0; i < count; i++) {
          bareAppend(file, batch, position)
          position += batch.byteLength
        }
      },
    )
    file.close()
    report({
      what: 'append 16 KiB, not synced',
      ours,
      limit: bare,
      unit: 'MB/s',
      target: { ratio: 0.8 },
      better: 'higher',
    })
  })
}

async function reading(batchBytes: number, readBytes: number): Promise<void> {
  const batch = batchOf(batchBytes)
  const count = Math.floor(attemptBytes / batch.byteLength)
  await withLog({ flush: 'none' }, async (log) => {
    for (let i = 0; i < count; i++) log.append(batch, { leaderEpoch: 0 })
    await log.flush()
    const buffer = Buffer.allocUnsafeSlow(readBytes)
    const allocate = () => buffer
    const file = nodeFileSystem.open(join(log.folder, '00000000000000000000.log'), 'read')
    const [ours, bare] = await compare(
      'cpu',
      attemptBytes,
      () => {
        for (let offset = 0; offset < log.endOffset; ) {
          const { parts } = log.read(offset, readBytes, { allocate })
          const last = parts.at(-1) as Uint8Array
          offset = lastOffset(last, Math.floor((last.byteLength - 1) / batch.byteLength) * batch.byteLength) + 1
        }
      },
      () => {
        for (let position = 0; position < attemptBytes; position += readBytes) sink ^= file.read(buffer, position)
      },
    )
    file.close()
    report({
      what: `read ${batchBytes / 1024} KiB batches, ${readBytes / 1024} KiB at once`,
      ours,
      limit: bare,
      unit: 'MB/cpu-s',
      target: { ratio: 0.8 },
      better: 'higher',
    })
  })
}

try {
  await durable(1)
  await durable(4)
  await unsynced()
  await reading(16 * 1024, 1024 * 1024)
  await reading(256 * 1024, 1024 * 1024)
  if (sink !== 0) console.log(`(${sink})`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
