import { messages } from '../messages.ts'

/** Prints the arguments of Golden.java: `name:first:last` for each message. */
console.log(messages.map(({ name, versions }) => `${name}:${versions[0]}:${versions.at(-1)}`).join(' '))
