#!/usr/bin/env node
// The `millrace` command. In a clone it runs the TypeScript sources on the pinned Node 24, whatever Node started it;
// as an installed package it runs the built files on the Node that it was started with.
import { existsSync } from 'node:fs'

const bootstrap = new URL('../../../tools/bootstrap.mjs', import.meta.url)
if (existsSync(bootstrap)) {
  const { main } = await import(bootstrap.href)
  process.exitCode = await main('millrace', process.argv.slice(2))
} else if (Number(process.versions.node.split('.')[0]) < 24) {
  process.stderr.write(`millrace needs Node 24 or later; this is ${process.version}.\n`)
  process.exitCode = 1
} else {
  await import('../dist/main.js')
}
