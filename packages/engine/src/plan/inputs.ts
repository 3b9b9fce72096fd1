import { MillraceError } from '@millrace/std'
import type { LogicalNode, Partitioning } from '../graph/node.ts'

/** A node that becomes an operator; the others only say how operators are joined. */
export type OperatorNode = Exclude<LogicalNode, { kind: 'keyBy' | 'partition' | 'union' | 'sideOutput' }>

/** What an operator reads: the main or a side output of another one. */
export interface OperatorInput {
  readonly from: OperatorNode
  readonly tag: string | undefined
  readonly partitioning: Partitioning
}

export function isOperatorNode(node: LogicalNode): node is OperatorNode {
  return node.kind !== 'keyBy' && node.kind !== 'partition' && node.kind !== 'union' && node.kind !== 'sideOutput'
}

/** The inputs of an operator, with what lies between folded into partitionings. */
export function inputsOf(node: OperatorNode): readonly OperatorInput[] {
  return node.kind === 'source' ? [] : resolve(node.input, undefined)
}

/** `partitioning`: what was said nearest to the reader, which wins. */
function resolve(node: LogicalNode, partitioning: Partitioning | undefined): readonly OperatorInput[] {
  switch (node.kind) {
    case 'keyBy':
      return resolve(node.input, partitioning ?? { kind: 'hash', key: node.key })
    case 'partition':
      return resolve(node.input, partitioning ?? node.partitioning)
    case 'union':
      return node.inputs.flatMap((input) => resolve(input, partitioning))
    case 'sideOutput': {
      const from = node.input
      if (from.kind !== 'process' && from.kind !== 'window') {
        throw new MillraceError('API_NO_SIDE_OUTPUT', {
          message: `getSideOutput('${node.tag}') (${node.site}) reads '${from.name}', which has no side outputs.`,
          fix: 'Call it on the stream that process() or a window returned, before other steps.',
        })
      }
      return [{ from, tag: node.tag, partitioning: partitioning ?? { kind: 'forward' } }]
    }
    default:
      return [{ from: node, tag: undefined, partitioning: partitioning ?? { kind: 'forward' } }]
  }
}
