// The files of `ringdepth profile FILE.wgsl` as rows of a profile, with the lines that say what was
// assumed about them; and `--init`, which writes those assumptions to a sidecar.
import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { writeFileAtomically } from "../../formats/atomic_file.ts";
import { resolveProblem } from "../../profile/outside/problem.ts";
import { completeSettings, referenceExample } from "../../profile/outside/init.ts";
import { mergeSettings, readSidecar, sidecarOf } from "../../profile/outside/settings.ts";
import {
  outsideSubject,
  readShaderText,
  settingsOf,
  type OutsideData,
  type OutsideSubject,
  type ShaderFile,
} from "../../profile/outside/subject.ts";
import { InputError } from "../../tensor/error.ts";
import { EXIT } from "../terminal/exit_code.ts";
import { fileSettings } from "./file_options.ts";
import type { ProfileOptions } from "./request.ts";
import type { ProfileRun } from "./run.ts";

/** The row of each file; assumptions are said once. */
export async function fileSubjects(
  run: ProfileRun<ProfileOptions>,
  targets: readonly string[],
): Promise<OutsideSubject[]> {
  const subjects: OutsideSubject[] = [];
  for (const target of targets) {
    const subject = await fileSubject(run, await readShaderText(target));
    sayAssumed(run, subject);
    subjects.push(subject);
  }
  return subjects;
}

/** The row of one file with a text; settings of `sidecar` instead of its own if it has none. */
export async function fileSubject(
  { gpu, output, options }: ProfileRun<ProfileOptions>,
  shader: ShaderFile,
  instead: string = shader.file,
): Promise<OutsideSubject> {
  const settings = (await hasSidecar(shader.file))
    ? await settingsOf(shader.file, fileSettings(options))
    : await settingsOf(instead, fileSettings(options));
  return await outsideSubject(gpu, shader, settings, dataOf(options), once(output.warn));
}

async function hasSidecar(file: string): Promise<boolean> {
  return (await readSidecar(file)) !== null;
}

/** The choices of `--data`, `--seed` and `--no-races`. */
export function dataOf({ data, seed, races }: ProfileOptions): OutsideData {
  return {
    seed,
    races,
    zeros: data === "zeros",
    ...(data?.endsWith(".npy") === true && { file: data }),
  };
}

/** A function that says each line only once: a shader is checked on more than one device. */
function once(say: (line: string) => void): (line: string) => void {
  const said = new Set<string>();
  return (line) => {
    if (!said.has(line)) say(line);
    said.add(line);
  };
}

/** Says what was assumed about a shader, and how to change it. */
export function sayAssumed(
  { output }: Pick<ProfileRun<ProfileOptions>, "output">,
  { problem }: OutsideSubject,
): void {
  if (problem === null || problem.assumed.length === 0) return;
  const { assumed, file } = problem;
  output.say(`assumed for ${file}: ${assumed.join(", ")}`);
  output.say(`change it with --set, --shape, --threads or --grid, or write it down: --init`);
}

/** The folder whose commit a profile of files has. */
export function folderOf(targets: readonly string[]): string {
  return dirname(resolve(targets[0].replace(/@[^/\\]*$/, "")));
}

/** Writes the sidecar of each file; returns the exit code. */
export async function initFiles(
  { output, options }: Pick<ProfileRun<ProfileOptions>, "output" | "options">,
  targets: readonly string[],
): Promise<number> {
  for (const target of targets) {
    const { file, code } = await readShaderText(target);
    const sidecar = sidecarOf(file);
    if (existsSync(sidecar)) {
      throw new InputError(`${sidecar}: exists already: edit it, or remove it first`);
    }
    const problem = resolveProblem(file, code, mergeSettings({}, fileSettings(options)));
    const text = `${JSON.stringify(completeSettings(problem), null, 2)}\n`;
    await writeFileAtomically(sidecar, Buffer.from(text));
    output.say(`written ${sidecar}: sizes, data and grid of ${file}, to be edited`);
    if (problem.flops === null) {
      output.say(`give "flops" for the roofline; "bytes" assumes that every buffer is used once`);
    }
    if (problem.settings.reference === undefined) {
      output.say(`give "reference": a module that computes the outputs, such as`);
      output.say(`  ${referenceExample(problem)}`);
    }
  }
  return EXIT.fine;
}
