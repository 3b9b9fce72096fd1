import type { Assignor, AssignorInput } from './assignor.ts'
import { assignRange } from './range-assignor.ts'
import { assignUniformHeterogeneous } from './uniform-heterogeneous.ts'
import { assignUniformHomogeneous } from './uniform-homogeneous.ts'

/** The server-side assignors of KIP-848 by their names. */
export const assignors = {
  uniform: (input: AssignorInput) =>
    input.isHomogeneous ? assignUniformHomogeneous(input) : assignUniformHeterogeneous(input),
  range: assignRange,
} as const satisfies Record<string, Assignor>

export type AssignorName = keyof typeof assignors
