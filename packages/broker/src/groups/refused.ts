import type { GroupError } from './protocol.ts'
import type { ShardContext } from './shard-context.ts'

/** Thrown within a command, and caught where it is answered: the request is refused with this error. */
export class Refused extends Error {
  override name = 'Refused'
  readonly error: GroupError

  constructor(error: GroupError, message: string) {
    super(message)
    this.error = error
  }
}

/** A refusal as it is answered. */
export interface Refusal {
  readonly error: GroupError
  readonly message: string
}

/**
 * What `attempt` returns, or what is made of the error with which it was refused: then nothing that it deferred happens either.
 */
export function orRefused<T>(
  { dropDeferred }: Pick<ShardContext, 'dropDeferred'>,
  attempt: () => T,
  refused: (error: GroupError, message: string) => T,
): T {
  try {
    return attempt()
  } catch (cause) {
    if (!(cause instanceof Refused)) throw cause
    dropDeferred()
    return refused(cause.error, cause.message)
  }
}
