import { readFileSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { type Case, casesUnder, type OutputItem } from '../../tools/oracle/case.ts'
import { judge } from '../../tools/oracle/judge.ts'

// A slice of what Apache Flink 2.3 answered to recorded inputs; `npm run oracle -- FOLDER…` runs all of it.
const folder = fileURLToPath(new URL('cases', import.meta.url))
const cases = [...casesUnder(folder)]

describe('Apache Flink as the oracle', () => {
  test.each(
    cases.map(
      ({ file, case: recorded }) =>
        [`${basename(dirname(file))}/${basename(file)} ${recorded.name}`, recorded] as const,
    ),
  )('%s', async (_name, recorded) => {
    expect(await judge(recorded)).toMatchObject({ verdict: 'PASS' })
  })
})

describe('the runner', () => {
  const load = (path: string): Case => JSON.parse(readFileSync(`${folder}/${path}`, 'utf8'))

  test.each(['tumbling/000.json', 'process/000.json', 'watermarks/011.json'])(
    'notices any change of an answer in %s',
    async (path) => {
      const recorded = load(path)
      const changed = (output: OutputItem[]) => judge({ ...recorded, output })
      const [first, ...rest] = recorded.output as [OutputItem, ...OutputItem[]]
      const time = typeof first.ts === 'number' ? { ts: first.ts + 1 } : { value: 'other' }
      for (const wrong of [
        rest,
        [first, first, ...rest],
        [{ ...first, ...time }, ...rest],
        [{ ...first, extra: 1 }, ...rest],
      ]) {
        expect(await changed(wrong)).toMatchObject({ verdict: 'FAIL' })
      }
    },
  )

  test("leaves out only what Flink's own defect touches", async () => {
    const recorded = load('proctime/flink-loses-a-session.json')
    expect((await judge(recorded)).detail).toContain('[1700000000645, 1700000000770) that came from merging')
    const other = recorded.output.findIndex(({ key }) => key !== 'b')
    const wrong = recorded.output.map((item, i) => (i === other ? { ...item, value: 'other' } : item))
    expect(await judge({ ...recorded, output: wrong })).toMatchObject({ verdict: 'FAIL' })
  })

  test('says N/A for what comes later', async () => {
    const recorded = load('process/000.json')
    const later = { ...recorded, program: { ...recorded.program, type: 'cep' } }
    expect(await judge(later)).toMatchObject({ verdict: 'N/A' })
    // These are found out while the job is being defined.
    for (const program of [
      { ...recorded.program, ttl: { ms: 100 } },
      { ...recorded.program, name: 'unheard-of' },
    ]) {
      expect(await judge({ ...recorded, program })).toMatchObject({ verdict: 'N/A' })
    }
    expect(await judge({ family: 'partitioning' } as Case)).toMatchObject({ verdict: 'N/A' })
  })
})
