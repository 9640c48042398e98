// Options that several commands share, and their parsers.
import { Option, type Command } from "commander";
import type { Precision } from "../../engine/tuning.ts";
import { parseSize, type ImageSize } from "../../data/camera.ts";
import { STUDENT_NAMES, STUDENTS, type StudentName } from "../../student/student.ts";
import { InputError } from "../../tensor/error.ts";

/** Options that every command has. */
export interface CommonOptions {
  readonly json?: boolean;
  readonly adapter?: string;
  readonly memoryBudget?: number;
}

/** How a result is written. */
export type Format = "table" | "json" | "md" | "csv";

/** Where and how results go. */
export interface ResultOptions extends CommonOptions {
  readonly format?: Format;
  readonly output?: string;
  readonly runs?: string;
}

/** Adds `--adapter`, `--memory-budget` and `--json`, and an example to the help. */
export function common(command: Command, example: string): Command {
  return withJson(
    command
      .option("--adapter <name>", "use the adapter whose name contains this text")
      .option(
        "--memory-budget <size>",
        "limit for the GPU memory of all buffers, such as 512MiB or 2GiB",
        memorySize("--memory-budget"),
      ),
    example,
  );
}

const UNITS: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
};

/** Reads a number of bytes with its unit, such as 512MiB; throws InputError naming the option. */
export function memorySize(option: string): (text: string) => number {
  return (text) => {
    const [, number, unit = ""] = /^(\d+(?:\.\d+)?) ?([a-z]+)$/i.exec(text) ?? [];
    const bytes = Math.floor(Number(number) * (UNITS[unit.toLowerCase()] ?? Number.NaN));
    if (bytes > 0 && Number.isSafeInteger(bytes)) return bytes;
    throw new InputError(
      `${option} ${text}: expected a size with its unit, such as 512MiB or 2GiB`,
    );
  };
}

/** For a command that needs no adapter: adds `--json`, and an example to the help. */
export function withJson(command: Command, example: string): Command {
  return command
    .option("--json", "print the result as JSON on stdout, everything else on stderr")
    .addHelpText("after", `\nExample:\n  ${example}`);
}

/** Refuses a removed option with a line that names its replacement. */
export function movedOption(command: Command, flags: string, instead: string): Command {
  const refuse = (): never => {
    throw new InputError(
      `${flags.split(" ")[0]} is no longer an option of this command; use ${instead}`,
    );
  };
  return command.addOption(new Option(flags).argParser(refuse).hideHelp());
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

/** Reads HEIGHTxWIDTH; throws InputError if a side is not a multiple of 32. */
export function imageSize(text: string): ImageSize {
  return parseSize(text);
}

/** Reads a precision; throws InputError listing them. */
export function precisionName(text: string): Precision {
  if (text === "f32" || text === "f16") return text;
  throw new InputError(`--precision ${text}: expected f32 or f16`);
}

/** Reads the name of a student; throws InputError listing them. */
export function studentName(text: string): StudentName {
  const name = STUDENTS.find((student) => student === text);
  if (name === undefined) {
    throw new InputError(`student ${text}: expected ${STUDENT_NAMES}`);
  }
  return name;
}
