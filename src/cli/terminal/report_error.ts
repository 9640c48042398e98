// What an error says to a person, and its exit code: one line where the error says what to do, the
// stack only where the fault is in the program.
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
import { NonFiniteError } from "../../train/non_finite.ts";
import { EXIT } from "./exit_code.ts";
import { LostReaderError, type TextStream } from "./surroundings.ts";

const WRONG = [
  DeviceLostError,
  GpuMemoryError,
  GpuValidationError,
  NonFiniteError,
  WrongDepthError,
];

/** Prints an error and returns its exit code. */
export function reportError(error: unknown, stderr: TextStream): number {
  const say = (text: string): unknown => stderr.write(`ringdepth: ${printable(text)}\n`);
  // The end of the program reports what happened to stdout.
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
  // A table that is away or half merged: no command with kernels can be loaded.
  if (text.includes("shaders.gen")) {
    say("src/kernels/shaders.gen.ts is missing or broken: run npm run shaders");
    return EXIT.usage;
  }
  const lines = text.split("\n").map(escapeControls).join("\n");
  stderr.write(`ringdepth: a fault of the program itself, please report it: ${lines}\n`);
  return EXIT.wrong;
}
