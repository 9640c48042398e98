// Exit codes, and what of an error a person gets to see: one line where the error says what to do,
// the stack only where the fault is ours.
import { CommanderError } from "commander";
import {
  DeviceLostError,
  GpuMemoryError,
  GpuValidationError,
  NoAdapterError,
} from "../../gpu/errors.ts";
import { WrongDepthError } from "../../evaluate/checked_depth.ts";
import { InputError } from "../../tensor/error.ts";
import { escapeControls, printable } from "../../tensor/printable.ts";
import { NonFiniteError } from "../../train/trainer.ts";
import { LostReaderError } from "./output.ts";
import type { TextStream } from "./text_stream.ts";

/** What the exit code of a command says; those above 128 are the shell's own for a signal. */
export const EXIT = {
  fine: 0,
  gate: 1,
  usage: 2,
  wrong: 3,
  noAdapter: 4,
  SIGHUP: 129,
  SIGINT: 130,
  /** Nobody reads the report any more; other programs end by this signal then. */
  SIGPIPE: 141,
  SIGTERM: 143,
} as const;

const WRONG = [
  DeviceLostError,
  GpuMemoryError,
  GpuValidationError,
  NonFiniteError,
  WrongDepthError,
];

/** Tells a person of an error and returns the exit code for it. */
export function reportError(error: unknown, stderr: TextStream): number {
  const say = (text: string): unknown => stderr.write(`ringdepth: ${printable(text)}\n`);
  // The end of the program says what became of stdout.
  if (error instanceof LostReaderError) return EXIT.fine;
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
  const lines = text.split("\n").map(escapeControls).join("\n");
  stderr.write(`ringdepth: a fault of the program itself, please report it: ${lines}\n`);
  return EXIT.wrong;
}
