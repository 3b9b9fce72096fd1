/** A TypeScript source with what is not code blanked out; lines and columns stay where they were. */
export interface BlankedSource {
  /** Comments blanked. */
  readonly code: string
  /** Comments, and the contents of strings, templates and regular expressions, blanked. */
  readonly bare: string
}

/** After one of these a slash starts a regular expression; after anything else it divides. */
const beforeRegex =
  /(?:^|[(,=:[!&|?{};+\-*%~^<>]|\b(?:return|typeof|case|in|of|delete|void|throw|yield|await|else))\s*$/

/** Blanks comments and literals. Not a parser: enough of one for code that the compiler accepts. */
export function blank(source: string): BlankedSource {
  const code: string[] = []
  const bare: string[] = []
  /** Depth of braces at which each template that is open goes on as text. */
  const templates: number[] = []
  let depth = 0
  let at = 0

  const copy = (to: number, inCode: boolean, inBare: boolean) => {
    const text = source.slice(at, to)
    const blanks = inCode && inBare ? '' : text.replace(/[^\n]/g, ' ')
    code.push(inCode ? text : blanks)
    bare.push(inBare ? text : blanks)
    at = to
  }
  const copyTemplateText = () => {
    let to = at
    while (to < source.length && source[to] !== '`' && !source.startsWith('${', to)) to += source[to] === '\\' ? 2 : 1
    copy(Math.min(to, source.length), true, false)
    if (source[at] === '`') copy(at + 1, true, true)
    else if (at < source.length) {
      copy(at + 2, true, true)
      templates.push(depth)
      depth++
    }
  }

  while (at < source.length) {
    const char = source[at] as string
    const pair = source.slice(at, at + 2)
    if (pair === '//') copy(endOf(source, '\n', at), false, false)
    else if (pair === '/*') copy(Math.min(source.length, endOf(source, '*/', at + 2) + 2), false, false)
    else if (char === "'" || char === '"') {
      copy(at + 1, true, true)
      copy(endOfLiteral(source, char, at), true, false)
      copy(at + 1, true, true)
    } else if (char === '`') {
      copy(at + 1, true, true)
      copyTemplateText()
    } else if (char === '/' && beforeRegex.test(bare.slice(-40).join('').slice(-40))) {
      copy(at + 1, true, true)
      copy(endOfLiteral(source, '/', at), true, false)
      copy(at + 1, true, true)
    } else if (char === '{') {
      depth++
      copy(at + 1, true, true)
    } else if (char === '}') {
      depth--
      copy(at + 1, true, true)
      if (templates.at(-1) === depth) {
        templates.pop()
        copyTemplateText()
      }
    } else copy(at + 1, true, true)
  }
  return { code: code.join(''), bare: bare.join('') }
}

function endOf(source: string, end: string, from: number): number {
  const found = source.indexOf(end, from)
  return found < 0 ? source.length : found
}

/** The end of a string or regular expression on one line; in a class of the latter a slash is a character. */
function endOfLiteral(source: string, quote: string, from: number): number {
  let inClass = false
  let at = from
  while (at < source.length && source[at] !== '\n') {
    const char = source[at]
    if (char === '\\') at++
    else if (quote === '/' && char === '[') inClass = true
    else if (quote === '/' && char === ']') inClass = false
    else if (char === quote && !inClass) break
    at++
  }
  return Math.min(at, source.length)
}

export interface Import {
  readonly specifier: string
  readonly line: number
}

/** Every module that the source names: imports, re-exports, dynamic imports, `import('…').Type`. */
export function importsOf(code: string): Import[] {
  const found: Import[] = []
  const pattern = /(?:\bfrom\s*|\bimport\s*\(?\s*)(['"])([^'"\n]+)\1/g
  for (const match of code.matchAll(pattern)) {
    found.push({ specifier: match[2] as string, line: lineAt(code, match.index) })
  }
  return found
}

export function lineAt(text: string, index: number): number {
  let line = 1
  for (let at = text.indexOf('\n'); at >= 0 && at < index; at = text.indexOf('\n', at + 1)) line++
  return line
}
