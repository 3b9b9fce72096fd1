/** Where clients find a broker, as it is advertised to them. */
export interface BrokerAddress {
  readonly nodeId: number
  readonly host: string
  readonly port: number
}

/** The brokers that have a partition, and those of them that are up to date. The first leads. */
export interface Placement {
  readonly replicas: readonly number[]
  readonly isr: readonly number[]
}

/**
 * The brokers that clients see. All of them are this process, with one data folder. With several, each has its own listener,
 * leads its share of the partitions, and can be away.
 */
export class Brokers {
  /** Ascending. */
  readonly ids: readonly number[]
  readonly #addresses = new Map<number, BrokerAddress>()
  readonly #away = new Set<number>()

  constructor(ids: readonly number[]) {
    this.ids = ids
  }

  /** Where a partition is. It is on the first broker where there is none of its own, as in a folder from elsewhere. */
  placement(replicas: readonly number[] = []): Placement {
    const known = replicas.filter((id) => this.ids.includes(id))
    const present = known.length === 0 ? this.ids.slice(0, 1) : known.length === replicas.length ? replicas : known
    return { replicas: present, isr: this.#away.size === 0 ? present : present.filter((id) => this.isAlive(id)) }
  }

  /** Whether it leads and coordinates: one that is starting does. */
  isAlive(id: number): boolean {
    return this.ids.includes(id) && !this.#away.has(id)
  }

  /** The first that is alive; -1 when none is. */
  get controllerId(): number {
    return this.ids.find((id) => this.isAlive(id)) ?? -1
  }

  /** Those that clients can go to. */
  addresses(): BrokerAddress[] {
    return this.ids.flatMap((id) => this.addressOf(id) ?? [])
  }

  addressOf(id: number): BrokerAddress | undefined {
    return this.isAlive(id) ? this.#addresses.get(id) : undefined
  }

  /** It listens there. */
  came(address: BrokerAddress): void {
    this.#addresses.set(address.nodeId, address)
    this.#away.delete(address.nodeId)
  }

  left(id: number): void {
    this.#away.add(id)
  }
}
