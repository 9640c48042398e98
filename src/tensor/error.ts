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
