import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { startBroker } from '@millrace/broker'

/** A durable broker in a thread of its own, so that its work does not stand in the way of what is measured. */
export interface BrokerThread {
  readonly bootstrapServers: string
  close(): Promise<void>
}

/** `data: 'disk'` is a temporary folder, removed at the end. */
export async function startBrokerThread(options: {
  data: 'disk' | 'memory'
  config?: Record<string, string | number | boolean>
}): Promise<BrokerThread> {
  const folder = options.data === 'disk' ? mkdtempSync(join(tmpdir(), 'millrace-bench-')) : undefined
  const worker = new Worker(new URL(import.meta.url), {
    workerData: { data: folder ?? 'memory', config: options.config ?? {} },
    execArgv: ['--conditions=millrace-source'],
  })
  const bootstrapServers = await new Promise<string>((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
  })
  return {
    bootstrapServers,
    close: async () => {
      const closed = new Promise((resolve) => worker.once('exit', resolve))
      worker.postMessage('close')
      await closed
      if (folder) rmSync(folder, { recursive: true, force: true })
    },
  }
}

if (!isMainThread && parentPort && workerData?.data) {
  const broker = await startBroker({ port: 0, data: workerData.data, config: workerData.config })
  parentPort.once('message', () => {
    void broker.close().then(() => parentPort?.close())
  })
  parentPort.postMessage(broker.bootstrapServers)
}
