import type { StateDescriptors } from '../state/descriptor.ts'

/**
 * A (keyed) process function as the graph holds it; the API's typed `ProcessFunction` is assignable to it.
 */
export interface KeyedProcess {
  readonly keyed: boolean
  readonly state: StateDescriptors
  readonly open?: (context: never) => void
  readonly processElement: (value: never, context: never, out: never) => void
  readonly onTimer?: (timestamp: number, context: never, out: never) => void
  readonly close?: () => void
}
