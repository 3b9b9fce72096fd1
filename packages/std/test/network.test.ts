import fc from 'fast-check'
import { afterEach, expect, test } from 'vitest'
import {
  type Connection,
  type ConnectionHandler,
  type Listener,
  type NetworkError,
  nodeNetwork,
  utf8,
} from '../src/index.ts'

const open: { close(): unknown }[] = []
afterEach(async () => {
  for (const item of open.splice(0).reverse()) await item.close()
})

/** Collects what comes; reads into buffers of a given size. */
class Collector implements Omit<ConnectionHandler, 'received'> {
  readonly chunks: Buffer[] = []
  readonly ended = Promise.withResolvers<NetworkError | undefined>()
  readonly #buffer: Uint8Array
  readonly #onData: (() => void) | undefined
  drains = 0

  constructor(bufferSize = 64 * 1024, onData?: () => void) {
    this.#buffer = new Uint8Array(bufferSize)
    this.#onData = onData
  }
  get received(): Buffer {
    return Buffer.concat(this.chunks)
  }
  buffer(): Uint8Array {
    return this.#buffer
  }
  take(count: number): void {
    this.chunks.push(Buffer.from(this.#buffer.subarray(0, count)))
    this.#onData?.()
  }
  drained(): void {
    this.drains++
  }
  closed(error: NetworkError | undefined): void {
    this.ended.resolve(error)
  }
}

const handlerOf = (collector: Collector): ConnectionHandler => ({
  buffer: () => collector.buffer(),
  received: (count) => collector.take(count),
  drained: () => collector.drained(),
  closed: (error) => collector.closed(error),
})

async function listen(accept: (connection: Connection) => ConnectionHandler): Promise<Listener> {
  const listener = await nodeNetwork.listen({ host: '127.0.0.1', port: 0 }, (connection) => {
    open.push(connection)
    return accept(connection)
  })
  open.push(listener)
  return listener
}

async function connect(port: number, collector: Collector): Promise<Connection> {
  const connection = await nodeNetwork.connect({ host: '127.0.0.1', port, timeoutMs: 5000 }, () => handlerOf(collector))
  open.push(connection)
  return connection
}

test('bytes arrive whole and in order, whatever the parts and the buffers', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(fc.uint8Array({ minLength: 1, maxLength: 5000 }), { minLength: 1, maxLength: 4 }), {
        minLength: 1,
        maxLength: 6,
      }),
      fc.integer({ min: 1, max: 3000 }),
      async (writes, bufferSize) => {
        const expected = Buffer.concat(writes.flat())
        const server = new Collector(bufferSize)
        const listener = await listen((connection) => {
          const echo = new Collector(bufferSize)
          return {
            ...handlerOf(echo),
            received: (count) => {
              echo.take(count)
              server.chunks.push(echo.chunks.at(-1) as Buffer)
              connection.write([echo.chunks.at(-1) as Buffer])
            },
          }
        })
        const client = new Collector(bufferSize)
        const connection = await connect(listener.port, client)
        for (const parts of writes) connection.write(parts)
        connection.end()
        expect(await client.ended.promise).toBeUndefined()
        expect(server.received.equals(expected)).toBe(true)
        expect(client.received.equals(expected)).toBe(true)
      },
    ),
    { numRuns: 25 },
  )
})

test('onFlushed is called once per write, in order', async () => {
  const listener = await listen(() => handlerOf(new Collector()))
  const connection = await connect(listener.port, new Collector())
  const flushed: number[] = []
  await new Promise<void>((resolve) => {
    connection.write([utf8('a')], () => flushed.push(1))
    connection.write([utf8('b'), utf8('c')], () => flushed.push(2))
    connection.write([utf8('d')], () => {
      flushed.push(3)
      resolve()
    })
  })
  expect(flushed).toEqual([1, 2, 3])
  expect(connection.queuedBytes).toBe(0)
})

test('a paused receiver pushes back: write says so, and drained follows once it reads on', async () => {
  let accepted: Connection | undefined
  const server = new Collector()
  const listener = await listen((connection) => {
    accepted = connection
    return handlerOf(server)
  })
  const drained = Promise.withResolvers<void>()
  const client = new Collector()
  const connection = await nodeNetwork.connect({ host: '127.0.0.1', port: listener.port, timeoutMs: 5000 }, () => ({
    ...handlerOf(client),
    drained: () => drained.resolve(),
  }))
  open.push(connection)
  connection.write([utf8('x')])
  while (!accepted) await new Promise(setImmediate)
  accepted.pause()
  const chunk = new Uint8Array(1 << 20)
  let sent = 1
  let taken = true
  while (taken && sent < 1 << 28) {
    taken = connection.write([chunk])
    sent += chunk.length
  }
  expect(taken).toBe(false)
  expect(connection.queuedBytes).toBeGreaterThan(0)
  accepted.resume()
  await drained.promise
  connection.end()
  await server.ended.promise
  expect(server.received.length).toBe(sent)
})

test('close ends both sides; closed is the last call', async () => {
  let accepted: Connection | undefined
  const server = new Collector()
  const listener = await listen((connection) => {
    accepted = connection
    return handlerOf(server)
  })
  const client = new Collector()
  await connect(listener.port, client)
  while (!accepted) await new Promise(setImmediate)
  accepted.close()
  await Promise.all([server.ended.promise, client.ended.promise])
  expect(accepted.write([utf8('late')])).toBe(false)
})

test('a listener says which port it has, and that a port is taken', async () => {
  const listener = await listen(() => handlerOf(new Collector()))
  expect(listener.host).toBe('127.0.0.1')
  expect(listener.port).toBeGreaterThan(0)
  await expect(
    nodeNetwork.listen({ host: '127.0.0.1', port: listener.port }, () => handlerOf(new Collector())),
  ).rejects.toMatchObject({ name: 'NetworkError', code: 'EADDRINUSE' })
})

test('nobody listens: refused, with the address', async () => {
  const listener = await nodeNetwork.listen({ host: '127.0.0.1', port: 0 }, () => handlerOf(new Collector()))
  await listener.close()
  await expect(
    nodeNetwork.connect({ host: '127.0.0.1', port: listener.port, timeoutMs: 5000 }, () => handlerOf(new Collector())),
  ).rejects.toMatchObject({ code: 'ECONNREFUSED', message: `127.0.0.1:${listener.port}: ECONNREFUSED` })
})

test('a closed listener takes no more connections, and those that exist stay', async () => {
  const listener = await listen((connection) => {
    const echo = new Collector()
    return {
      ...handlerOf(echo),
      received: (count) => {
        echo.take(count)
        connection.write([echo.chunks.at(-1) as Buffer])
      },
    }
  })
  const answered = Promise.withResolvers<void>()
  const client = new Collector(1024, () => answered.resolve())
  const connection = await connect(listener.port, client)
  await listener.close()
  await expect(connect(listener.port, new Collector())).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  connection.write([utf8('still here')])
  await answered.promise
  expect(client.received.toString()).toBe('still here')
})
