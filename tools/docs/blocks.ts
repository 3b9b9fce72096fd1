export interface CodeBlock {
  /** The module that it becomes. */
  readonly file: string
  readonly page: string
  /** The page's line before the block's first one. */
  readonly line: number
  readonly code: string
}

/** The blocks of a page that open with ```ts; ```ts no-check ones are left out. */
export function codeBlocks(page: string, text: string): CodeBlock[] {
  const blocks: CodeBlock[] = []
  const lines = text.split('\n')
  for (let at = 0; at < lines.length; at++) {
    if (!/^```(ts|typescript)\s*$/.test(lines[at] ?? '')) continue
    const start = at + 1
    while (at + 1 < lines.length && !/^```\s*$/.test(lines[at + 1] ?? '')) at++
    const name = page.replace(/[^A-Za-z0-9]+/g, '-')
    // Without an import or export TypeScript would take it for a script that shares names with the others.
    blocks.push({
      file: `${name}-${start}.ts`,
      page,
      line: start,
      code: `${lines.slice(start, at + 1).join('\n')}\nexport {}\n`,
    })
  }
  return blocks
}

/** The compiler's messages with the pages' names and lines in place of the modules'. */
export function translateErrors(output: string, blocks: readonly CodeBlock[]): string[] {
  return output
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, file, row, rest] = /^([^\s(]+\.ts)\((\d+),\d+\)(.*)$/.exec(line) ?? []
      const block = blocks.find((candidate) => candidate.file === file)
      return block ? `${block.page}:${block.line + Number(row)}${rest}` : line
    })
}
