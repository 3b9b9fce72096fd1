import { describe, expect, test } from 'vitest'
import { cli } from './run-cli.ts'

describe('a wrong command line is told with what was meant, and exit code 2', () => {
  test.each([
    [['boker'], 'Did you mean broker?'],
    [['topic', 'lst'], 'Did you mean list?'],
    [['consume', 'x', '--form-beginning'], 'Did you mean --from-beginning?'],
    [['consume', 'x', '--format', '{ofset}'], 'Did you mean {offset}?'],
    [['consume', 'x', '--timeout', 'soon'], 'is not a duration'],
    [['consume', 'x', '--offset', '3'], '--offset needs --partition'],
    [['consume', 'x', '--group', 'g', '--partition', '0'], 'contradict'],
    [['produce'], "missing required argument 'topic'"],
    [['produce', 'x', '--partition', '-1'], 'not a whole number of at least 0'],
    [['produce', 'x', '--timestamp', 'yesterday'], 'neither milliseconds nor a date'],
    [['produce', 'x', '--key-separator', ''], 'must not be empty'],
    [['topic', 'list', '--bootstrap', 'localhost'], 'is not host:port'],
    [['topic', 'create', 'x', '--config', 'novalue'], 'is not key=value'],
    [['broker', '--port', '70000'], 'from 0 to 65535'],
    [['broker', '--memory', '--data', 'x'], 'contradict'],
  ])('%j', async (args, message) => {
    const { code, err, out } = await cli(args)
    expect(err.join('\n')).toContain(message)
    expect(out).toEqual([])
    expect(code).toBe(2)
  })
})

test('help of every verb ends with examples; the exit codes are in the first', async () => {
  const { code, out } = await cli(['--help'])
  expect(code).toBe(0)
  expect(out.join('\n')).toMatch(/Exit codes:\n {2}0 .*\n {2}1 /)
  for (const verb of [
    'dev',
    'run',
    'explain',
    'broker',
    'topic create',
    'topic list',
    'topic describe',
    'topic delete',
    'produce',
    'consume',
    'group list',
    'group describe',
  ]) {
    const help = await cli([...verb.split(' '), '--help'])
    expect(help.code).toBe(0)
    expect(help.out.join('\n')).toMatch(new RegExp(`Examples:\\n.*millrace ${verb}`))
  }
  expect((await cli(['--version'])).out).toEqual(['0.1.0'])
})

describe('errors', () => {
  // Nobody listens on port 1.
  const unreachable = ['topic', 'list', '--bootstrap', '127.0.0.1:1']

  test('say what is wrong, why, and what to do, without a stack', async () => {
    const { code, err } = await cli(unreachable)
    expect(code).toBe(3)
    expect(err[0]).toBe('error: No broker answers at 127.0.0.1:1. [CLI_UNREACHABLE]')
    expect(err[1]).toContain('ECONNREFUSED')
    expect(err[2]).toContain('millrace broker')
    expect(err).toHaveLength(3)
  })

  test('come as JSON for machines, with the stack for whoever debugs', async () => {
    const { err } = await cli([...unreachable, '--json', '--debug'])
    expect(JSON.parse(err[0] as string)).toMatchObject({ error: { code: 'CLI_UNREACHABLE', fix: expect.any(String) } })
    expect(err[1]).toMatch(/MillraceError: .*\n +at /)
  })

  test('of the command line have a code too, and come as JSON', async () => {
    expect((await cli(['topic', 'lst'])).err).toEqual([
      "error: unknown command 'lst' [CLI_USAGE]",
      'fix:   Did you mean list?',
    ])
    const { code, err } = await cli(['topic', 'list', '--jsno', '--json'])
    expect(code).toBe(2)
    expect(err.map((line) => JSON.parse(line))).toEqual([
      { error: { code: 'CLI_USAGE', message: "unknown option '--jsno'", fix: 'Did you mean --json?' } },
    ])
  })

  test.each(['nowhere.txt', import.meta.dirname])('a file that cannot be read: %s', async (file) => {
    const { code, err } = await cli(['produce', 'lines', '--file', file])
    expect(code).toBe(1)
    expect(err[0]).toContain(`The file ${file} cannot be read`)
    expect(err[0]).toContain('[CLI_FILE_UNREADABLE]')
  })

  test('a server property that is misspelt', async () => {
    const { code, err } = await cli(['broker', '--memory', '--port', '0', '--set', 'num.partition=3'])
    expect(code).toBe(2)
    expect(err.join('\n')).toContain("Did you mean 'num.partitions'?")
  })
})
