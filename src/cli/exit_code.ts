// Exit codes, and what of an error a person gets to see: one line where the error says what to do,
// the stack only where the fault is ours.
import { CommanderError } from "commander";
import {
  DeviceLostError,
  GpuMemoryError,
  GpuValidationError,
  NoAdapterError,
} from "../gpu/errors.ts";
import { InputError } from "../tensor/error.ts";
import { NonFiniteError } from "../train/trainer.ts";
import type { TextStream } from "./surroundings.ts";

/** What the exit code of a command says (DESIGN section 10). */
export const EXIT = {
  fine: 0,
  gate: 1,
  usage: 2,
  wrong: 3,
  noAdapter: 4,
  SIGINT: 130,
  SIGTERM: 143,
} as const;

const WRONG = [DeviceLostError, GpuMemoryError, GpuValidationError, NonFiniteError];

/** Tells a person of an error and returns the exit code for it. */
export function reportError(error: unknown, stderr: TextStream): number {
  const say = (text: string): unknown => stderr.write(`ringdepth: ${oneLine(text)}\n`);
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.fine : EXIT.usage;
  if (error instanceof InputError) {
    say(error.message);
    return EXIT.usage;
  }
  if (error instanceof NoAdapterError) {
    say(error.message);
    return EXIT.noAdapter;
  }
  if (WRONG.some((kind) => error instanceof kind)) {
    say(`${(error as Error).name}: ${(error as Error).message}`);
    return EXIT.wrong;
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  stderr.write(`ringdepth: a fault of the program itself, please report it: ${text}\n`);
  return EXIT.wrong;
}

/** Text on one line, however its source broke it. */
export function oneLine(text: string): string {
  return text.trim().replace(/\s*\n\s*/g, " ");
}
