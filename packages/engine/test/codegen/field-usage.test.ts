import { describe, expect, it } from 'vitest'
import { fieldsReadBy, isUnary } from '../../src/codegen/field-usage.ts'

type Fn = (value: never) => unknown
const known = new Set(['a', 'b', 'price', '$x', 'é'])
// Compiled from text, so that neither the formatter nor the test runner's transform changes what is read.
const reads = (source: string) => {
  const fields = fieldsReadBy(new Function(`return (${source})`)() as Fn, known)
  return fields && [...fields].sort()
}

describe('fields read by a function', () => {
  it.each([
    ['(r) => r.a', ['a']],
    ['r => r.a + r.b * 2', ['a', 'b']],
    ['(r) => ({ a: r.a, x: r.b, $x: r.$x })', ['$x', 'a', 'b']],
    ['(r) => { const { x } = { x: r.a }; if (r.b > 3) return x; return r.price / 2 / r.a }', ['a', 'b', 'price']],
    ["(r) => r.a === 'r' || r.b === \"r.c\" || `${r.price} r.c` === ''", ['a', 'b', 'price']],
    ['(r) => `x${ { v: r.a }.v }y${`${r.b}`}` /* r */ // r\n', ['a', 'b']],
    ['(r) => other.r.a + r.b', ['b']],
    ['(r) => r.é', ['é']],
    ['(r) => r.a >= 1 && r.b == 2 && r.price <= 0x1F', ['a', 'b', 'price']],
    ['({ a, b: c }) => a + c', ['a', 'b']],
    ['({ price }) => { return price > 1e3 }', ['price']],
    ['(r) => [r.a, r.b].map((x) => x * r.price)', ['a', 'b', 'price']],
    ['(r) => 5', []],
  ])('%s', (source, fields) => {
    expect(reads(source)).toEqual(fields)
  })

  it.each([
    '(r) => r',
    '(r) => ({ r: r.a })',
    '(r) => keep(r)',
    '(r) => ({ r })',
    '(r) => ({ ...r })',
    '(r) => [r]',
    '(r) => r.unknown',
    '(r) => r.toString()',
    '(r) => r.constructor',
    '(r) => r.a()',
    '(r) => r.a`x`',
    '(r) => r.a?.()',
    "(r) => r['a']",
    '(r) => r?.a',
    '(r) => (r.a = 1)',
    '(r) => r.a++',
    '(r) => ++r.a',
    '(r) => r.a ??= 1',
    '(r) => delete r.a',
    '(r) => eval("r")',
    '(r) => (r, r.a)',
    '(r) => r\n.a + r',
    '(r) => `${r}`',
    '(r) => `${`${r}`}`',
    '(r) => /x/.test(r.a)',
    '(r) => typeof r',
    '(r) => xs.map((r) => r.a)',
    '(r) => { for (r of []) {} }',
    '(r) => "a" in r',
    '(r, t) => r.a',
    '(r = {}) => r.a',
    '(...r) => r.a',
    '({ a, ...rest }) => rest',
    '({ a = 1 }) => a',
    '({ a: { b } }) => b',
    '({ unknown }) => unknown',
    'async (r) => r.a',
    'function (r) { return r.a + arguments.length }',
    '(r) => \\u0072.a + r.a',
    'Math.abs',
    'class { constructor(r) {} }',
  ])('may be anything: %s', (source) => {
    expect(reads(source)).toBeUndefined()
  })

  it('tells a function that sees its first argument only', () => {
    expect(isUnary((line: string) => line.split(' '))).toBe(true)
    expect(isUnary((_line: string, out: { collect(x: number): void }) => out.collect(1))).toBe(false)
    // biome-ignore lint/complexity/useArrowFunction: it has arguments
    expect(isUnary(function (_line: string) {})).toBe(false)
    expect(isUnary((..._all: unknown[]) => 1)).toBe(false)
    expect(isUnary((_line: string, _out = 1) => 1)).toBe(false)
  })
})
