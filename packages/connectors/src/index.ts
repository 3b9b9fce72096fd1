export * from './formats/index.ts'
export * from './kafka/index.ts'
