import type { Step } from '../plan/job-graph.ts'
import { KeyedProcessOperator } from '../operators/keyed-process-operator.ts'
import type { Operator } from '../operators/operator.ts'
import { ProcessOperator } from '../operators/process-operator.ts'
import { WindowOperator } from '../operators/window/window-operator.ts'
import { keyFunction } from './key-function.ts'
import { WatermarksOperator } from './watermarks-operator.ts'

/** The operator that runs a step. */
export function createOperator(
  step: Exclude<Step, { kind: 'source' | 'sink' }>,
  watermarkIntervalMs: number,
): Operator {
  switch (step.kind) {
    case 'chain':
    case 'convert':
      return step.compiled.createOperator()
    case 'watermarks':
      return new WatermarksOperator(step.name, step.node.strategy, watermarkIntervalMs)
    case 'process': {
      const { name } = step
      const { process } = step.node
      return step.key
        ? new KeyedProcessOperator({ name, process, keyOf: keyFunction(step.key) })
        : new ProcessOperator({ name, process })
    }
    case 'window': {
      if (step.compiled) return step.compiled.createOperator()
      const keyOf = step.key ? keyFunction(step.key) : () => undefined
      return new WindowOperator({ name: step.name, window: step.node.window, keyOf })
    }
  }
}
