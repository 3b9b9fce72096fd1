/**
 * Which fields of its record a function reads, when its source text proves that it does nothing else with it: it then
 * cannot notice an object that has only those. Undefined: it may do anything, so it gets the whole record.
 *
 * Proved are arrow functions `(bid) => … bid.price …` where the parameter is only ever followed by the name of a field
 * that is read, and `({ price, auction: a }) => …`. Whatever this small reader of JavaScript is not sure of is not proved.
 */
export function fieldsReadBy(
  fn: (value: never) => unknown,
  known: ReadonlySet<string>,
): ReadonlySet<string> | undefined {
  const tokens = tokenize(Function.prototype.toString.call(fn))
  if (tokens === undefined) return undefined
  const [parameter, bodyStart] = parameterOf(tokens)
  if (typeof parameter === 'string') return readsOf(tokens, bodyStart, parameter, known)
  if (parameter === undefined) return undefined
  return parameter.every((name) => known.has(name)) ? new Set(parameter) : undefined
}

/** Whether a function provably sees no argument but the first. */
export function isUnary(fn: (...args: never) => unknown): boolean {
  const tokens = tokenize(Function.prototype.toString.call(fn))
  return tokens !== undefined && parameterOf(tokens)[0] !== undefined
}

/** The name of the one parameter, or the fields that it takes apart into; and where the body begins. */
function parameterOf(tokens: readonly string[]): [parameter: string | string[] | undefined, bodyStart: number] {
  if (isName(tokens[0]) && tokens[1] === '=>') return [tokens[0], 2]
  if (tokens[0] !== '(') return [undefined, 0]
  if (isName(tokens[1]) && tokens[2] === ')' && tokens[3] === '=>') return [tokens[1], 4]
  if (tokens[1] !== '{') return [undefined, 0]
  const fields: string[] = []
  let at = 2
  while (tokens[at] !== '}') {
    const field = tokens[at]
    if (!isName(field)) return [undefined, 0]
    fields.push(field)
    at++
    if (tokens[at] === ':') {
      if (!isName(tokens[at + 1])) return [undefined, 0]
      at += 2
    }
    if (tokens[at] === ',') at++
    else if (tokens[at] !== '}') return [undefined, 0]
  }
  return tokens[at + 1] === ')' && tokens[at + 2] === '=>' ? [fields, at + 3] : [undefined, 0]
}

const assignments = new Set([
  '=',
  '+=',
  '-=',
  '*=',
  '/=',
  '%=',
  '**=',
  '<<=',
  '>>=',
  '>>>=',
  '&=',
  '|=',
  '^=',
  '&&=',
  '||=',
  '??=',
  '++',
  '--',
])

function readsOf(
  tokens: readonly string[],
  start: number,
  parameter: string,
  known: ReadonlySet<string>,
): ReadonlySet<string> | undefined {
  const fields = new Set<string>()
  for (let at = start; at < tokens.length; at++) {
    const token = tokens[at] as string
    if (token === 'eval' || token === 'with') return undefined
    if (token !== parameter || tokens[at - 1] === '.' || tokens[at - 1] === '?.') continue
    const before = tokens[at - 1] as string
    const field = tokens[at + 2]
    const after = tokens[at + 3] ?? ''
    if (before === 'delete' || before === '++' || before === '--') return undefined
    if (tokens[at + 1] !== '.' || field === undefined || !known.has(field)) return undefined
    // A call would get the record as its `this`.
    if (after === '(' || after === '`' || after === '?.' || assignments.has(after)) return undefined
    fields.add(field)
  }
  return fields
}

const namePattern = /[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*/uy
const numberPattern = /(?:0[xXbBoO][\da-fA-F_]+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?)n?/y
const stringPattern = /'(?:[^'\\\n]|\\[^])*'|"(?:[^"\\\n]|\\[^])*"/y
const operatorPattern =
  />>>=|\.\.\.|\*\*=|<<=|>>=|>>>|===|!==|&&=|\|\|=|\?\?=|=>|==|!=|<=|>=|&&|\|\||\?\?|\?\.(?!\d)|\+\+|--|\+=|-=|\*=|\/=|%=|&=|\|=|\^=|\*\*|<<|>>|[{}()[\];,<>+\-*/%&|^!~?:=.]/y
const blankPattern = /(?:\s|\/\/[^\n]*(?:\n|$)|\/\*[^]*?\*\/)+/y

function isName(token: string | undefined): token is string {
  if (token === undefined) return false
  namePattern.lastIndex = 0
  return namePattern.test(token) && namePattern.lastIndex === token.length
}

/** Tokens of an expression; literals as `'lit'`. Undefined when there is something that only a full parser could read. */
function tokenize(source: string): string[] | undefined {
  const tokens: string[] = []
  const end = readTokens(source, 0, tokens, false)
  return end === source.length ? tokens : undefined
}

/** Reads to the end, or to the `}` that ends a substitution in a template. Gives the position, -1 for failure. */
function readTokens(source: string, start: number, tokens: string[], inTemplate: boolean): number {
  let at = start
  let braces = 0
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at
    const match = pattern.exec(source)
    if (match === null || match[0] === '') return undefined
    at += match[0].length
    return match[0]
  }
  while (at < source.length) {
    if (take(blankPattern) !== undefined) continue
    const name = take(namePattern)
    if (name !== undefined) {
      tokens.push(name)
      continue
    }
    if (
      take(stringPattern) ??
      (/[\d.]/.test(source[at] as string) && !/^\.(?!\d)/.test(source.slice(at, at + 2))
        ? take(numberPattern)
        : undefined)
    ) {
      tokens.push("'lit'")
      continue
    }
    if (source[at] === '`') {
      at = readTemplate(source, at + 1, tokens)
      if (at === -1) return -1
      continue
    }
    if (source[at] === '/' && !endsOperand(tokens.at(-1))) return -1
    const operator = take(operatorPattern)
    if (operator === undefined) return -1
    if (operator === '{') braces++
    if (operator === '}' && --braces < 0) return inTemplate ? at : -1
    tokens.push(operator)
  }
  return inTemplate ? -1 : at
}

function readTemplate(source: string, start: number, tokens: string[]): number {
  tokens.push('`')
  for (let at = start; at < source.length; ) {
    if (source[at] === '\\') at += 2
    else if (source[at] === '`') {
      tokens.push("'lit'")
      return at + 1
    } else if (source.startsWith('${', at)) {
      // Brackets of its own, so that what stands in it is an operand by itself.
      tokens.push('(')
      at = readTokens(source, at + 2, tokens, true)
      if (at === -1) return -1
      tokens.push(')')
    } else at++
  }
  return -1
}

/** After an operand `/` divides; elsewhere it begins a regular expression, which is not read here. */
function endsOperand(token: string | undefined): boolean {
  if (token === undefined) return false
  if (token === ')' || token === ']' || token === "'lit'") return true
  return (
    isName(token) &&
    ![
      'return',
      'typeof',
      'in',
      'of',
      'void',
      'delete',
      'case',
      'do',
      'else',
      'instanceof',
      'new',
      'yield',
      'await',
    ].includes(token)
  )
}
