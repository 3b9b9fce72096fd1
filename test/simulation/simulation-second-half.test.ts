import { simulationTests } from './simulation-tests.ts'

// A file of its own: it runs beside the first half.
simulationTests('second half')
