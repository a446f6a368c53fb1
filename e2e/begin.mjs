// What is made of several processes.

/**
 * Starts the parts of `whole` one after another, and gives it. Where that fails, those that run are stopped: a process that is left keeps the tests
 * from ending.
 *
 * @template {{ stop(): Promise<unknown> }} T
 * @param {T} whole `stop` stops the parts that have been started
 * @param {() => Promise<unknown>} start
 * @returns {Promise<T>}
 */
export async function begin(whole, start) {
  try {
    await start()
    return whole
  } catch (error) {
    await whole.stop()
    throw error
  }
}
