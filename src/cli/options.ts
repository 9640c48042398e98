// Options that several commands share, and how their texts become values.
import type { Command } from "commander";
import { parseSize, type ImageSize } from "../data/camera.ts";
import { STUDENTS, type StudentName } from "../student/student.ts";
import { InputError } from "../tensor/error.ts";

/** Options that every command has. */
export interface CommonOptions {
  readonly json?: boolean;
  readonly adapter?: string;
}

/** Adds `--adapter` and `--json`, and an example to the help. */
export function common(command: Command, example: string): Command {
  return withJson(
    command.option("--adapter <name>", "part of the adapter's name, where there are several"),
    example,
  );
}

/** Adds what a command has that needs no adapter: `--json`, and an example to the help. */
export function withJson(command: Command, example: string): Command {
  return command
    .option("--json", "print the result as JSON on stdout, all else on stderr")
    .addHelpText("after", `\nExample:\n  ${example}`);
}

/** Reads a whole number of at least `least`; throws InputError naming the option. */
export function wholeNumber(option: string, least: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (Number.isSafeInteger(value) && value >= least) return value;
    throw new InputError(`${option} ${text}: expected a whole number of at least ${least}`);
  };
}

/** Reads a positive number; throws InputError naming the option. */
export function positiveNumber(option: string): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (value > 0 && value < Infinity) return value;
    throw new InputError(`${option} ${text}: expected a number above 0`);
  };
}

/** Reads HEIGHTxWIDTH; throws InputError where a side is no multiple of 32. */
export function imageSize(text: string): ImageSize {
  return parseSize(text);
}

/** Reads the name of a student; throws InputError listing them. */
export function studentName(text: string): StudentName {
  const name = STUDENTS.find((student) => student === text);
  if (name === undefined) {
    throw new InputError(`student ${text}: expected ${STUDENTS.join(" or ")}`);
  }
  return name;
}
