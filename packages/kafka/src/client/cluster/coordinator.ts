import type { Api, ResponseOf } from '../../codec/schema.ts'
import { ErrorCode } from '../../errors/index.ts'
import type { Body, Cluster, SendOptions } from './cluster.ts'
import type { Lane } from './links.ts'
import { ConnectionError } from './errors.ts'

export type CoordinatorKind = 'group' | 'transaction'

/** The broker that looks after one group or transactional id: found when needed, and found again when it moves. */
export class Coordinator {
  readonly #cluster: Cluster
  readonly #kind: CoordinatorKind
  readonly #key: string
  readonly #lane: Lane
  #nodeId: number | undefined
  #finding: Promise<number> | undefined

  constructor(cluster: Cluster, of: { kind: CoordinatorKind; key: string; lane: Lane }) {
    this.#cluster = cluster
    this.#kind = of.kind
    this.#key = of.key
    this.#lane = of.lane
  }

  /** Sends to the coordinator. `errorOf` says what in the answer tells that it is not the coordinator (any more). */
  async send<A extends Api>(
    api: A,
    body: Body<A>,
    errorOf: (response: ResponseOf<A>) => number,
    options: SendOptions = {},
  ): Promise<ResponseOf<A>> {
    const nodeId = await this.#find()
    try {
      const response = await this.#cluster.send(nodeId, api, body, { lane: this.#lane, ...options })
      const code = errorOf(response)
      if (code === ErrorCode.NOT_COORDINATOR || code === ErrorCode.COORDINATOR_NOT_AVAILABLE) this.forget(nodeId)
      return response
    } catch (error) {
      if (error instanceof ConnectionError) this.forget(nodeId)
      throw error
    }
  }

  /** The coordinator is looked up again before the next request. */
  forget(nodeId: number | undefined = this.#nodeId): void {
    if (this.#nodeId === nodeId) this.#nodeId = undefined
  }

  async #find(): Promise<number> {
    if (this.#nodeId !== undefined && this.#cluster.metadata.brokers.has(this.#nodeId)) return this.#nodeId
    this.#finding ??= this.#cluster.findCoordinator(this.#kind, this.#key).finally(() => {
      this.#finding = undefined
    })
    this.#nodeId = await this.#finding
    return this.#nodeId
  }
}
