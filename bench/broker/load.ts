/** Sends ready-made frames over one connection and counts the answers: as little work beside the server's as possible. */
import * as net from 'node:net'

export interface Load {
  readonly port: number
  /** The requests to send, in turn. One write may hold many. */
  readonly frames: readonly Uint8Array[]
  /** Answers that one entry of `frames` brings. */
  readonly answersPerFrame?: number
  /** Entries of `frames` under way at a time. */
  readonly inFlight: number
  /** Entries of `frames` to send in all. */
  readonly total: number
}

/** Milliseconds until everything is answered, and the bytes that the answers took. */
export async function drive({ port, frames, answersPerFrame = 1, inFlight, total }: Load) {
  const chunk = Buffer.allocUnsafeSlow(1_048_576)
  let kept = 0
  let skip = 0
  let answers = 0
  let sent = 0
  let bytes = 0
  return new Promise<{ ms: number; bytes: number }>((resolve, reject) => {
    const socket = net.connect({
      host: '127.0.0.1',
      port,
      onread: {
        buffer: () => chunk.subarray(kept),
        callback: (count) => {
          bytes += count
          walk(kept + count)
          return true
        },
      },
    })
    socket.setNoDelay(true)
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('the server closed the connection')))
    const startedAt = performance.now()
    const send = () => {
      socket.cork()
      while (sent < total && sent * answersPerFrame - answers <= (inFlight - 1) * answersPerFrame) {
        socket.write(frames[sent % frames.length] as Uint8Array)
        sent++
      }
      process.nextTick(() => socket.uncork())
    }
    /** Walks over the answers in the chunk; of those that reach beyond it only the length is needed. */
    function walk(end: number): void {
      let at = 0
      if (skip > 0) {
        const taken = Math.min(skip, end)
        skip -= taken
        at = taken
        if (skip === 0) answers++
      }
      while (skip === 0 && end - at >= 4) {
        const size = 4 + chunk.readInt32BE(at)
        if (at + size > end) {
          skip = at + size - end
          at = end
          break
        }
        at += size
        answers++
      }
      chunk.copyWithin(0, at, end)
      kept = end - at
      if (answers === total * answersPerFrame) {
        socket.removeAllListeners('close')
        socket.destroy()
        resolve({ ms: performance.now() - startedAt, bytes })
      } else send()
    }
    socket.on('connect', send)
  })
}
