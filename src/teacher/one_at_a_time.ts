// Calls in a line: a network holds the results of few runs, and several moments may be asked for at
// once.

/** `work`, whose calls begin one after the other, in order; each has its own result or error. */
export function oneAtATime<A extends readonly unknown[], R>(
  work: (...given: A) => Promise<R>,
): (...given: A) => Promise<R> {
  let last: Promise<unknown> = Promise.resolve();
  return async (...given) => {
    const own = last.then(async () => await work(...given));
    // The error is thrown where the result is awaited.
    last = own.catch(() => undefined);
    return await own;
  };
}
