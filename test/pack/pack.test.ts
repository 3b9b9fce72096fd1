/**
 * What users get: the packages as npm would publish them, installed into an empty folder far from this repository, run
 * a job there.
 */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')
const exec = promisify(execFile)
let folder: string
let project: string

const npmScript = process.env.npm_execpath
const npm = (args: string[], cwd: string) =>
  npmScript?.endsWith('npm-cli.js')
    ? exec(process.execPath, [npmScript, ...args, '--loglevel=error'], { cwd })
    : exec('npm', [...args, '--loglevel=error'], { cwd })

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-pack-'))
  const tarballs = join(folder, 'tarballs')
  project = join(folder, 'project')
  await mkdir(tarballs)
  await mkdir(project)
  await exec(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-b'], { cwd: root })
  await npm(['pack', '--workspaces', `--pack-destination=${tarballs}`, '--silent'], root)
  const files = await readdir(tarballs)
  const dependencies = Object.fromEntries(
    files.map((file) => [
      file.replace(/^millrace-([a-z]+)-\d.*$/, '@millrace/$1').replace(/^millrace-\d.*$/, 'millrace'),
      `file:${join(tarballs, file)}`,
    ]),
  )
  await writeFile(
    join(project, 'package.json'),
    JSON.stringify({ name: 'elsewhere', type: 'module', private: true, dependencies }),
  )
  await npm(['install', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund'], project)
}, 120_000)

afterAll(() => rm(folder, { recursive: true, force: true }))

const millrace = (...args: string[]) =>
  exec(process.execPath, [join(project, 'node_modules/millrace/bin/millrace.js'), ...args], { cwd: project })

test('a job of three lines runs', async () => {
  await writeFile(
    join(project, 'job.ts'),
    [
      "import { job } from 'millrace'",
      'const shout = (word: string) => word.toUpperCase()',
      "export default job('shout', (env) => { env.fromCollection(['to', 'be']).map(shout).print() })",
    ].join('\n'),
  )
  const { stdout } = await millrace('run', 'job.ts')
  expect(stdout).toContain('TO\n')
  expect(stdout).toContain('BE\n')
}, 60_000)

test.each([
  ['imported', 'kafka.test.mjs', "import { embeddedKafka } from 'millrace/testing'"],
  ['required', 'kafka.test.cjs', "const { embeddedKafka } = require('millrace/testing')"],
])(
  'the test kit, %s, in node:test',
  async (_how, file, load) => {
    await writeFile(
      join(project, file),
      [
        load,
        "const { test } = process.getBuiltinModule('node:test')",
        "test('a record comes back', async () => {",
        '  await using kafka = await embeddedKafka()',
        "  await kafka.produce('t', 'x')",
        "  if ((await kafka.waitFor('t', 1))[0].value !== 'x') throw new Error('it is another')",
        '})',
      ].join('\n'),
    )
    const { stdout } = await exec(process.execPath, ['--test', '--test-reporter=tap', file], { cwd: project })
    expect(stdout).toContain('# pass 1\n# fail 0\n')
  },
  60_000,
)

test('nothing but the built files and the sources is packed', async () => {
  for (const name of ['std', 'kafka', 'broker', 'engine', 'connectors', 'testing']) {
    const entries = await readdir(join(project, 'node_modules/@millrace', name))
    expect(entries.filter((entry) => entry !== 'node_modules').sort()).toEqual(['dist', 'package.json', 'src'])
    expect(await readdir(join(project, 'node_modules/@millrace', name, 'dist'))).not.toContain('.tsbuildinfo')
  }
})
