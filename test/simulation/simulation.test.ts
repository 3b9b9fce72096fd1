import { describe, expect, it } from 'vitest'
import { simulate } from './simulate.ts'
import { simulationTests } from './simulation-tests.ts'

simulationTests('first half')

describe('a seed', () => {
  it('does the same again', async () => {
    const tell = async () => {
      const lines: string[] = []
      const { history, events, elapsedMs } = await simulate(3, { trace: (line) => void lines.push(line) })
      return { lines, events, elapsedMs, offsets: history.sent.map(({ value, offset }) => `${value}@${offset}`) }
    }
    expect(await tell()).toEqual(await tell())
  })
})
