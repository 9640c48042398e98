// Errors that tell the user what to do.
import { printable } from "./printable.ts";

/**
 * Invalid input from outside: one line that says what is wrong, where, and what to do; exit code 2.
 * The message may quote names from files: control characters in it are escaped.
 */
export class InputError extends Error {
  override name = "InputError";

  constructor(message: string, options?: ErrorOptions) {
    super(printable(message), options);
  }
}

/** An error with `context` before its message; an InputError stays an InputError. */
export function explained(error: unknown, context: string): Error {
  const text = `${context}${error instanceof Error ? error.message : String(error)}`;
  const options = { cause: error };
  return error instanceof InputError ? new InputError(text, options) : new Error(text, options);
}

/** A training step produced a number that is not finite; nothing of it was kept. */
export class NonFiniteError extends Error {
  override name = "NonFiniteError";
}
