/** A broken invariant: a defect in Millrace, never the user's fault. */
export class AssertionError extends Error {
  override name = 'AssertionError'
}

/** Throws {@link AssertionError} when `condition` is false. For invariants, not for checking input. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionError(`This is a defect in Millrace: ${message}`)
}

/** For the default branch of a switch over a closed union: it does not compile while a case is missing. */
export function unreachable(value: never, what = 'value'): never {
  throw new AssertionError(`This is a defect in Millrace: unexpected ${what} ${String(value)}`)
}
