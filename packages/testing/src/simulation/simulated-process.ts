import type { Clock, FileHandle, FileSystem, Random, System, TimerHandle, Timers } from '@millrace/std'
import { SimulatedCrash } from '../simulated-disk.ts'
import type { SimulatedNetwork } from './simulated-network.ts'

export interface SimulatedProcessOptions {
  readonly time: Clock & Timers
  readonly random: Random
  readonly network: SimulatedNetwork
  readonly fileSystem: FileSystem
}

/**
 * A process of a simulation: what a program may use of the world, until it is killed. From then on nothing of it runs or
 * reaches anything, and the others learn of it by their broken connections.
 *
 * @example
 * const process = new SimulatedProcess({ time, random, network, fileSystem: disk })
 * const broker = await startBroker({ data: '/data', system: process })
 * process.kill()
 */
export class SimulatedProcess implements System {
  readonly clock: Clock
  readonly random: Random
  readonly timers: Timers
  readonly network: System['network']
  readonly fileSystem: FileSystem
  #alive = true
  readonly #killNetwork: () => void

  constructor({ time, random, network, fileSystem }: SimulatedProcessOptions) {
    this.clock = time
    this.random = random
    const schedule = (delayMs: number, callback: () => void): TimerHandle =>
      time.schedule(delayMs, () => {
        if (this.#alive) callback()
      })
    this.timers = {
      schedule,
      scheduleBackground: schedule,
      immediate: (callback) => schedule(0, callback),
      cancel: (handle) => time.cancel(handle),
    }
    const own = network.forProcess()
    this.network = own.network
    this.#killNetwork = own.kill
    this.fileSystem = whileAlive(fileSystem, () => this.#alive)
  }

  get isAlive(): boolean {
    return this.#alive
  }

  kill(): void {
    this.#alive = false
    this.#killNetwork()
  }
}

/** Code of a dead process may still run, to the end of its promises; the disk is no longer its own. */
function whileAlive(disk: FileSystem, isAlive: () => boolean): FileSystem {
  const guard = <T extends object>(target: T): T =>
    new Proxy(target, {
      get: (object, name) => {
        const member: unknown = Reflect.get(object, name, object)
        if (typeof member !== 'function') return member
        return (...args: unknown[]) => {
          if (!isAlive()) {
            const crash = new SimulatedCrash('the process is dead')
            if (name === 'sync' || name === 'syncDirectory') return Promise.reject(crash)
            throw crash
          }
          const result: unknown = member.apply(object, args)
          return name === 'open' ? guard(result as FileHandle) : result
        }
      },
    })
  return guard(disk)
}
