/**
 * The protocol codec: a Produce request v9 with one record of 200 bytes and a Fetch response v12 with its batch, each
 * against code written by hand for just this version and shape, in the same run. CPU time per message.
 *
 *   node --conditions=millrace-source bench/codec.bench.ts
 */
import {
  decodeRequest,
  decodeRequestHeader,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  Fetch,
  type FetchResponse,
  Produce,
  type ProduceRequest,
} from '@millrace/kafka'

const ROUNDS = 200_000
const TOPIC = 'word-counts'
const batch = Buffer.alloc(270, 1)

/** Nanoseconds of CPU time per call, the best of seven. */
function cost(work: () => number): number {
  let best = Number.POSITIVE_INFINITY
  for (let attempt = 0; attempt < 7; attempt++) {
    const before = process.cpuUsage()
    for (let round = 0; round < ROUNDS; round++) sink ^= work()
    const used = process.cpuUsage(before)
    best = Math.min(best, ((used.user + used.system) * 1000) / ROUNDS)
  }
  return best
}
let sink = 0

// By hand: the same result, the same checks of sizes, no definition behind it.

function produceByHand(correlationId: number): Uint8Array[] {
  const frame = Buffer.allocUnsafe(64 + TOPIC.length + batch.length)
  let at = 4
  at = frame.writeInt16BE(0, at)
  at = frame.writeInt16BE(9, at)
  at = frame.writeInt32BE(correlationId, at)
  at = frame.writeInt16BE(8, at)
  at += frame.write('millrace', at, 'latin1')
  frame[at++] = 0
  frame[at++] = 0
  at = frame.writeInt16BE(-1, at)
  at = frame.writeInt32BE(30_000, at)
  frame[at++] = 2
  frame[at++] = TOPIC.length + 1
  at += frame.write(TOPIC, at, 'latin1')
  frame[at++] = 2
  at = frame.writeInt32BE(0, at)
  const length = batch.length + 1
  frame[at++] = (length & 0x7f) | 0x80
  frame[at++] = length >>> 7
  frame.set(batch, at)
  at += batch.length
  frame[at++] = 0
  frame[at++] = 0
  frame[at++] = 0
  frame.writeInt32BE(at - 4, 0)
  return [frame.subarray(0, at)]
}

class HandReader {
  readonly frame: Buffer
  at: number
  constructor(frame: Buffer, at: number) {
    this.frame = frame
    this.at = at
  }
  uvarint(): number {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = this.frame.readUInt8(this.at++)
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
  }
  text(): string {
    const length = this.uvarint() - 1
    this.at += length
    if (this.at > this.frame.length) throw new RangeError('text')
    return this.frame.toString('utf8', this.at - length, this.at)
  }
  records(): Uint8Array | null {
    const length = this.uvarint() - 1
    if (length < 0) return null
    this.at += length
    if (this.at > this.frame.length) throw new RangeError('records')
    return this.frame.subarray(this.at - length, this.at)
  }
  int16(): number {
    this.at += 2
    return this.frame.readInt16BE(this.at - 2)
  }
  int32(): number {
    this.at += 4
    return this.frame.readInt32BE(this.at - 4)
  }
  int64(): number {
    return this.int32() * 0x1_0000_0000 + (this.int32() >>> 0)
  }
}

function readProduceByHand(frame: Buffer): ProduceRequest {
  const r = new HandReader(frame, 8)
  r.at += 2 + r.frame.readInt16BE(r.at)
  r.uvarint()
  const transactionalId = r.uvarint() === 0 ? null : ''
  const acks = r.int16()
  const timeoutMs = r.int32()
  const topicData: ProduceRequest['topicData'] = []
  for (let topics = r.uvarint() - 1; topics > 0; topics--) {
    const name = r.text()
    const partitionData: ProduceRequest['topicData'][0]['partitionData'] = []
    for (let partitions = r.uvarint() - 1; partitions > 0; partitions--) {
      const index = r.int32()
      partitionData.push({ index, records: r.records() })
      r.uvarint()
    }
    r.uvarint()
    topicData.push({ name, topicId: NO_ID, partitionData })
  }
  r.uvarint()
  return { transactionalId, acks, timeoutMs, topicData }
}

const NO_ID = new Uint8Array(16)
const NO_EPOCH = { epoch: -1, endOffset: -1 }
const NO_LEADER = { leaderId: -1, leaderEpoch: -1 }

function fetchByHand(correlationId: number): Uint8Array[] {
  const frame = Buffer.allocUnsafe(96 + TOPIC.length + batch.length)
  let at = 4
  at = frame.writeInt32BE(correlationId, at)
  frame[at++] = 0
  at = frame.writeInt32BE(0, at)
  at = frame.writeInt16BE(0, at)
  at = frame.writeInt32BE(0, at)
  frame[at++] = 2
  frame[at++] = TOPIC.length + 1
  at += frame.write(TOPIC, at, 'latin1')
  frame[at++] = 2
  at = frame.writeInt32BE(0, at)
  at = frame.writeInt16BE(0, at)
  for (const value of [1001, 1001, 0]) {
    at = frame.writeInt32BE(Math.floor(value / 0x1_0000_0000), at)
    at = frame.writeUInt32BE(value >>> 0, at)
  }
  frame[at++] = 0
  at = frame.writeInt32BE(-1, at)
  const length = batch.length + 1
  frame[at++] = (length & 0x7f) | 0x80
  frame[at++] = length >>> 7
  frame.set(batch, at)
  at += batch.length
  frame[at++] = 0
  frame[at++] = 0
  frame[at++] = 0
  frame.writeInt32BE(at - 4, 0)
  return [frame.subarray(0, at)]
}

function readFetchByHand(frame: Buffer): FetchResponse {
  const r = new HandReader(frame, 4)
  r.uvarint()
  const throttleTimeMs = r.int32()
  const errorCode = r.int16()
  const sessionId = r.int32()
  const responses: FetchResponse['responses'] = []
  for (let topics = r.uvarint() - 1; topics > 0; topics--) {
    const topic = r.text()
    const partitions: FetchResponse['responses'][0]['partitions'] = []
    for (let count = r.uvarint() - 1; count > 0; count--) {
      const partitionIndex = r.int32()
      const partitionError = r.int16()
      const highWatermark = r.int64()
      const lastStableOffset = r.int64()
      const logStartOffset = r.int64()
      if (r.uvarint() !== 0) throw new RangeError('aborted transactions')
      const preferredReadReplica = r.int32()
      const records = r.records()
      r.uvarint()
      partitions.push({
        partitionIndex,
        errorCode: partitionError,
        highWatermark,
        lastStableOffset,
        logStartOffset,
        divergingEpoch: NO_EPOCH,
        currentLeader: NO_LEADER,
        snapshotId: NO_EPOCH,
        abortedTransactions: null,
        preferredReadReplica,
        records,
      })
    }
    r.uvarint()
    responses.push({ topic, topicId: NO_ID, partitions })
  }
  r.uvarint()
  return { throttleTimeMs, errorCode, sessionId, responses, nodeEndpoints: [] }
}

function produce(correlationId: number): Uint8Array[] {
  return encodeRequest(
    Produce,
    9,
    { correlationId, clientId: 'millrace' },
    { acks: -1, timeoutMs: 30_000, topicData: [{ name: TOPIC, partitionData: [{ index: 0, records: batch }] }] },
  )
}

function fetchResponse(correlationId: number): Uint8Array[] {
  return encodeResponse(Fetch, 12, correlationId, {
    responses: [
      {
        topic: TOPIC,
        partitions: [
          {
            partitionIndex: 0,
            highWatermark: 1001,
            lastStableOffset: 1001,
            logStartOffset: 0,
            abortedTransactions: null,
            records: batch,
          },
        ],
      },
    ],
  })
}

const request = Buffer.concat(produce(1)).subarray(4)
const response = Buffer.concat(fetchResponse(1)).subarray(4)
if (!Buffer.concat(produceByHand(1)).subarray(4).equals(request)) throw new Error('the Produce requests differ')
if (!Buffer.concat(fetchByHand(1)).subarray(4).equals(response)) throw new Error('the Fetch responses differ')

function compare(what: string, byHand: () => number, generated: () => number): void {
  const hand = cost(byHand)
  const ours = cost(generated)
  console.log(
    `${what.padEnd(28)} ${ours.toFixed(0).padStart(5)} ns  by hand ${hand.toFixed(0).padStart(5)} ns  ratio ${(hand / ours).toFixed(2)}`,
  )
}

let id = 0
compare(
  'encode Produce request v9',
  () => produceByHand(++id).length,
  () => produce(++id).length,
)
compare(
  'decode Produce request v9',
  () => readProduceByHand(request).topicData.length,
  () => {
    const { apiVersion, bodyOffset } = decodeRequestHeader(request)
    return decodeRequest(Produce, apiVersion, request, bodyOffset).topicData.length
  },
)
compare(
  'encode Fetch response v12',
  () => fetchByHand(++id).length,
  () => fetchResponse(++id).length,
)
compare(
  'decode Fetch response v12',
  () => readFetchByHand(response).responses.length,
  () => decodeResponse(Fetch, 12, response).body.responses.length,
)
if (sink === 0.5) console.log(sink)
