// Mutations of valid requests of every API and version, against a broker that lives: it neither fails nor grows, and other
// connections do not notice. MILLRACE_FUZZ_FRAMES (15,000) sets how many, MILLRACE_FUZZ_SEED repeats a run.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import {
  type Api,
  ApiVersions,
  CreatePartitions,
  CreateTopics,
  encodeRequest,
  Metadata,
  responseCorrelationId,
} from '@millrace/kafka'
import { concatBytes, nextInt, type Random, seededRandom } from '@millrace/std'
import { expect, test } from 'vitest'
import { startBroker } from '../src/index.ts'
import { apisWithRequest, requestOf } from './support/requests.ts'
import { type Wire, wireNetwork } from './support/wire.ts'

const frames = Number(process.env.MILLRACE_FUZZ_FRAMES ?? 15_000)
const seed = Number(process.env.MILLRACE_FUZZ_SEED ?? Math.floor(Math.random() * 1e9))

/** What a fuzzed frame may make the broker keep, all in all. */
const maxGrowthBytes = 48 * 1_048_576
const framesPerWire = 40

function memoryInUse(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** Length prefix and request, sound in all. Topics are only validated, so that numbers gone wild make none of size. */
function soundFrame(random: Random): Uint8Array {
  const api = apisWithRequest[nextInt(random, apisWithRequest.length)] as Api
  const [first, last] = api.versions
  const version = first + nextInt(random, last - first + 1)
  const body = requestOf(api, version)
  const harmless = api === CreateTopics || api === CreatePartitions ? { validateOnly: true } : {}
  const header = { correlationId: nextInt(random, 1_000_000), clientId: 'fuzz' }
  return concatBytes([...encodeRequest(api, version, header, { ...body, ...harmless } as typeof body)])
}

const telling = [0, 1, 2, 0x7f, 0x80, 0xfe, 0xff]

function mutate(random: Random, sound: Uint8Array): Uint8Array {
  let bytes: Uint8Array = Uint8Array.from(sound)
  for (let changes = 1 + nextInt(random, 4); changes > 0; changes--) {
    const at = 4 + nextInt(random, Math.max(1, bytes.byteLength - 4))
    switch (nextInt(random, 6)) {
      case 0:
        bytes[at] = nextInt(random, 256)
        break
      case 1:
        bytes[at] = telling[nextInt(random, telling.length)] as number
        break
      case 2:
        for (let i = at; i < Math.min(at + 4, bytes.byteLength); i++) bytes[i] = i === at ? 0x7f : 0xff
        break
      case 3:
        bytes = bytes.slice(0, at)
        break
      case 4:
        bytes = concatBytes([bytes.subarray(0, at), bytes.subarray(nextInt(random, at))])
        break
      case 5:
        bytes = concatBytes([bytes.subarray(0, at), Uint8Array.of(nextInt(random, 256)), bytes.subarray(at)])
    }
  }
  // Mostly the length fits what follows: the rest would only be about the length.
  if (nextInt(random, 20) > 0) new DataView(bytes.buffer, bytes.byteOffset).setInt32(0, bytes.byteLength - 4)
  return bytes
}

test(
  `${frames} mutated requests do no harm (seed ${seed})`,
  async () => {
    const random = seededRandom(seed)
    const errors: unknown[] = []
    const network = wireNetwork()
    const broker = await startBroker({
      data: 'memory',
      system: { network },
      config: { 'auto.create.topics.enable': true },
      logger: { info: () => {}, warn: () => {}, error: (message, fields) => void errors.push([message, fields]) },
    })
    const healthy = network.wire()
    let answered: (() => void) | undefined
    let received: Uint8Array = new Uint8Array(0)
    let expected = 0
    healthy.onBytes = (bytes) => {
      received = concatBytes([received, bytes])
      const length = new DataView(received.buffer, received.byteOffset).getInt32(0)
      if (received.byteLength < 4 + length) return
      expect(responseCorrelationId(received.subarray(4, 4 + length))).toBe(expected)
      received = received.slice(4 + length)
      answered?.()
    }
    const isAnswered = async () => {
      expected++
      const header = { correlationId: expected, clientId: 'healthy' }
      const answer = new Promise<void>((resolve) => {
        answered = resolve
      })
      const request =
        expected % 2 === 0
          ? encodeRequest(Metadata, 9, header, { topics: [{ name: 'there' }] })
          : encodeRequest(ApiVersions, 0, header, {})
      healthy.send(concatBytes([...request]))
      await answer
    }
    await isAnswered()

    const before = memoryInUse()
    let wire: Wire | undefined
    for (let i = 0; i < frames; i++) {
      if (!wire || wire.isClosed || wire.isPaused || i % framesPerWire === 0) {
        wire?.hangUp()
        wire = network.wire()
      }
      wire.send(mutate(random, soundFrame(random)))
      if (i % 200 === 0) await isAnswered()
      // What waits for the disk gets its turn.
      if (i % 20 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    wire?.hangUp()
    await isAnswered()
    expect(errors).toEqual([])
    expect(broker.metrics().failedRequests).toBe(0)
    expect(broker.metrics().connections).toBe(1)
    expect(memoryInUse() - before).toBeLessThan(maxGrowthBytes)
    await broker.close()
  },
  120_000 + frames,
)
