// The words and values of the options that profiles and benches share.
import { InputError } from "../../tensor/error.ts";
import { positiveNumber, type Format } from "./options.ts";

/** Default folder of saved profiles. */
export const RUNS_FOLDER = "runs/profile";
const FORMATS: readonly Format[] = ["table", "json", "md", "csv"];

export const FORMAT_HELP: string = `${FORMATS.join(", ")} (default: table)`;
export const RUNS_HELP: string = `folder of saved profiles (default: ${RUNS_FOLDER})`;
export const GATE_HELP = "exit with code 1 if a row is SLOW or not compared";
export const LENIENT_HELP = "with --gate: allow rows that are MISSING, NEW or WRONG";
export const THRESHOLD_HELP =
  "smallest change that counts (default: 3 %; 10 % on software adapters)";
export const HTML_HELP = "also write a page with roofline, table and distributions";

/** Reads the name of a format; throws InputError listing them. */
export function formatName(text: string): Format {
  const name = FORMATS.find((one) => one === text);
  if (name === undefined) throw new InputError(`--format ${text}: expected ${FORMATS.join(", ")}`);
  return name;
}

/** Reads `3` or `3%` as 0.03. */
export function percentage(option: string): (text: string) => number {
  const read = positiveNumber(option);
  return (text) => read(text.replace(/\s*%$/, "")) / 100;
}
