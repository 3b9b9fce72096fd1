import { expect, test } from 'vitest'
import { errorPage, errorSites } from './error-codes.ts'

const source = `
function a() {
  throw new MillraceError('API_BAD_KEY', {
    message: \`'\${name}' (\${where.replace('}', "{")}) is no key: \${list.map((x) => \`<\${x}>\`).join(', ')}.\`,
    fix: meant ? \`Did you mean '\${meant}'?\` : 'Keys are listed, in the docs.',
    cause,
  })
}
class B extends MillraceError {
  constructor() {
    super('KAFKA_CLOSED', { message: "It's closed." })
  }
}
throw new TypeError('not one of ours')
throw new MillraceError(code, { message: 'a code that is not a literal' })
`

test('codes, messages and fixes are read out of sources', () => {
  expect(errorSites('engine', source)).toEqual([
    {
      code: 'API_BAD_KEY',
      package: 'engine',
      message: "'…' (…) is no key: ….",
      fixes: ["Did you mean '…'?", 'Keys are listed, in the docs.'],
    },
    { code: 'KAFKA_CLOSED', package: 'engine', message: "It's closed.", fixes: [] },
  ])
})

test('the page lists each message once', () => {
  const page = errorPage(
    [...errorSites('engine', source), ...errorSites('engine', source)],
    [[3, 'UNKNOWN_TOPIC', 'refresh', 'No such topic.']],
  )
  expect(page.match(/is no key/g)).toHaveLength(1)
  expect(page).toContain('### `KAFKA_CLOSED`')
  expect(page).toContain('| 3 | `UNKNOWN_TOPIC` | refresh | No such topic. |')
})
