/** The program needs something that Millrace does not have (yet): the case is N/A, not a failure. */
export class Unsupported extends Error {}

/** What an error says about that: the engine puts what a definition or a function throws into an error of its own. */
export function unsupportedBehind(error: unknown): Unsupported | undefined {
  for (let at = error; at instanceof Error; at = at.cause) if (at instanceof Unsupported) return at
  return undefined
}
