/** A thread that serves: our broker, or one of the hand-written loops that it is measured against. */
import { parentPort, workerData } from 'node:worker_threads'
import { startBroker } from '@millrace/broker'
import { startBareServer, type BareKind } from './bare-server.ts'

export interface ServerSpec {
  readonly kind: 'broker' | BareKind
  readonly folder: string
  /** Configuration of the broker. */
  readonly config?: Readonly<Record<string, string>>
}

const { kind, folder, config = {} } = workerData as ServerSpec
const server =
  kind === 'broker' ? await startBroker({ port: 0, data: folder, config }) : await startBareServer(kind, folder)
parentPort?.postMessage({ port: server.port })
parentPort?.on('message', async (message: 'close' | 'cpu') => {
  if (message === 'cpu') {
    parentPort?.postMessage({ cpu: process.threadCpuUsage() })
    return
  }
  await server.close()
  parentPort?.postMessage({ closed: true })
  parentPort?.close()
})
