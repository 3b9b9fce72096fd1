import type { CharSet } from './char-set.ts'

/** What a pattern means. Groups and greediness are gone: they change nothing about whether a whole name matches. */
export type Syntax =
  | { readonly kind: 'set'; readonly set: CharSet }
  | { readonly kind: 'assert'; readonly what: Assertion }
  | { readonly kind: 'sequence'; readonly parts: readonly Syntax[] }
  | { readonly kind: 'choice'; readonly options: readonly Syntax[] }
  /** `max` is Infinity for no limit. */
  | { readonly kind: 'repeat'; readonly of: Syntax; readonly min: number; readonly max: number }

export type Assertion = 'begin' | 'end' | 'wordBoundary' | 'noWordBoundary'

/** A pattern is not valid. The message is RE2's. */
export class TopicPatternError extends Error {
  override name = 'TopicPatternError'
}
