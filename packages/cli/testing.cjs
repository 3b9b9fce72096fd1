/**
 * `require('millrace/testing')`. Node itself can require an ES module; a test runner with a module loader of its own, as
 * jest has, may not. So it is Node's own `require` that loads it, in the realm that the runner was started in.
 */
const { runInThisContext } = require('node:vm')

const { createRequire } = runInThisContext('process').getBuiltinModule('node:module')

module.exports = createRequire(__filename)('./dist/testing.js')
