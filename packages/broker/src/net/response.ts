/**
 * A response that is made piece by piece when the socket can take it, so that a client that does not read holds at most
 * one piece. Its length prefix is in the first.
 */
export interface ResponseStream {
  /** The parts of the next piece, or undefined after the last. They must stay unchanged until {@link flushed}. */
  next(): readonly Uint8Array[] | undefined
  /** The piece has gone to the system: its memory may be used again. */
  flushed(): void
  /** No more will be asked for: all is sent, or the connection is gone. Called once; {@link flushed} may still follow. */
  close(): void
}

/** The parts of whole responses, each with its length prefix, or one that is pulled. */
export type Response = readonly Uint8Array[] | ResponseStream

export function isStream(response: Response): response is ResponseStream {
  return 'next' in response
}

/**
 * The place of an answer in the order of its connection. Exactly one of `send`, `skip` and `abort` is called, once.
 */
export interface ResponseSlot {
  /** One more request shares this place; its answer follows the others in what is sent. Only while the slot is the last. */
  share(): void
  send(response: Response): void
  /** The request has no answer (a produce with acks=0). */
  skip(): void
  /** The request cannot be answered: closes the connection and says why in the log. */
  abort(reason: string): void
}

/** Where the answers of a connection go: a place is taken for each request when it arrives. */
export interface ResponseOrder {
  open(): ResponseSlot
}
