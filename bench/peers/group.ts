import type { Durability, PeerBroker } from './broker.ts'
import type { Figures } from './rows.ts'

/** How much is moved: 1 is what the table is made with, less is quicker and noisier. */
export interface Scale {
  readonly factor: number
}

/** Figures that are measured together, at one broker. */
export interface Group {
  readonly name: string
  readonly durability: Durability
  /** Whether the broker is used, started and stopped by the group itself. */
  readonly ownsProcess?: boolean
  measure(broker: PeerBroker, scale: Scale): Promise<Figures>
}
