/**
 * A response that is pulled piece by piece as the socket takes it, so that a client that does not read holds one piece
 * and not the whole. Its length prefix is in the first piece.
 */
export interface ResponseStream {
  /** The next piece, or undefined after the last. It must stay unchanged until {@link flushed}. */
  next(): Uint8Array | undefined
  /** The piece has gone to the system: its memory may be used again. */
  flushed(piece: Uint8Array): void
  /** No more will be pulled: everything was, or the connection is gone. Called once. */
  close(): void
}

/** The parts of a whole response, its length prefix in the first, or one that is pulled. */
export type Response = readonly Uint8Array[] | ResponseStream

export function isStream(response: Response): response is ResponseStream {
  return 'next' in response
}

/** The place of one request's answer in the order of its connection. Exactly one of the methods is called, once. */
export interface ResponseSlot {
  send(response: Response): void
  /** The request has no answer (a produce with acks=0). */
  skip(): void
  /** The request cannot be answered: closes the connection and says why in the log. */
  abort(reason: string): void
}
