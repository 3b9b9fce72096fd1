import { EventEmitter } from 'node:events'
import { expect, it } from 'vitest'
import { LineOutput } from '../../src/connector/line-output.ts'

/** Holds one text; the next is too much until its reader takes them. */
class SlowStream extends EventEmitter<{ drain: [] }> {
  readonly texts: string[] = []
  #held = 0

  write(text: string): boolean {
    this.texts.push(text)
    return ++this.#held < 2
  }

  read(): void {
    this.#held = 0
    this.emit('drain')
  }
}

it('an output is not ready while its reader is behind', async () => {
  const stream = new SlowStream()
  const output = new LineOutput(stream)
  const told: string[] = []
  output.onReady(() => told.push('first'))
  const forget = output.onReady(() => told.push('second'))
  output.write('a\n')
  expect(output.isReady).toBe(true)
  await output.drained()
  output.write('b\n')
  output.write('c\n')
  expect(output.isReady).toBe(false)
  expect(stream.listenerCount('drain')).toBe(1)
  const drained = output.drained().then(() => told.push('drained'))
  forget()
  stream.read()
  await drained
  expect(told).toEqual(['first', 'drained'])
  expect(output.isReady).toBe(true)
  expect(stream.texts).toEqual(['a\n', 'b\n', 'c\n'])
})
