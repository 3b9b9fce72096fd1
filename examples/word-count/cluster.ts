import { type Broker, KafkaAdmin, MillraceError, startBroker } from 'millrace'

const mostBeside = 20

/** Starts a durable broker on `port` with its data in `folder`; on the next free ones when others use them, and says so. */
export async function startBeside(port: number, folder: string, say: (line: string) => void): Promise<Broker> {
  let ports = 0
  let folders = 0
  for (;;) {
    const data = folders === 0 ? folder : `${folder}-${folders + 1}`
    try {
      const broker = await startBroker({ port: port + ports, data })
      if (folders > 0) say(`Another broker uses ${folder}: this one's data is in ${data}.`)
      if (ports > 0) say(`Port ${port} is taken: the broker is on ${broker.port} instead.`)
      say(`Broker on ${broker.bootstrapServers}, data in ${data}.`)
      return broker
    } catch (error) {
      const code = error instanceof MillraceError ? error.code : undefined
      if (code === 'BROKER_PORT_IN_USE') ports++
      else if (code === 'BROKER_DATA_LOCKED') folders++
      else throw error
      if (Math.max(ports, folders) > mostBeside) throw error
    }
  }
}

export const partitions = 3

/** Makes the topics anew, so that each run counts its own lines only. */
export async function resetTopics(
  bootstrapServers: string,
  names: readonly string[],
  say: (line: string) => void,
): Promise<void> {
  await using admin = new KafkaAdmin({ bootstrapServers })
  const existing = (await admin.listTopics()).map(({ topic }) => topic)
  const old = names.filter((name) => existing.includes(name))
  if (old.length > 0) {
    await admin.deleteTopics(old)
    say(`Topics of an earlier run are emptied: ${old.join(', ')}.`)
  }
  await admin.createTopics(names.map((topic) => ({ topic, partitions })))
}
