import { callSite } from './call-site.ts'
import type { LogicalGraph, LogicalNode } from './node.ts'

type SetByBuilder = 'id' | 'name' | 'site' | 'parallelism' | 'uid'

/** A node while its job is being defined: it can still get another name. Its inputs are drafts. */
export type NodeDraft = LogicalNode extends infer N ? (N extends LogicalNode ? DraftOf<N> : never) : never

type DraftOf<N extends LogicalNode> = {
  -readonly [P in keyof N]: P extends 'input' ? NodeDraft : P extends 'inputs' ? readonly NodeDraft[] : N[P]
}

/** What the API says about a new node; the builder adds the rest. */
export type NewNode = NodeDraft extends infer D ? (D extends NodeDraft ? NewNodeOf<D> : never) : never

type NewNodeOf<D extends NodeDraft> = Omit<D, SetByBuilder> & { name: string; parallelism?: number }

/** Collects the nodes of one job and freezes them at the end. */
export class GraphBuilder {
  readonly #drafts: NodeDraft[] = []

  add(node: NewNode): NodeDraft {
    const draft = {
      parallelism: undefined,
      uid: undefined,
      ...node,
      id: this.#drafts.length + 1,
      site: callSite(),
    } as NodeDraft
    this.#drafts.push(draft)
    return draft
  }

  build(settings: Omit<LogicalGraph, 'nodes'>): LogicalGraph {
    const frozen = new Map<NodeDraft, LogicalNode>()
    const resolve = (draft: NodeDraft) => frozen.get(draft) as LogicalNode
    // Inputs were built before what reads them, so one pass in the order of ids is enough.
    for (const draft of this.#drafts) {
      const node = { ...draft } as Record<string, unknown>
      if ('input' in draft) node['input'] = resolve(draft.input)
      if ('inputs' in draft) node['inputs'] = Object.freeze(draft.inputs.map(resolve))
      frozen.set(draft, Object.freeze(node) as unknown as LogicalNode)
    }
    return Object.freeze({ ...settings, nodes: Object.freeze([...frozen.values()]) })
  }
}
