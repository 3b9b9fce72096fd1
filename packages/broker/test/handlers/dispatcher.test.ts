import { type Api, decodeResponse, encodeRequest, ErrorCode, Fetch, Heartbeat } from '@millrace/kafka'
import { concatBytes } from '@millrace/std'
import { describe, expect, test } from 'vitest'
import { Dispatcher } from '../../src/handlers/dispatcher.ts'
import { type Exchange, HandlerRegistry, RequestError } from '../../src/handlers/registry.ts'
import { isStream, type Response } from '../../src/net/response.ts'

/** A dispatcher over one handler of Heartbeat and one of Fetch, and what it says and answers. */
function dispatcherOf(handlers: {
  heartbeat?: () => { errorCode: number } | Promise<{ errorCode: number }>
  fetch?: (exchange: Exchange<typeof Fetch>) => void
}) {
  const registry = new HandlerRegistry()
  registry.registerSimple({
    api: Heartbeat,
    versions: [0, 4],
    handle: handlers.heartbeat ?? (() => ({ errorCode: 0 })),
    errorResponse: (_request, errorCode) => ({ errorCode }),
  })
  registry.register({
    api: Fetch,
    versions: [4, 12],
    serve: (_request, exchange) => handlers.fetch?.(exchange),
    errorResponse: (_request, errorCode) => ({ errorCode, responses: [] }),
  })
  const errors: string[] = []
  const logger = { info: () => {}, warn: () => {}, error: (message: string) => void errors.push(message) }
  const dispatcher = new Dispatcher('127.0.0.1:5', 1, { registry, logger, metrics: { requests: 0, failedRequests: 0 } })
  const ask = async (
    api: Api,
    version: number,
    body: Record<string, unknown>,
  ): Promise<{ errorCode: number } | string> => {
    const frame = concatBytes(encodeRequest(api, version, { correlationId: 7, clientId: null }, body)).subarray(4)
    const answer = new Promise<Response | string>((resolve) => {
      const slot = { share: () => {}, send: resolve, skip: () => resolve('skipped'), abort: resolve }
      dispatcher.request(frame, 0, frame.byteLength, { open: () => slot })
    })
    dispatcher.endOfRead()
    const response = await answer
    if (typeof response === 'string') return response
    const parts = isStream(response) ? response.next() : response
    const { correlationId, body: decoded } = decodeResponse(api, version, concatBytes(parts ?? []).subarray(4))
    expect(correlationId).toBe(7)
    return decoded as unknown as { errorCode: number }
  }
  return { ask, errors }
}

const heartbeat = { groupId: 'g', generationId: 1, memberId: 'm' }
const fetch = { maxWaitMs: 0, minBytes: 0, topics: [], forgottenTopicsData: [] }

describe('a handler that fails', () => {
  test.each([
    [
      'by throwing',
      () => {
        throw new Error('oh')
      },
    ],
    ['by rejecting', () => Promise.reject(new Error('oh'))],
  ])('%s is answered for and logged', async (_how, fail) => {
    const { ask, errors } = dispatcherOf({ heartbeat: fail })
    expect(await ask(Heartbeat, 4, heartbeat)).toMatchObject({ errorCode: ErrorCode.UNKNOWN_SERVER_ERROR })
    expect(errors).toEqual(['Heartbeat v4 from 127.0.0.1:5 failed'])
  })

  test('with an answer that cannot be written is answered for, and who brought the answer goes on', async () => {
    let wentOn = false
    const { ask, errors } = dispatcherOf({
      fetch: (exchange) =>
        queueMicrotask(() => {
          exchange.respond({ errorCode: 99_999, responses: [] })
          wentOn = true
        }),
    })
    expect(await ask(Fetch, 12, fetch)).toMatchObject({ errorCode: ErrorCode.UNKNOWN_SERVER_ERROR })
    expect(errors).toEqual(['Fetch v12 from 127.0.0.1:5 failed'])
    expect(wentOn).toBe(true)
  })

  test('with an error that is meant for the client answers that, and nothing is logged', async () => {
    const { ask, errors } = dispatcherOf({
      heartbeat: () => {
        throw new RequestError(ErrorCode.COORDINATOR_NOT_AVAILABLE, 'later')
      },
    })
    expect(await ask(Heartbeat, 4, heartbeat)).toMatchObject({ errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE })
    expect(errors).toEqual([])
  })

  test('in the middle of making its answer is answered for as well', async () => {
    const { ask, errors } = dispatcherOf({
      fetch: (exchange) =>
        exchange.stream({
          next: () => {
            throw new Error('disk on fire')
          },
          flushed: () => {},
          close: () => {},
        }),
    })
    expect(await ask(Fetch, 12, fetch)).toMatchObject({ errorCode: ErrorCode.UNKNOWN_SERVER_ERROR })
    expect(errors).toHaveLength(1)
  })

  test('with an answer that cannot be written does not bring the broker down', async () => {
    const { ask, errors } = dispatcherOf({ heartbeat: () => ({ errorCode: 1_000_000 }) })
    expect(await ask(Heartbeat, 4, heartbeat)).toMatchObject({ errorCode: ErrorCode.UNKNOWN_SERVER_ERROR })
    expect(errors).toHaveLength(1)
  })
})
