/** The program needs something that Millrace does not have (yet): the case is N/A, not a failure. */
export class Unsupported extends Error {}
