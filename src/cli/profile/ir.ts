// `--ir`: the compiler's output for a kernel. Dawn writes its dumps to stdout, so a second process
// (`profile dump`, not for people) compiles the pipeline, and its output is read here.
import { spawn } from "node:child_process";
import { json, text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { writeFileAtomically } from "../../formats/atomic_file.ts";
import { openGpu } from "../../gpu/node_device.ts";
import { pipelineFor, pipelineLabel, type PipelineSource } from "../../gpu/pipelines.ts";
import { fitted } from "../../engine/mapping.ts";
import { specialize, freezesShapes } from "../../engine/specialize.ts";
import {
  dumpedForms,
  dumpedSection,
  DUMP_TOGGLES,
  resolvedWgsl,
  type IrForm,
} from "../../profile/kernel/compiler_text.ts";
import { compileFault } from "../../measure/shader_source.ts";
import { InputError } from "../../tensor/error.ts";
import type { CommandContext } from "../terminal/define.ts";
import { EXIT } from "../terminal/exit_code.ts";
import { pipelineSource } from "../../profile/outside/buffers.ts";
import { compileFaultOf } from "../../profile/outside/check.ts";
import { chooseTargets } from "../../profile/kernel/targets.ts";
import { fileSubjects } from "./file_targets.ts";
import type { ProfileRun } from "./run.ts";
import type { ProfileOptions } from "./request.ts";

/** The input of `profile dump` on stdin. */
interface DumpRequest {
  readonly source: PipelineSource;
  readonly toggles: readonly string[];
  readonly adapter?: string;
}

/**
 * Prints the compiled form of one kernel on its first problem; returns the exit code. Throws
 * InputError if the globs match several kernels.
 */
export async function printIr(
  run: ProfileRun<ProfileOptions>,
  globs: readonly string[],
  form: IrForm,
): Promise<number> {
  const { gpu, output, options } = run;
  const targets = await chooseTargets(gpu, globs, options);
  const names = [...new Set(targets.map(({ kernel }) => kernel.shader.name))];
  if (names.length > 1) {
    throw new InputError(`--ir ${form}: one kernel at a time, not ${names.join(", ")}`);
  }
  const [target] = targets;
  const { kernel, problem } = target;
  const fault = await compileFault(gpu, target, problem);
  if (fault !== "") {
    output.warn(fault);
    return EXIT.wrong;
  }
  const freeze = freezesShapes(gpu.facts);
  const { shapes, attributes } = problem;
  const { source } = specialize(fitted(kernel, gpu.facts), shapes, attributes, freeze, gpu.facts);
  return await writeIr(run, source, problem.name, form);
}

/** Prints the compiled form of a shader from anywhere; returns the exit code. */
export async function printFileIr(
  run: ProfileRun<ProfileOptions>,
  targets: readonly string[],
  form: IrForm,
): Promise<number> {
  if (targets.length > 1) throw new InputError(`--ir ${form}: one file at a time`);
  const [subject] = await fileSubjects(run, targets);
  const { problem } = subject;
  const fault =
    problem === null
      ? (await subject.check(run.gpu)).error
      : await compileFaultOf(run.gpu, problem);
  if (fault !== "" || problem === null) {
    run.output.warn(fault);
    return EXIT.wrong;
  }
  return await writeIr(run, pipelineSource(problem), problem.name, form);
}

async function writeIr(
  run: ProfileRun<ProfileOptions>,
  source: PipelineSource,
  name: string,
  form: IrForm,
): Promise<number> {
  const { output, surroundings, options } = run;
  output.say(`${form} of ${pipelineLabel(source)}, ${name}`);
  const written = form === "wgsl" ? resolvedWgsl(source) : await dumped(run, source, form);
  if (options.output === undefined) {
    surroundings.stdout.write(written);
  } else {
    await writeFileAtomically(options.output, Buffer.from(written));
    output.say(`written to ${options.output}`);
  }
  return EXIT.fine;
}

/** Adds the hidden command that compiles a pipeline for its dump. */
export function defineDump(parent: Command, { exit }: CommandContext): void {
  parent.command("dump", { hidden: true }).action(async () => {
    const { source, toggles, adapter } = (await json(process.stdin)) as DumpRequest;
    const gpu = await openGpu({
      validation: true,
      toggles,
      ...(adapter !== undefined && { adapter }),
    });
    await pipelineFor(gpu, source);
    gpu.close();
    exit(EXIT.fine);
  });
}

/** The section of a form, from a separate process. */
async function dumped(
  { gpu, options: { adapter } }: ProfileRun<ProfileOptions>,
  source: PipelineSource,
  form: keyof typeof DUMP_TOGGLES,
): Promise<string> {
  const toggles = DUMP_TOGGLES[form];
  const request: DumpRequest = { source, toggles, ...(adapter !== undefined && { adapter }) };
  const program = fileURLToPath(new URL("../../../tools/ringdepth.js", import.meta.url));
  const child = spawn(process.execPath, [program, "profile", "dump"]);
  const ended = new Promise((resolve) => child.on("close", resolve));
  child.stdin.end(JSON.stringify(request));
  const [dump, complaints] = await Promise.all([text(child.stdout), text(child.stderr)]);
  if ((await ended) !== EXIT.fine) throw new Error(`ringdepth profile dump: ${complaints}`);
  const section = dumpedSection(dump, form, source.name);
  if (section !== null) return section;
  const forms = dumpedForms(dump);
  const instead = forms.length === 0 ? "no known form" : forms.join(", ");
  throw new InputError(`--ir ${form}: the back end of ${gpu.facts.name} writes ${instead}`);
}
