import type { Connection } from '@millrace/std'
import { describe, expect, it } from 'vitest'
import { BrokerConnection } from '../../src/client/cluster/connection.ts'
import { FrameReader } from '../../src/client/cluster/frame-reader.ts'
import { encodeResponse } from '../../src/codec/frame.ts'
import { ApiVersions, apis, decodeRequestHeader, Fetch, Heartbeat, Metadata } from '../../src/definitions/index.ts'
import { VirtualSystem } from './support/virtual-system.ts'

type Serve = (correlationId: number, apiKey: number, connection: Connection, version: number) => void

const heartbeat = { groupId: 'g', generationId: 1, memberId: 'm', groupInstanceId: null }

async function connect(serve: Serve, ranges: Record<string, [number, number]> = {}) {
  const system = new VirtualSystem()
  await system.network.listen({ host: 'h', port: 1 }, (connection) => {
    const reader = new FrameReader({
      maxFrameBytes: 1 << 20,
      onFrame: (frame) => {
        const { correlationId, apiKey, apiVersion } = decodeRequestHeader(frame)
        if (apiKey !== ApiVersions.key || ranges.ApiVersions) serve(correlationId, apiKey, connection, apiVersion)
        else {
          const apiKeys = apis.map((api) => {
            const [minVersion, maxVersion] = ranges[api.name] ?? api.versions
            return { apiKey: api.key, minVersion, maxVersion }
          })
          connection.write(encodeResponse(ApiVersions, apiVersion, correlationId, { apiKeys }))
        }
      },
    })
    return {
      buffer: () => reader.buffer(),
      received: (count) => reader.received(count),
      drained: () => {},
      closed: () => {},
    }
  })
  const options = { host: 'h', port: 1, clientId: 'test', connectTimeoutMs: 1_000, requestTimeoutMs: 5_000 }
  const opened = BrokerConnection.open({ system, maxFrameBytes: 1 << 16, ...options })
  return { system, opened }
}

const answer = (connection: Connection, correlationId: number, errorCode: number) =>
  connection.write(encodeResponse(Heartbeat, 4, correlationId, { errorCode }))

describe('BrokerConnection', () => {
  it('matches answers to requests by correlation id, in whatever order they come', async () => {
    const waiting: number[] = []
    const { system, opened } = await connect((correlationId, _, connection) => {
      waiting.push(correlationId)
      if (waiting.length === 3) for (const id of waiting.reverse()) answer(connection, id, id)
    })
    const connection = await system.run(opened)
    const sent = [1, 2, 3].map(() => connection.request(Heartbeat, 4, heartbeat))
    expect((await system.run(Promise.all(sent))).map((body) => body.errorCode)).toEqual([1, 2, 3])
    connection.close()
  })

  it('gives up a connection on which an answer is late: the other requests fail with it', async () => {
    let requests = 0
    const { system, opened } = await connect((id, _, connection) => {
      if (++requests > 1) system.timers.schedule(7_000, () => answer(connection, id, 0))
    })
    const connection = await system.run(opened)
    let closed = 0
    connection.onClosed = () => closed++
    const first = connection.request(Heartbeat, 4, heartbeat, { timeoutMs: 2_000 })
    const second = connection.request(Heartbeat, 4, heartbeat, { timeoutMs: 10_000 })
    const outcomes = await system.run(Promise.allSettled([first, second]))
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'KAFKA_CONNECTION_LOST' } })
    }
    expect(system.clock.monotonic()).toBe(2_000)
    expect([connection.isClosed, closed]).toEqual([true, 1])
    await expect(connection.request(Heartbeat, 4, heartbeat)).rejects.toMatchObject({ code: 'KAFKA_CONNECTION_LOST' })
  })

  it.each<[string, Serve, RegExp]>([
    ['ends', (_, __, connection) => connection.close(), /the broker closed it/],
    ['answers what was not asked', (id, _, connection) => answer(connection, id + 9, 0), /not made/],
    ['sends an absurd size', (_, __, connection) => connection.write([Buffer.from('HTTP/1.1 400')]), /frame of/],
    [
      'sends an answer that does not decode',
      (id, _, connection) => connection.write([Buffer.from([0, 0, 0, 5, 0, 0, 0, id, 0])]),
      /HeartbeatResponse/,
    ],
  ])('fails its requests when the broker %s', async (_, serve, message) => {
    const { system, opened } = await connect(serve)
    const connection = await system.run(opened)
    await expect(system.run(connection.request(Heartbeat, 4, heartbeat))).rejects.toThrow(message)
    expect(connection.isClosed).toBe(true)
  })

  it('takes the highest version that both speak, and says when there is none', async () => {
    const { system, opened } = await connect(() => {}, { Fetch: [4, 11], Metadata: [50, 60], Heartbeat: [0, 99] })
    const connection = await system.run(opened)
    expect(connection.versionOf(Fetch)).toBe(11)
    expect(connection.versionOf(Fetch, 7)).toBe(7)
    expect(connection.versionOf(Heartbeat)).toBe(4)
    expect(() => connection.versionOf(Fetch, 3)).toThrow(/UNSUPPORTED_VERSION/)
    expect(() => connection.versionOf(Metadata)).toThrow(
      /this client speaks versions 0 to 13, the broker versions 50 to 60/,
    )
    connection.close()
  })

  it('asks again in the broker’s version when ApiVersions itself is too new', async () => {
    const asked: number[] = []
    const { system, opened } = await connect(
      (id, _, connection, version) => {
        asked.push(version)
        const apiKeys = [{ apiKey: ApiVersions.key, minVersion: 0, maxVersion: 2 }]
        const errorCode = version > 2 ? 35 : 0
        connection.write(encodeResponse(ApiVersions, version > 2 ? 0 : version, id, { errorCode, apiKeys }))
      },
      { ApiVersions: [0, 2] },
    )
    const connection = await system.run(opened)
    expect(asked).toEqual([4, 2])
    expect(connection.versionOf(ApiVersions)).toBe(2)
    connection.close()
  })

  it('says where it could not connect', async () => {
    const system = new VirtualSystem()
    const options = {
      host: 'nowhere',
      port: 7,
      clientId: 'c',
      connectTimeoutMs: 1,
      requestTimeoutMs: 1,
      maxFrameBytes: 1,
    }
    await expect(BrokerConnection.open({ system, ...options })).rejects.toMatchObject({
      code: 'KAFKA_CONNECT_FAILED',
      message: expect.stringContaining('nowhere:7'),
    })
  })
})
