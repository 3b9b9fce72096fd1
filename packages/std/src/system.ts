import { type Clock, systemClock } from './clock.ts'
import { nodeFileSystem } from './filesystem.node.ts'
import type { FileSystem } from './filesystem.ts'
import { nodeNetwork } from './network.node.ts'
import type { Network } from './network.ts'
import { type Random, systemRandom } from './random.ts'
import { systemTimers, type Timers } from './timers.ts'

/** Everything that reaches the outside world. Composition roots take one and hand its parts on. */
export interface System {
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  readonly fileSystem: FileSystem
  readonly network: Network
}

/** The real one. Tests and simulations replace what they want to control. */
export const hostSystem: System = {
  clock: systemClock,
  timers: systemTimers,
  random: systemRandom,
  fileSystem: nodeFileSystem,
  network: nodeNetwork,
}
