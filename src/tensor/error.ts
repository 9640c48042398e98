// Errors that a person can act on.

/**
 * Bad input from outside: one clear line, exit code 2. Says what is wrong, where, and what to do.
 */
export class InputError extends Error {
  override name = "InputError";
}
