/** What happened to a connection or a listener. `code` is the system's (ECONNREFUSED, EADDRINUSE …). */
export class NetworkError extends Error {
  override name = 'NetworkError'
  readonly code: string

  constructor(code: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
  }
}

/** What a connection's owner provides. All calls come from the event loop, never from within a call to the connection. */
export interface ConnectionHandler {
  /**
   * Where the next bytes go; called before each read, so that bytes land in their final place with no copy.
   * Must not be empty.
   */
  buffer(): Uint8Array
  /** `count` bytes were put at the start of what {@link buffer} returned last. */
  received(count: number): void
  /** What was queued has gone to the system: write on. */
  drained(): void
  /** The other side ended, the connection broke (with `error`) or {@link Connection.close} was called. The last call. */
  closed(error: NetworkError | undefined): void
}

export interface Connection {
  /** `address:port` of the other side. */
  readonly remote: string
  /**
   * Queues the parts in order, as one write. False: more is queued than the system takes now; go on after
   * {@link ConnectionHandler.drained}. The parts must not be changed until `onFlushed` was called.
   */
  write(parts: readonly Uint8Array[], onFlushed?: () => void): boolean
  /** Bytes that are queued and not yet with the system. */
  readonly queuedBytes: number
  /** Stops reading until {@link resume}: the way to push back on a peer. */
  pause(): void
  resume(): void
  /** Sends what is queued, then ends. */
  end(): void
  /** Ends at once; what is queued is lost. */
  close(): void
}

export interface Listener {
  readonly host: string
  /** The port that was really bound (useful when 0 was asked for). */
  readonly port: number
  /** Takes no more connections; those that exist stay. */
  close(): Promise<void>
}

export interface Network {
  /** Rejects with {@link NetworkError} when nothing answers within `timeoutMs`. */
  connect(options: { host: string; port: number; timeoutMs: number }, accept: Accept): Promise<Connection>
  /** Port 0: any free one. Rejects with {@link NetworkError} (EADDRINUSE, EACCES …). */
  listen(options: { host: string; port: number }, accept: Accept): Promise<Listener>
}

/**
 * Called once for a connection, before anything was read from it. For an outgoing one that is before it is established:
 * write only after `connect` has resolved; when it rejects, the handler is forgotten without a call.
 */
export type Accept = (connection: Connection) => ConnectionHandler
