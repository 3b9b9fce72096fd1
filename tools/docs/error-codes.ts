/** One place in the sources that raises an error with a code. */
export interface ErrorSite {
  readonly code: string
  readonly package: string
  /** What is said, with `…` for what is filled in. */
  readonly message: string
  /** What to do; several when it depends. */
  readonly fixes: readonly string[]
}

const constructorPattern = /(?:new \w*Error|super)\(\s*'([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)',\s*\{/g

/** Finds `new MillraceError('CODE', { message, fix })` and the like in a source. */
export function errorSites(packageName: string, source: string): ErrorSite[] {
  const sites: ErrorSite[] = []
  for (const match of source.matchAll(constructorPattern)) {
    const start = match.index + match[0].length
    const message = literals(property(source, start, 'message')).join(' ')
    if (message !== '') {
      sites.push({
        code: match[1] as string,
        package: packageName,
        message,
        fixes: literals(property(source, start, 'fix')),
      })
    }
  }
  return sites
}

/** The text of a property's value in the object literal that begins at `start`. */
function property(source: string, start: number, name: string): string {
  let depth = 0
  let valueStart = -1
  for (let at = start; at < source.length; at++) {
    const char = source[at] as string
    if (char === "'" || char === '"' || char === '`') at = endOfLiteral(source, at)
    else if ('([{'.includes(char)) depth++
    else if (')]}'.includes(char)) depth--
    if (depth < 0 || (depth === 0 && char === ',')) {
      if (valueStart >= 0) return source.slice(valueStart, at)
      if (depth < 0) return ''
    }
    if (depth === 0 && valueStart < 0 && source.startsWith(`${name}:`, at) && /[\s{,]/.test(source[at - 1] ?? '')) {
      valueStart = at + name.length + 1
    }
  }
  return ''
}

/** The string literals of an expression, with `…` for what a template fills in. */
function literals(expression: string): string[] {
  const found: string[] = []
  for (let at = 0; at < expression.length; at++) {
    if (!'\'"`'.includes(expression[at] as string)) continue
    const end = endOfLiteral(expression, at)
    const text = withoutSubstitutions(expression.slice(at + 1, end)).replace(/\\(.)/g, '$1')
    // Single words are what a ternary chooses between or joins with, not sentences.
    if (text.includes(' ')) found.push(text.trim())
    at = end
  }
  return found
}

function withoutSubstitutions(template: string): string {
  let text = ''
  for (let at = 0; at < template.length; at++) {
    if (!template.startsWith('${', at)) {
      text += template[at]
      continue
    }
    let depth = 0
    for (at++; at < template.length; at++) {
      const char = template[at] as string
      if ('\'"`'.includes(char)) at = endOfLiteral(template, at)
      else if (char === '{') depth++
      else if (char === '}' && --depth === 0) break
    }
    text += '…'
  }
  return text
}

/** The index of the quote that closes the literal which opens at `at`. */
function endOfLiteral(source: string, at: number): number {
  const quote = source[at]
  let end = at + 1
  while (end < source.length && source[end] !== quote) {
    if (source[end] === '\\') end++
    else if (quote === '`' && source.startsWith('${', end)) {
      let depth = 0
      for (end++; end < source.length; end++) {
        const char = source[end] as string
        if ('\'"`'.includes(char)) end = endOfLiteral(source, end)
        else if (char === '{') depth++
        else if (char === '}' && --depth === 0) break
      }
    }
    end++
  }
  return end
}

/** The page: codes by package, each with what it says and what to do. */
export function errorPage(
  sites: readonly ErrorSite[],
  kafkaErrors: readonly (readonly [number, string, string, string])[],
): string {
  const lines = [
    '# Errors',
    '',
    'Every error that a user can act on has a stable code, says what is wrong and what to do. This page is made from the sources by `npm run docs`; `…` stands for what is filled in.',
    '',
  ]
  for (const name of [...new Set(sites.map((site) => site.package))].sort()) {
    lines.push(`## ${name}`, '')
    const own = sites.filter((site) => site.package === name)
    for (const code of [...new Set(own.map((site) => site.code))].sort()) {
      lines.push(`### \`${code}\``, '')
      const said = new Map<string, readonly string[]>()
      for (const site of own) if (site.code === code && !said.has(site.message)) said.set(site.message, site.fixes)
      for (const [message, fixes] of said)
        lines.push(`- ${message}${fixes.length > 0 ? `<br>*${fixes.join('* or *')}*` : ''}`)
      lines.push('')
    }
  }
  lines.push(
    "## Kafka's error codes",
    '',
    'What a broker answers, ours or another. Our client raises them as `KAFKA_` and the name.',
    '',
    '| Code | Name | Kind | Meaning |',
    '| ---: | --- | --- | --- |',
    ...kafkaErrors.map(([code, name, kind, text]) => `| ${code} | \`${name}\` | ${kind} | ${text} |`),
    '',
  )
  return lines.join('\n')
}
