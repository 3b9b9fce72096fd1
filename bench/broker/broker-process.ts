/** A broker in a process of its own; tells its port, and its memory when asked. */
import { startBroker } from '@millrace/broker'

const broker = await startBroker({
  port: 0,
  data: process.argv[2] as string,
  config: JSON.parse(process.argv[3] ?? '{}'),
})
process.send?.({ port: broker.port })
process.on('message', async (message: 'close' | 'memory') => {
  if (message === 'memory') {
    globalThis.gc?.()
    process.send?.({ rss: process.memoryUsage.rss() })
    return
  }
  await broker.close()
  process.disconnect()
})
