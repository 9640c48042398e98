// The options of `ringdepth profile FILE.wgsl`: what a sidecar file says too, and has less weight.
import type { Command } from "commander";
import { splitTop } from "../../profile/outside/layout.ts";
import { isShaderFile } from "../../profile/outside/subject.ts";
import type { Amount, BufferSettings, ShaderSettings } from "../../profile/outside/settings.ts";
import { InputError } from "../../tensor/error.ts";
import type { Shape } from "../../tensor/shape.ts";

/** Options that apply to files only. */
export interface FileOptions {
  readonly entry?: string;
  readonly set?: NonNullable<ShaderSettings["values"]>;
  readonly grid?: readonly Amount[];
  readonly threads?: readonly Amount[];
  readonly reference?: NonNullable<ShaderSettings["reference"]>;
  readonly flops?: Amount;
  readonly bytes?: Amount;
  readonly init?: boolean;
  /** False not to look for data races. */
  readonly races?: boolean;
}

/** The names of these options. */
export const FILE_OPTIONS: readonly (keyof FileOptions)[] = [
  "entry",
  "set",
  "grid",
  "threads",
  "reference",
  "flops",
  "bytes",
  "init",
  "races",
];

/** Adds the options to the command. */
export function addFileOptions(command: Command): void {
  command
    .optionsGroup("Shaders from anywhere (FILE.wgsl; FILE.json beside it can say the same):")
    .option("--entry <name>", "entry point, if the file has several")
    .option(
      "--set <NAME=VALUE>",
      "a number of a uniform or an override, such as n=4096 or WG=128; repeatable",
      setOption,
    )
    .option(
      "--grid <X,Y,Z>",
      "workgroups; expressions such as 'ceil(n / WG)' are allowed",
      amounts("--grid"),
    )
    .option("--threads <X,Y,Z>", "invocations, from which the grid follows", amounts("--threads"))
    .option(
      "--reference <what>",
      "FILE.js that computes the outputs, or NAME=FILE.npy; repeatable; without one, times are unchecked",
      referenceOption,
    )
    .option("--flops <n>", "operations of one run, such as '2 * x.length'", amountOf)
    .option(
      "--bytes <n>",
      "bytes of one run that must cross the memory bus, such as '12 * x.length'",
      amountOf,
    )
    .option("--no-races", "do not look for data races before timing")
    .option(
      "--init",
      "write FILE.json with everything that is known and assumed, and time nothing",
    );
}

/** Whether the targets are files; throws InputError if some are and some are not. */
export function areFiles(targets: readonly string[]): boolean {
  const files = targets.filter(isShaderFile);
  if (files.length === 0) return false;
  if (files.length === targets.length) return true;
  const kernel = targets.find((target) => !isShaderFile(target));
  throw new InputError(`give files or kernels, not both: ${files[0]} and ${kernel}`);
}

/** The settings of a command line. */
export function fileSettings(
  options: FileOptions & {
    readonly shape?: Readonly<Record<string, Shape>>;
    readonly data?: string;
  },
): ShaderSettings {
  const { entry, set, grid, threads, reference, flops, bytes, shape = {} } = options;
  if (grid !== undefined && threads !== undefined) {
    throw new InputError("give --grid or --threads, not both");
  }
  const buffers: Record<string, BufferSettings> = {};
  for (const [name, axes] of Object.entries(shape)) buffers[name] = { shape: axes };
  return { entry, values: set, grid, threads, reference, flops, bytes, buffers };
}

function setOption(
  text: string,
  before: NonNullable<FileOptions["set"]> = {},
): NonNullable<FileOptions["set"]> {
  const [, name, list] = /^([\p{L}_][\p{L}\p{N}_.]*)=(.+)$/u.exec(text) ?? [];
  if (name === undefined)
    throw new InputError(`--set ${text}: expected NAME=VALUE, such as n=4096`);
  if (before[name] !== undefined) throw new InputError(`--set ${name}: given twice`);
  const values = splitTop(list).map(amountOf);
  return { ...before, [name]: values.length === 1 ? values[0] : values };
}

function amounts(option: string): (text: string) => readonly Amount[] {
  return (text) => {
    const list = splitTop(text).map(amountOf);
    if (list.length >= 1 && list.length <= 3) return list;
    throw new InputError(`${option} ${text}: expected one to three numbers X,Y,Z`);
  };
}

/** A number, or an expression that is computed later; true and false are 1 and 0. */
function amountOf(text: string): Amount {
  if (text === "true" || text === "false") return Number(text === "true");
  const value = Number(text);
  return text.trim() !== "" && Number.isFinite(value) ? value : text;
}

function referenceOption(
  text: string,
  before?: NonNullable<FileOptions["reference"]>,
): NonNullable<FileOptions["reference"]> {
  const [, name, file] = /^([\p{L}_][\p{L}\p{N}_]*)=(.+\.npy)$/u.exec(text) ?? [];
  if (name === undefined) {
    if (before === undefined && !text.endsWith(".npy")) return text;
    throw new InputError(
      `--reference ${text}: expected one FILE.js, or NAME=FILE.npy for each output`,
    );
  }
  if (typeof before === "string") {
    throw new InputError(`--reference ${text}: ${before} already computes the outputs`);
  }
  return { ...before, [name]: file };
}
