import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { type Broker, startBroker } from '@millrace/broker'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Answer, brokerConfig, converse, recordedFile } from './parity/conversation.ts'
import { families } from './parity/families.ts'
import { apacheKafka } from './peers.ts'

// The same requests to our broker and to a real Apache Kafka: the answers must be the same, but for sentences and for
// names that a broker makes up. MILLRACE_PARITY_BOOTSTRAP names a Kafka that runs (with `kafkaConfig`);
// else one is started. With MILLRACE_PARITY_RECORD=1 its answers become those that parity.test.ts compares with.
const port = 19292
const kafka = apacheKafka()
const kafkaConfig = [
  'auto.create.topics.enable=false',
  'group.min.session.timeout.ms=100',
  'group.consumer.assignment.interval.ms=0',
]
const given = process.env.MILLRACE_PARITY_BOOTSTRAP

if (!kafka.available && !given) {
  describe('parity with Apache Kafka', () => {
    it.skip(`skipped: ${kafka.why}`, () => {})
  })
} else {
  let ours: Broker
  let peerPort = port
  let stop = () => {}
  const recorded: string[] = []

  beforeAll(async () => {
    ours = await startBroker({ port: 0, data: 'memory', config: brokerConfig })
    if (given) {
      peerPort = Number(given.slice(given.lastIndexOf(':') + 1))
      return
    }
    if (!kafka.available) return
    const started = spawnSync(kafka.value, ['up', `${port}`, ...kafkaConfig], { encoding: 'utf8' })
    if (started.status !== 0) throw new Error(`Apache Kafka did not start: ${started.stderr}`)
    stop = () => void spawnSync(kafka.value, ['down', `${port}`])
  }, 600_000)
  afterAll(async () => {
    stop()
    await ours?.close()
    if (process.env.MILLRACE_PARITY_RECORD)
      writeFileSync(recordedFile, `${[...otherLines(), ...recorded].join('\n')}\n`)
  })

  /** What was recorded of the sequences that did not run this time. */
  const otherLines = () => {
    const sequenceOf = (line: string) => (JSON.parse(line) as { sequence: string }).sequence
    const ran = new Set(recorded.map(sequenceOf))
    const lines = readFileSync(recordedFile, 'utf8').trim().split('\n')
    return lines.filter((line) => !ran.has(sequenceOf(line)))
  }

  const run = process.pid.toString(36).slice(-3).padStart(3, '0')
  const keep = (sequence: string) => (answer: Answer) => void recorded.push(JSON.stringify({ sequence, ...answer }))
  for (const [family, sequences] of Object.entries(families)) {
    describe(`as Apache Kafka: ${family}`, () => {
      it.each(sequences)('$name', async (sequence) => {
        const expected = await converse(sequence, peerPort, run)
        expected.forEach(keep(sequence.name))
        const actual = await converse(sequence, ours.port, run)
        for (const [i, answer] of expected.entries()) expect.soft(actual[i], answer.label).toEqual(answer)
        expect(actual).toHaveLength(expected.length)
      })
    })
  }
}
