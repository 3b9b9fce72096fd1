/**
 * The broker against hand-written loops over the same sockets and files in the same run (bench/broker/bare-server.ts):
 * durable produce, many small requests, fetch of cached data, start, memory. Server and load generator have a core each.
 * On the folder BENCH_DIR (default: the system's temporary one).
 *
 *   node --expose-gc --conditions=millrace-source bench/broker.bench.ts [produce small fetch start memory]
 */
import { type ChildProcess, fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import * as net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { startBroker } from '@millrace/broker'
import {
  type Api,
  ApiVersions,
  CreateTopics,
  decodeResponse,
  encodeRequest,
  Fetch,
  Produce,
  RecordBatchBuilder,
  type RequestInputOf,
  recordCount,
} from '@millrace/kafka'
import { concatBytes } from '@millrace/std'
import { bareFetchBytes, type BareKind } from './broker/bare-server.ts'
import { drive, type Load } from './broker/load.ts'
import { report } from './measure.ts'

const root = mkdtempSync(join(process.env['BENCH_DIR'] ?? tmpdir(), 'millrace-broker-bench-'))
const source = (name: string) => new URL(`./broker/${name}`, import.meta.url)
/** Versions whose records come last, as the bare server expects. */
const produceVersion = 8
const fetchVersion = 11

function batchOf(recordBytes: number, batchBytes: number): Uint8Array {
  const builder = new RecordBatchBuilder({ capacity: batchBytes })
  const value = new Uint8Array(recordBytes).fill(120)
  do builder.append(null, value, Date.now())
  while (builder.sizeInBytes + recordBytes + 16 < batchBytes)
  return Uint8Array.from(builder.finish())
}

/** A Produce request; its correlation id is where the batch begins, which tells the bare server. */
function produceFrame(batch: Uint8Array): Uint8Array {
  const body = {
    acks: -1,
    timeoutMs: 30_000,
    topicData: [{ name: 'bench', partitionData: [{ index: 0, records: batch }] }],
  }
  const at = concatBytes(encodeRequest(Produce, produceVersion, { correlationId: 0, clientId: 'bench' }, body)).length
  const correlationId = at - batch.byteLength
  return concatBytes(encodeRequest(Produce, produceVersion, { correlationId, clientId: 'bench' }, body))
}

function fetchFrame(fetchOffset: number): Uint8Array {
  const partitions = [{ partition: 0, fetchOffset, partitionMaxBytes: bareFetchBytes + 4_096 }]
  return concatBytes(
    encodeRequest(
      Fetch,
      fetchVersion,
      { correlationId: 1, clientId: 'bench' },
      {
        maxWaitMs: 500,
        minBytes: 1,
        maxBytes: bareFetchBytes + 4_096,
        topics: [{ topic: 'bench', partitions }],
        forgottenTopicsData: [],
      },
    ),
  )
}

async function call<A extends Api>(port: number, api: A, version: number, body: RequestInputOf<A>) {
  const socket = net.connect({ host: '127.0.0.1', port })
  socket.write(concatBytes(encodeRequest(api, version, { correlationId: 1, clientId: 'bench' }, body)))
  const chunks: Buffer[] = []
  for await (const chunk of socket) {
    chunks.push(chunk as Buffer)
    const all = Buffer.concat(chunks)
    if (all.length >= 4 && all.length >= 4 + all.readInt32BE(0)) {
      socket.destroy()
      return decodeResponse(api, version, all.subarray(4)).body
    }
  }
  throw new Error('no answer')
}

async function createTopic(port: number): Promise<void> {
  await call(port, CreateTopics, 5, {
    topics: [{ name: 'bench', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
  })
}

interface Server {
  readonly port: number
  /** Microseconds of CPU time of the server's thread. */
  cpu(): Promise<number>
  close(): Promise<void>
}

let folders = 0
async function startServer(kind: 'broker' | BareKind, config = {}): Promise<Server> {
  const folder = mkdtempSync(join(root, `${kind}-${folders++}-`))
  const worker = new Worker(source('server-worker.ts'), { workerData: { kind, folder, config } })
  const message = <T>() => new Promise<T>((resolve) => worker.once('message', resolve))
  const { port } = await message<{ port: number }>()
  if (kind === 'broker') await createTopic(port)
  return {
    port,
    cpu: async () => {
      worker.postMessage('cpu')
      const { cpu } = await message<{ cpu: { user: number; system: number } }>()
      return cpu.user + cpu.system
    },
    close: async () => {
      worker.postMessage('close')
      await message()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

interface Rate {
  /** Per second of wall time. */
  wall: number
  /** Per second of CPU time of the server's thread. */
  cpu: number
}

/** Drives both servers in turns and keeps the best rate of each. `units`: what a whole load amounts to. */
async function compare(
  bare: BareKind,
  load: Omit<Load, 'port'>,
  { units, attempts, config = {} }: { units: number; attempts: number; config?: Record<string, string> },
  prepare: (port: number) => Promise<void> = async () => {},
): Promise<{ ours: Rate; limit: Rate }> {
  const servers = [await startServer('broker', config), await startServer(bare)] as const
  await prepare(servers[0].port)
  const best: Rate[] = [
    { wall: 0, cpu: 0 },
    { wall: 0, cpu: 0 },
  ]
  for (let attempt = 0; attempt <= attempts; attempt++) {
    for (const [i, server] of servers.entries()) {
      const before = await server.cpu()
      const { ms } = await drive({ ...load, port: server.port })
      const cpu = (await server.cpu()) - before
      const rate = best[i] as Rate
      // The first round is for the compiler.
      if (attempt === 0) continue
      rate.wall = Math.max(rate.wall, (units / ms) * 1e3)
      rate.cpu = Math.max(rate.cpu, (units / cpu) * 1e6)
    }
  }
  for (const server of servers) await server.close()
  return { ours: best[0] as Rate, limit: best[1] as Rate }
}

function reportBoth(what: string, { ours, limit }: { ours: Rate; limit: Rate }, unit: string, ratio: number): void {
  report({ what, ours: ours.wall, limit: limit.wall, unit: `${unit}/s`, target: { ratio }, better: 'higher' })
  report({
    what: `  per second of the server's CPU`,
    ours: ours.cpu,
    limit: limit.cpu,
    unit: `${unit}/s`,
    better: 'higher',
  })
}

async function produce(): Promise<void> {
  const frame = produceFrame(batchOf(1_024, 262_144))
  const total = 150
  const result = await compare(
    'produce',
    { frames: [frame], inFlight: 5, total },
    { units: (total * frame.length) / 1e6, attempts: 14 },
  )
  reportBoth('durable produce, 1 KiB records, 256 KiB batches', result, 'MB', 0.6)
}

async function small(): Promise<void> {
  const perWrite = 64
  const one = produceFrame(batchOf(200, 0))
  const frame = concatBytes(Array.from({ length: perWrite }, () => one))
  const total = 1_500
  const load = { frames: [frame], answersPerFrame: perWrite, inFlight: 1_024 / perWrite, total }
  const units = total * perWrite
  // The bare loop does not sync either.
  const result = await compare('echo', load, { units, attempts: 8, config: { flush: 'none' } })
  reportBoth('produce, one 200-byte record per request', result, 'requests', 8)
  const durable = await compare('echo', load, { units, attempts: 4 })
  reportBoth('the same, durable', durable, 'requests', 8)
}

async function fetch(): Promise<void> {
  const batch = batchOf(1_024, 262_144)
  const records = recordCount(batch, 0)
  const filler = produceFrame(batch)
  const frames = Array.from({ length: 60 }, (_, i) => fetchFrame(i * 4 * records))
  const total = 600
  const result = await compare(
    'fetch',
    { frames, inFlight: 2, total },
    { units: (total * bareFetchBytes) / 1e6, attempts: 6 },
    async (port) => {
      await drive({ port, frames: [filler], inFlight: 4, total: 256 })
    },
  )
  reportBoth('fetch of cached data, 1 MiB a time', result, 'MB', 0.7)
}

async function forkBroker(folder: string): Promise<{ child: ChildProcess; port: number }> {
  const child = fork(source('broker-process.ts'), [folder], {
    // As users run it: from the built packages.
    execArgv: ['--expose-gc'],
  })
  const { port } = await new Promise<{ port: number }>((resolve) => child.once('message', resolve))
  return { child, port }
}

async function closeBroker(child: ChildProcess): Promise<void> {
  child.send('close')
  await new Promise((resolve) => child.once('exit', resolve))
}

async function rssOf(child: ChildProcess): Promise<number> {
  child.send('memory')
  const { rss } = await new Promise<{ rss: number }>((resolve) => child.once('message', resolve))
  return rss / 2 ** 20
}

async function start(): Promise<void> {
  const versions = { clientSoftwareName: 'bench', clientSoftwareVersion: '1' }
  let fromProcess = Number.POSITIVE_INFINITY
  let idle = 0
  for (let attempt = 0; attempt < 3; attempt++) {
    const before = performance.now()
    const { child, port } = await forkBroker(join(root, `start-${attempt}`))
    await call(port, ApiVersions, 3, versions)
    fromProcess = Math.min(fromProcess, performance.now() - before)
    idle = await rssOf(child)
    await closeBroker(child)
  }
  let embedded = Number.POSITIVE_INFINITY
  for (let attempt = 0; attempt < 5; attempt++) {
    const before = performance.now()
    const broker = await startBroker({ port: 0, data: join(root, `embedded-${attempt}`) })
    await call(broker.port, ApiVersions, 3, versions)
    embedded = Math.min(embedded, performance.now() - before)
    await broker.close()
  }
  say('start of a broker process to its first answer', fromProcess, 'ms', 500)
  say('embedded start to the first answer', embedded, 'ms', 100)
  say('memory of an idle broker process', idle, 'MiB', 120)
}

async function memory(): Promise<void> {
  const flowBytes = Number(process.env['BENCH_FLOW_BYTES'] ?? 1.5e9)
  const { child, port } = await forkBroker(join(root, 'memory'))
  await createTopic(port)
  const batch = batchOf(1_024, 262_144)
  const frame = produceFrame(batch)
  const records = recordCount(batch, 0)
  const rounds = 6
  let most = 0
  for (let round = 0; round < rounds; round++) {
    const total = Math.ceil(flowBytes / rounds / frame.length)
    await drive({ port, frames: [frame], inFlight: 5, total })
    const fetches = Array.from({ length: 40 }, (_, i) => fetchFrame((round * total + i) * records))
    await drive({ port, frames: fetches, inFlight: 2, total: Math.floor(total / 4) })
    most = Math.max(most, await rssOf(child))
  }
  say(`memory while ${(flowBytes / 1e9).toFixed(1)} GB flow in and out`, most, 'MiB', 300)
  const stalled = Array.from({ length: 20 }, () => {
    const socket = net.connect({ host: '127.0.0.1', port })
    socket.pause()
    for (let i = 0; i < 50; i++) socket.write(fetchFrame(i))
    return socket
  })
  await drive({ port, frames: [frame], inFlight: 5, total: 200 })
  say('growth while 20 consumers stall', (await rssOf(child)) - most, 'MiB', 64)
  for (const socket of stalled) socket.destroy()
  await closeBroker(child)
}

function say(what: string, value: number, unit: string, limit: number): void {
  console.log(`${what.padEnd(52)} ${value.toFixed(0)} ${unit} (to reach: at most ${limit})`)
}

const parts = { produce, small, fetch, start, memory }
const wanted = process.argv.slice(2) as (keyof typeof parts)[]
try {
  for (const name of wanted.length > 0 ? wanted : (Object.keys(parts) as (keyof typeof parts)[])) await parts[name]()
} finally {
  rmSync(root, { recursive: true, force: true })
}
