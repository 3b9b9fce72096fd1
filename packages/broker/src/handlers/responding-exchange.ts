import type { Api, ResponseInputOf } from '@millrace/kafka'
import type { ResponseStream } from '../net/response.ts'
import type { Client, Exchange } from './registry.ts'

/** An exchange whose answer is changed on its way. */
export class RespondingExchange implements Exchange {
  readonly version: number
  readonly correlationId: number
  readonly clientId: string | null
  readonly client: Client
  readonly frame: Uint8Array
  readonly #exchange: Exchange
  readonly #change: (body: ResponseInputOf<Api>) => ResponseInputOf<Api>

  constructor(exchange: Exchange, change: (body: ResponseInputOf<Api>) => ResponseInputOf<Api>) {
    this.version = exchange.version
    this.correlationId = exchange.correlationId
    this.clientId = exchange.clientId
    this.client = exchange.client
    this.frame = exchange.frame
    this.#exchange = exchange
    this.#change = change
  }

  respond(body: ResponseInputOf<Api>): void {
    this.#exchange.respond(this.#change(body))
  }

  stream(stream: ResponseStream): void {
    this.#exchange.stream(stream)
  }

  skip(): void {
    this.#exchange.skip()
  }

  abort(reason: string): void {
    this.#exchange.abort(reason)
  }

  fail(cause: unknown): void {
    this.#exchange.fail(cause)
  }
}
