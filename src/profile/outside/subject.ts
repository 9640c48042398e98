// A shader from anywhere as one row of a profile: its text, from disk or a commit, with its settings
// and data.
import { readFileSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import type { Gpu } from "../../gpu/device.ts";
import { GpuValidationError } from "../../gpu/errors.ts";
import { moduleFor } from "../../gpu/pipelines.ts";
import { gitIn } from "../../measure/environment.ts";
import type { Checked } from "../../measure/problems.ts";
import { raceText, type RaceCheck } from "../../measure/race_check.ts";
import type { Subject } from "../../measure/run_profile.ts";
import { fileCaret } from "../../measure/shader_source.ts";
import { InputError } from "../../tensor/error.ts";
import { bindShader, type StartNumbers } from "./buffers.ts";
import { checkRaces } from "../races/races.ts";
import { checkOutside, compileFaultOf } from "./check.ts";
import { startNumbers, type Numbers } from "./numbers.ts";
import { resolveProblem, type OutsideProblem } from "./problem.ts";
import { expectedOf, npyNumbers, type Expected } from "./reference.ts";
import { mergeSettings, readSidecar, type ShaderSettings } from "./settings.ts";

/** The numbers that shaders are checked and timed on, and what is checked. */
export interface OutsideData {
  /** Times on zeros; outputs are still checked on the data of the settings. */
  readonly zeros?: boolean;
  readonly seed?: number | undefined;
  /** An .npy file for the first buffer that is read. */
  readonly file?: string | undefined;
  /** False not to look for data races. */
  readonly races?: boolean | undefined;
}

/** A row, and the problem behind it; null if the text does not compile. */
export interface OutsideSubject extends Subject {
  readonly problem: OutsideProblem | null;
}

/** Whether a target of a profile is a file. */
export function isShaderFile(target: string): boolean {
  return /\.wgsl(@.+)?$/.test(target);
}

/** A file with the text that is to run. */
export interface ShaderFile {
  readonly file: string;
  readonly code: string;
  /** The name in tables: `saxpy.wgsl` or `saxpy.wgsl@HEAD`. */
  readonly label: string;
}

/** Reads `FILE.wgsl` from disk or `FILE.wgsl@REVISION` from git; throws InputError if missing. */
export async function readShaderText(target: string): Promise<ShaderFile> {
  const [, file, revision] = /^(.*?\.wgsl)(?:@(.+))?$/.exec(target) ?? [];
  if (file === undefined) throw new InputError(`${target}: expected FILE.wgsl or FILE.wgsl@COMMIT`);
  if (revision === undefined) return { file, code: diskText(file), label: file };
  const place = `${revision}:./${basename(file)}`;
  const code = await gitIn(dirname(resolve(file)), "show", "--end-of-options", place);
  if (code === null) throw new InputError(`${file}@${revision}: git has no such file there`);
  return { file, code: plain(code), label: `${file}@${revision}` };
}

/** The text of a file; throws InputError if it cannot be read. */
export function diskText(file: string): string {
  try {
    return plain(readFileSync(file, "utf8"));
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
    throw new InputError(`${file}: ${isMissing ? "no such file" : "cannot be read"}`);
  }
}

function plain(text: string): string {
  return text.replace(/^\uFEFF/, "").replaceAll("\r\n", "\n");
}

/** The settings of a file: its sidecar, with those of the command line on top. */
export async function settingsOf(file: string, given: ShaderSettings): Promise<ShaderSettings> {
  return mergeSettings((await readSidecar(file)) ?? {}, given);
}

/**
 * The row of a shader. `note` receives remarks about its output. A text that does not compile gives
 * a row with its error. Throws InputError for settings that do not fit the text.
 */
export async function outsideSubject(
  gpu: Gpu,
  { file, code, label }: ShaderFile,
  settings: ShaderSettings,
  data: OutsideData,
  note: (line: string) => void,
): Promise<OutsideSubject> {
  const fault = await textFault(gpu, file, code);
  const row = { kernel: label, text: () => code };
  if (fault !== "") {
    const refuse = async (): Promise<never> => await Promise.reject(new Error(fault));
    const check = async (): Promise<Checked> =>
      await Promise.resolve({ checked: "none", error: fault });
    return {
      ...row,
      case: "",
      cost: { flops: 0, bytes: 0 },
      dispatched: () => null,
      check,
      prepare: refuse,
      problem: null,
    };
  }
  const problem = resolveProblem(file, code, settings);
  const { flops, bytes } = problem;
  // Work that is only half known would be judged wrongly.
  const cost = flops === null || bytes === null ? { flops: 0, bytes: 0 } : { flops, bytes };
  const loaded = once(async () => {
    const start = await startOf(problem, { ...data, zeros: false });
    return { start, expected: await expectedOf(problem, start) };
  });
  const timed = once(async () =>
    data.zeros === true ? await startOf(problem, data) : (await loaded()).start,
  );
  let races: RaceCheck | null = null;
  return {
    ...row,
    case: data.zeros === true ? `${problem.name}, zeros` : problem.name,
    cost,
    problem,
    dispatched: () => {
      const { entry, numbers, grid } = problem;
      return { code, entry, constants: numbers, grid };
    },
    check: async (device) => {
      const { start, expected } = await loaded();
      const found = await checked(device, problem, start, expected, note);
      if (data.races === false || (await compileFaultOf(device, problem)) !== "") return found;
      races ??= await checkRaces(device, problem, start);
      for (const line of races.notes) note(line);
      const error = [found.error, raceText(races)].filter((text) => text !== "").join("\n");
      return { ...found, error };
    },
    races: () => races,
    prepare: async (device) => await bindShader(device, problem, await timed()),
  };
}

/** Checks on the device, and on the one that clamps indices if there is one beside it. */
async function checked(
  gpu: Gpu,
  problem: OutsideProblem,
  start: StartNumbers,
  expected: Expected | null,
  note: (line: string) => void,
): Promise<Checked> {
  const how = expected === null ? "none" : "case";
  const first = await checkOutside(gpu, problem, start, expected);
  for (const line of first.notes) note(`${problem.file}, ${problem.name}: ${line}`);
  const { clamped } = gpu;
  if (first.error !== "" || clamped === undefined) return { checked: how, error: first.error };
  const { error } = await checkOutside(clamped, problem, start, expected);
  return { checked: how, error };
}

async function startOf(problem: OutsideProblem, data: OutsideData): Promise<StartNumbers> {
  const start: Record<string, Numbers> = {};
  const read = problem.buffers.filter(({ access }) => access === "input" || access === "inout");
  const first = read.find(({ layout }) => layout.array !== null);
  for (const buffer of read) {
    const own = buffer === first && data.file !== undefined ? data.file : buffer.data;
    const isFile = typeof own === "string" && own.endsWith(".npy");
    const file = isFile ? await npyNumbers(own) : null;
    start[buffer.name] = startNumbers({ ...buffer, data: own }, data, file);
  }
  return start;
}

async function textFault(gpu: Gpu, file: string, code: string): Promise<string> {
  try {
    await moduleFor(gpu, { name: file, file, code, layout: [], constants: {} });
    return "";
  } catch (error) {
    if (!(error instanceof GpuValidationError)) throw error;
    return fileCaret(error.message, file, code);
  }
}

function once<T>(work: () => Promise<T>): () => Promise<T> {
  let done: Promise<T> | null = null;
  return async () => await (done ??= work());
}
