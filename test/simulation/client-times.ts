/** Clients of a simulation are impatient, so that much happens in a short time. Milliseconds. */
export const clientTimes = {
  requestTimeoutMs: 1_000,
  socketConnectionSetupTimeoutMs: 500,
  reconnectBackoffMs: 10,
  reconnectBackoffMaxMs: 100,
  retryBackoffMs: 10,
  retryBackoffMaxMs: 100,
} as const
