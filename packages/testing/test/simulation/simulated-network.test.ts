import { type Connection, type ConnectionHandler, type NetworkError, seededRandom } from '@millrace/std'
import { SimulatedNetwork, SimulatedTime, SimulationStuck } from '@millrace/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

function world(seed: number) {
  const time = new SimulatedTime()
  return { time, network: new SimulatedNetwork({ time, random: seededRandom(seed) }) }
}

/** Keeps what it is told. */
class Recorder implements ConnectionHandler {
  readonly bytes: number[] = []
  ended = false
  error: NetworkError | undefined
  drains = 0
  readonly #buffer: Uint8Array

  constructor(bufferBytes = 7) {
    this.#buffer = new Uint8Array(bufferBytes)
  }

  buffer(): Uint8Array {
    return this.#buffer
  }

  received(count: number): void {
    this.bytes.push(...this.#buffer.subarray(0, count))
  }

  drained(): void {
    this.drains++
  }

  closed(error: NetworkError | undefined): void {
    expect(this.ended).toBe(false)
    this.ended = true
    this.error = error
  }
}

async function pair({ time, network }: ReturnType<typeof world>, bufferBytes?: number) {
  const server = new Recorder(bufferBytes)
  const client = new Recorder()
  const serverSide = network.forProcess()
  const clientSide = network.forProcess()
  let accepted: Connection | undefined
  await serverSide.network.listen({ host: '127.0.0.1', port: 9092 }, (connection) => {
    accepted = connection
    return server
  })
  let connection: Connection | undefined
  void clientSide.network
    .connect({ host: '127.0.0.1', port: 9092, timeoutMs: 1_000 }, () => client)
    .then((c) => {
      connection = c
    })
  await time.runUntil(() => connection !== undefined)
  return {
    server,
    client,
    connection: connection as Connection,
    accepted: accepted as Connection,
    killServer: serverSide.kill,
    killClient: clientSide.kill,
  }
}

describe('SimulatedNetwork', () => {
  it('keeps the order of what was written at different times and arrives together', async () => {
    for (let seed = 0; seed < 40; seed++) {
      const { time, network } = world(seed)
      Object.assign(network.faults, { stall: 0.3, stallMs: 400 })
      const { connection, server } = await pair({ time, network })
      const written = Array.from({ length: 60 }, (_, i) => i)
      const random = seededRandom(seed)
      for (const byte of written) {
        connection.write([Uint8Array.of(byte)])
        const until = time.monotonic() + random.next() * 20
        time.schedule(until - time.monotonic(), () => {})
        await time.runUntil(() => time.monotonic() >= until - 1e-6)
      }
      await time.runUntil(() => server.bytes.length === written.length)
      expect(server.bytes).toEqual(written)
    }
  })

  it('brings all bytes in order, in any pieces, before the end of the stream', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer(),
        fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 20 }),
        async (seed, parts) => {
          const { time, network } = world(seed)
          network.faults.stall = 0.2
          const { server, client, connection } = await pair({ time, network })
          for (const part of parts) if (part.byteLength > 0) connection.write([part])
          connection.end()
          await time.runUntil(() => server.ended && client.ended)
          expect(server.bytes).toEqual(parts.flatMap((part) => [...part]))
          expect(server.error).toBeUndefined()
        },
      ),
    )
  })

  it('repeats a run with the same seed', async () => {
    const run = async (seed: number) => {
      const { time, network } = world(seed)
      network.faults.stall = 0.5
      const { server, connection } = await pair({ time, network })
      for (let i = 0; i < 50; i++) connection.write([new Uint8Array(10).fill(i)])
      await time.runUntil(() => server.bytes.length === 500)
      return [time.monotonic(), time.events]
    }
    expect(await run(1)).toEqual(await run(1))
    expect(await run(1)).not.toEqual(await run(2))
  })

  it('a cut loses only what comes last', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), async (seed) => {
        const { time, network } = world(seed)
        const { server, client, connection } = await pair({ time, network })
        network.faults.cut = 0.3
        const sent: number[] = []
        for (let i = 0; i < 30; i++) {
          connection.write([new Uint8Array([i, i, i])])
          sent.push(i, i, i)
        }
        network.cutAll()
        await time.runUntil(() => server.ended && client.ended)
        expect(server.bytes).toEqual(sent.slice(0, server.bytes.length))
        expect(client.error?.code).toBe('ECONNRESET')
      }),
    )
  })

  it('asks a sender to wait while nobody reads, and tells it to go on', async () => {
    const { time, network } = world(1)
    const { server, client, connection, accepted } = await pair({ time, network }, 65_536)
    accepted.pause()
    let flushed = 0
    let more = true
    while (more) more = connection.write([new Uint8Array(20_000)], () => flushed++)
    await time.run(100)
    expect([server.bytes.length, client.drains, flushed]).toEqual([0, 0, 0])
    accepted.resume()
    await time.runUntil(() => connection.queuedBytes === 0)
    expect(client.drains).toBe(1)
    expect(flushed).toBe(4)
  })

  it('a killed process hears nothing more; its peer learns of it', async () => {
    const { time, network } = world(1)
    const { server, client, connection, killServer } = await pair({ time, network })
    connection.write([new Uint8Array(5)])
    killServer()
    await time.runUntil(() => client.ended)
    await time.run(5_000)
    expect(client.error?.code).toBe('ECONNRESET')
    expect([server.ended, server.bytes.length]).toEqual([false, 0])
    const refused = network
      .forProcess()
      .network.connect({ host: '127.0.0.1', port: 9092, timeoutMs: 100 }, () => new Recorder())
      .catch((cause: NetworkError) => cause.code)
    await time.run(10)
    expect(await refused).toBe('ECONNREFUSED')
  })
})

describe('SimulatedTime', () => {
  it('runs events by their time, equal ones in the order of scheduling, and lets promises settle between them', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(20), { minLength: 1, maxLength: 60 }), async (delays) => {
        const time = new SimulatedTime()
        const ran: [number, number][] = []
        let settled = 0
        for (const [i, delay] of delays.entries()) {
          time.schedule(delay, () => {
            expect(settled).toBe(ran.length)
            ran.push([time.monotonic(), i])
            void Promise.resolve().then(() => settled++)
          })
        }
        await time.runUntil(() => settled === delays.length)
        const expected = delays
          .map((delay, i) => [delay, i] as [number, number])
          .sort((a, b) => a[0] - b[0] || a[1] - b[1])
        expect(ran).toEqual(expected)
      }),
    )
  })

  it('says when a program waits for what never comes', async () => {
    const time = new SimulatedTime()
    await expect(time.runUntil(() => false)).rejects.toThrow(SimulationStuck)
    const again = () => void time.schedule(1, again)
    again()
    await expect(time.runUntil(() => false, { maxMs: 100 })).rejects.toThrow('100 ms')
  })
})
