import { describe, expect, test } from 'vitest'
import { checkPortability, checkSource, longFiles } from './rules.ts'
import { blank, importsOf } from './source.ts'

const declared = new Set(['@millrace/std', '@millrace/kafka', '@millrace/engine', '@millrace/testing', 'commander'])
const check = (path: string, text: string) => checkSource({ path, text }, declared).map((finding) => finding.message)

describe('imports between packages', () => {
  test.each([
    ['packages/engine/src/api/a.ts', '@millrace/kafka'],
    ['packages/kafka/src/client/a.ts', '@millrace/broker'],
    ['packages/std/src/a.ts', '@millrace/kafka'],
    ['packages/connectors/src/a.ts', '@millrace/testing'],
    ['packages/broker/src/net/a.ts', '@millrace/engine'],
  ])('%s must not import %s', (path, specifier) => {
    for (const statement of [
      `import { x } from '${specifier}'`,
      `import type { x } from '${specifier}'`,
      `import\n  {\n  x } from "${specifier}"`,
      `export * from '${specifier}'`,
      `const x = await import('${specifier}')`,
      `import '${specifier}/sub'`,
      `let x: import('${specifier}').X`,
    ]) {
      expect(check(path, statement).join()).toContain('must not import')
    }
  })

  test.each([
    ['packages/kafka/src/client/a.ts', '@millrace/std'],
    ['packages/connectors/src/kafka/a.ts', '@millrace/kafka'],
    ['packages/connectors/src/kafka/a.ts', '@millrace/std'],
    ['packages/cli/src/a.ts', '@millrace/engine'],
    ['packages/cli/src/a.ts', 'commander'],
  ])('%s may import %s', (path, specifier) => {
    expect(check(path, `import { x } from '${specifier}'`)).toEqual([])
  })

  test('a package that is not declared, and a way round by a relative path', () => {
    expect(check('packages/kafka/src/client/a.ts', `import x from 'left-pad'`).join()).toContain(
      'not among the dependencies',
    )
    expect(check('packages/kafka/src/client/a.ts', `import x from '../../../std/src/clock.ts'`).join()).toContain(
      'another package',
    )
  })
})

describe('imports between the layers of a package', () => {
  test.each([
    ['engine/src/api/a.ts', '../runtime/task.ts'],
    ['engine/src/graph/a.ts', '../runtime/task.ts'],
    ['engine/src/graph/a.ts', '../api/stream.ts'],
    ['engine/src/element/a.ts', '../time/watermark.ts'],
    ['engine/src/state/a.ts', '../time/timer.ts'],
    ['engine/src/coordinator/a.ts', '../worker/worker.ts'],
    ['engine/src/coordinator/a.ts', '../runtime/task.ts'],
    ['engine/src/operators/window/a.ts', '../../graph/node.ts'],
    ['engine/src/runtime/a.ts', '../local.ts'],
    ['broker/src/log/a.ts', '../handlers/fetch.ts'],
    ['broker/src/groups/a.ts', '../net/server.ts'],
    ['kafka/src/codec/a.ts', '../client/connection.ts'],
  ])('%s must not import %s', (path, specifier) => {
    expect(check(`packages/${path}`, `import { x } from '${specifier}'`).join()).toContain('must not import')
  })

  test.each([
    ['engine/src/api/a.ts', '../element/batch.ts'],
    ['engine/src/operators/window/a.ts', '../../state/value.ts'],
    ['engine/src/operators/window/a.ts', './pane.ts'],
    ['engine/src/local.ts', './coordinator/coordinator.ts'],
    ['engine/src/index.ts', './api/stream.ts'],
  ])('%s may import %s', (path, specifier) => {
    expect(check(`packages/${path}`, `import { x } from '${specifier}'`)).toEqual([])
  })

  test('a layer that the table does not know', () => {
    expect(check('packages/engine/src/misc/a.ts', `import { x } from '../api/x.ts'`).join()).toContain(
      'not in the table',
    )
  })
})

describe('the outside world', () => {
  test.each([
    'const t = Date.now()',
    'const t = performance.now()',
    'const f = { now: Date.now }; f.now(); use(Date.now)',
    'setTimeout(() => {}, 5)',
    'const t = `${setInterval(f, 1)}`',
    'const r = Math.random()',
    'const d = new Date()',
    `import * as fs from 'node:fs'`,
    `import { connect } from 'node:net'`,
    `import { setTimeout as sleep } from 'node:timers/promises'`,
    `const fs = await import('fs')`,
    `import { randomBytes } from 'node:crypto'; randomBytes(4)`,
  ])('is found: %s', (text) => {
    expect(check('packages/engine/src/runtime/a.ts', text)).not.toEqual([])
    expect(check('packages/std/src/clock.ts', text)).toEqual([])
    expect(check('packages/broker/src/broker.ts', text).filter((message) => !message.includes('must not'))).toEqual([])
  })

  test.each([
    '// Date.now() is not read here',
    '/** @example setTimeout(f, 1) */',
    `const text = 'use Math.random() instead'`,
    'const text = `Date.now() ${name} setTimeout(`',
    'const pattern = /setTimeout\\(["`]/; const after = 1',
    `import { createHash } from 'node:crypto'`,
    'const d = new Date(timestamp)',
    'this.timers.schedule(5, f)',
    'return randomInt(4)',
    'this.fetcher.fetch(4)',
  ])('is not seen where it is not: %s', (text) => {
    expect(check('packages/engine/src/runtime/a.ts', text)).toEqual([])
  })

  test('a layer without files and sockets does not take them as interfaces either', () => {
    const text = `import type { FileSystem } from '@millrace/std'`
    expect(check('packages/broker/src/groups/a.ts', text).join()).toContain('FileSystem')
    expect(check('packages/broker/src/log/a.ts', text)).toEqual([])
  })
})

describe('machine paths and registries', () => {
  const portability = (path: string, text: string) =>
    checkPortability({ path, text }, ['/srv/checkout', 'npm.example.test']).length

  test('are found', () => {
    expect(portability('docs/a.md', 'see /home/alice/millrace')).toBe(1)
    expect(portability('docs/a.md', 'see /srv/checkout/docs')).toBe(1)
    expect(portability('docs/a.md', 'from npm.example.test')).toBe(1)
    expect(portability('package-lock.json', '"resolved": "https://anywhere.test/x.tgz"')).toBe(1)
    expect(portability('.npmrc', 'registry=https://anywhere.test')).toBe(1)
  })

  test('other paths and addresses are not', () => {
    expect(portability('docs/a.md', 'data under ~/.millrace or /var/lib/millrace, https://kafka.apache.org')).toBe(0)
    expect(portability('package-lock.json', '"resolved": "packages/std"')).toBe(0)
    expect(portability('.npmrc', 'omit-lockfile-registry-resolved=true')).toBe(0)
  })
})

test('long files are noted, longest first', () => {
  const file = (name: string, lines: number) => ({ path: `packages/kafka/src/${name}.ts`, text: 'x\n'.repeat(lines) })
  expect(longFiles([file('a', 401), file('b', 10), file('c', 900)]).map((finding) => finding.path)).toEqual([
    'packages/kafka/src/c.ts',
    'packages/kafka/src/a.ts',
  ])
})

test('blanking keeps lines and columns', () => {
  const text = 'a // b\n/* c\n d */ e(`f ${g(`h`)} i`) / 2 / "j"; k = /[/"]l/.test(m)\n'
  const { code, bare } = blank(text)
  expect(code).toBe('a     \n    \n      e(`f ${g(`h`)} i`) / 2 / "j"; k = /[/"]l/.test(m)\n')
  expect(bare).toBe('a     \n    \n      e(`  ${g(` `)}  `) / 2 / " "; k = /     /.test(m)\n')
  expect(importsOf(`import a from 'x'\n\nexport { b } from "y"`)).toEqual([
    { specifier: 'x', line: 1 },
    { specifier: 'y', line: 3 },
  ])
})
