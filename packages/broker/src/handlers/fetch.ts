/**
 * Fetch (1): whole record batches from an offset on, as they lie in the log, waiting up to `maxWaitMs` for `minBytes`.
 *
 * At least one batch is returned even if it is larger than the limits. Consumers see what is durable; with `read_committed`
 * (KIP-98) only what is decided, and with it the aborted transactions that are to be passed over. From version 7 on
 * clients may keep sessions (KIP-227), from 13 on topics go by their ids (KIP-516). The answer is read from the log when
 * the socket can take it.
 */
import { Fetch } from '@millrace/kafka'
import type { FetchSessions } from './fetch-session.ts'
import { type FetchServices, noBytes, PendingFetch } from './pending-fetch.ts'
import type { HandlerRegistry } from './registry.ts'

export function registerFetch(registry: HandlerRegistry, sessions: FetchSessions, services: FetchServices): void {
  registry.register({
    api: Fetch,
    versions: [4, 18],
    serve(request, exchange) {
      const context = sessions.open(request, exchange.version)
      if ('errorCode' in context) exchange.respond({ errorCode: context.errorCode, responses: [] })
      else new PendingFetch(request, exchange, services, context).begin()
    },
    errorResponse: (request, errorCode) => ({
      errorCode,
      responses: request.topics.map(({ topic, topicId, partitions }) => ({
        topic,
        topicId,
        partitions: partitions.map(({ partition }) => ({
          partitionIndex: partition,
          errorCode,
          highWatermark: -1,
          abortedTransactions: null,
          records: noBytes,
        })),
      })),
    }),
  })
}
