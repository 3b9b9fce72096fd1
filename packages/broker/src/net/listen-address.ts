import { MillraceError, NetworkError } from '@millrace/std'

/** Addresses that only this machine can reach. */
function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host)
}

/** Without authentication whoever reaches the port may read and write everything. */
export function requireLoopback(host: string): void {
  if (isLoopback(host)) return
  throw new MillraceError('BROKER_HOST_NOT_LOOPBACK', {
    message: `The broker has no authentication yet, so it does not listen on ${host}, where other machines could reach it.`,
    fix: "Use host 127.0.0.1, and reach it from elsewhere through an SSH tunnel (ssh -L 9092:127.0.0.1:9092) or the container's own network namespace.",
  })
}

/** What went wrong with listening, for a user. */
export function listenError(cause: unknown, host: string, port: number): unknown {
  if (!(cause instanceof NetworkError)) return cause
  switch (cause.code) {
    case 'EADDRINUSE':
      return new MillraceError('BROKER_PORT_IN_USE', {
        message: `Port ${port} on ${host} is taken by another process.`,
        fix: 'Stop that process, or choose another port (0 takes any free one).',
        cause,
      })
    case 'EACCES':
      return new MillraceError('BROKER_PORT_FORBIDDEN', {
        message: `This user may not listen on port ${port}.`,
        fix: 'Choose a port above 1023.',
        cause,
      })
    default:
      return new MillraceError('BROKER_CANNOT_LISTEN', {
        message: `The broker cannot listen on ${host}:${port} (${cause.code}).`,
        fix: 'Use the address of an interface of this machine, 127.0.0.1 for instance.',
        cause,
      })
  }
}

/** Reads `[NAME://]host:port`, Kafka's form of a listener; undefined for an empty text. */
export function parseAdvertisedListener(text: string): { host: string; port: number } | undefined {
  if (text === '') return undefined
  const match = /^(?:[A-Za-z_]+:\/\/)?(?:\[([0-9a-fA-F:]+)\]|([^:/[\]]+)):(\d{1,5})$/.exec(text.trim())
  const port = Number(match?.[3])
  if (!match || port < 1 || port > 65_535) {
    throw new MillraceError('BROKER_CONFIG_INVALID', {
      message: `advertised.listeners must be one [PLAINTEXT://]host:port, not '${text}'.`,
      fix: 'Give the one address at which clients reach the broker.',
    })
  }
  return { host: (match[1] ?? match[2]) as string, port }
}
