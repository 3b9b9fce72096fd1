/** Closes something; gives what failed instead of throwing it, so that the others are closed too. */
export async function closeQuietly(close: () => Promise<void> | void): Promise<unknown[]> {
  try {
    await close()
    return []
  } catch (cause) {
    return [cause]
  }
}
