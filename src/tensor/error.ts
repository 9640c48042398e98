// Errors that a person can act on.
import { printable } from "./printable.ts";

/**
 * Bad input from outside: one clear line, exit code 2. Says what is wrong, where, and what to do.
 * The message may quote names from files: control characters in it are escaped.
 */
export class InputError extends Error {
  override name = "InputError";

  constructor(message: string, options?: ErrorOptions) {
    super(printable(message), options);
  }
}

/** An error with `context` before its message, of the kind that it was: bad input stays bad input. */
export function explained(error: unknown, context: string): Error {
  const text = `${context}${error instanceof Error ? error.message : String(error)}`;
  const options = { cause: error };
  return error instanceof InputError ? new InputError(text, options) : new Error(text, options);
}
