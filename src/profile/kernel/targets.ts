// The kernels of a profile and their problems: in a checkout those of bench/, which have the
// student's sizes, else the kernels' own or those of a training step; on request with other shapes
// or data.
import { existsSync, readdirSync } from "node:fs";
import type { Gpu } from "../../gpu/device.ts";
import type { AnyKernel, KernelProblem } from "../../engine/kernel.ts";
import type { Problem } from "../../engine/problem.ts";
import { kernels } from "../../kernels/kernels.ts";
import { isRunnable } from "../../measure/problems.ts";
import { reshaped, type AxisLengths } from "./reshape.ts";
import type { Target } from "../../measure/run_profile.ts";
import { kernelAt } from "../../measure/shader_revision.ts";
import { kernelOnDisk, type SourcedKernel } from "../../measure/shader_source.ts";
import { InputError } from "../../tensor/error.ts";
import { formatShape, size, type Shape } from "../../tensor/shape.ts";
import type { StudentName } from "../../student/student.ts";
import { matchingKernels } from "./matching.ts";
import { readData, withData, type DataChoice } from "./data.ts";
import { familyOf, presetCalls } from "./preset.ts";

/** The source of problems. */
export type ProblemSource = "bench" | "own";

/** The requested problems. */
export interface ProblemChoice extends DataChoice {
  /** By default bench, if it exists. */
  readonly cases?: ProblemSource;
  /** Part of the problem's name. */
  readonly case?: string;
  /** Use the problems of this student's training step instead. */
  readonly preset?: StudentName;
  /** Other shapes, by input. */
  readonly shape?: Readonly<Record<string, Shape>>;
  /** Other lengths of axes; several make every combination. */
  readonly axis?: readonly AxisLengths[];
}

// The bytes that a check puts behind an output to find stores past its end.
const FENCE_BYTES = 256;
const BENCH = new URL("../../../bench/kernels/", import.meta.url);

/**
 * The targets of a profile, with the shaders on disk. Throws InputError if no kernel or no problem
 * has the requested names.
 */
export async function chooseTargets(
  gpu: Gpu,
  globs: readonly string[],
  choice: ProblemChoice,
): Promise<Target[]> {
  const targets: Target[] = [];
  for (const kernel of wantedKernels(gpu, globs, choice)) {
    const sourced = kernelOnDisk(kernel);
    const problems = await problemsOf(gpu, sourced.kernel, choice);
    targets.push(...problems.map((problem) => ({ ...sourced, problem })));
  }
  if (targets.length === 0) throw noProblem(globs.join(" ") || "any kernel", choice);
  return targets;
}

/**
 * The kernels of `globs`; for a preset, those that the training step runs: a base represents its
 * mappings, and a mapping that is named is timed too.
 */
function wantedKernels(
  { facts }: Gpu,
  globs: readonly string[],
  { preset }: ProblemChoice,
): ReadonlySet<AnyKernel> {
  const named = globs.flatMap((glob) => matchingKernels(glob));
  if (preset === undefined) return new Set(globs.length === 0 ? kernels : named);
  const run = new Set(presetCalls(preset, facts).map(({ kernel }) => kernel));
  if (globs.length === 0) return run;
  const ran = [...run].filter((kernel) => named.includes(familyOf(kernel)));
  return new Set([...ran, ...named.filter((kernel) => familyOf(kernel) !== kernel)]);
}

/** Two kernels, each `NAME` or `NAME@REVISION`, and the problems that both can run. */
export interface PairTargets {
  readonly kernels: readonly [SourcedKernel, SourcedKernel];
  readonly problems: readonly Problem[];
}

/** The two sides of `--ab`; throws InputError if they have no problem in common. */
export async function choosePair(
  gpu: Gpu,
  names: readonly string[],
  choice: ProblemChoice,
): Promise<PairTargets> {
  if (names.length !== 2) throw new InputError("--ab takes two kernels: --ab A B");
  const [a, b] = await Promise.all(names.map(namedKernel));
  const problems = await problemsOf(gpu, a.kernel, choice);
  const common = problems.filter((problem) => fits(gpu, b.kernel, problem));
  if (common.length === 0) throw noProblem(names.join(" and "), choice);
  return { kernels: [a, b], problems: common };
}

async function namedKernel(text: string): Promise<SourcedKernel> {
  const [name, ...revision] = text.split("@");
  const [kernel, second] = matchingKernels(name);
  if (second !== undefined) throw new InputError(`--ab ${text}: matches more than one kernel`);
  if (revision.length === 0) return kernelOnDisk(kernel);
  return await kernelAt(kernel, revision.join("@"));
}

/** Whether a kernel takes the inputs of a problem that was made for another. */
function fits(gpu: Gpu, kernel: AnyKernel, problem: Problem): boolean {
  const inputs = kernel.shader.bindings.filter(({ access }) => access !== "write");
  if (!inputs.every(({ name }) => problem.shapes[name] !== undefined)) return false;
  try {
    kernel.shapes(problem.shapes, problem.attributes);
  } catch {
    return false;
  }
  return isRunnable(gpu, kernel, problem);
}

async function problemsOf(gpu: Gpu, kernel: AnyKernel, choice: ProblemChoice): Promise<Problem[]> {
  const { case: part = "", shape = {}, axis = [] } = choice;
  const all = await sourceProblems(gpu, kernel, choice);
  const values = await readData(choice);
  const isReshaped = Object.keys(shape).length > 0 || axis.length > 0;
  return all
    .filter(({ name }) => name.includes(part))
    .flatMap((problem) => reshaped(kernel, problem, { shapes: shape, axes: axis }))
    .map((problem) => (isReshaped ? bindable(gpu, kernel, problem) : problem))
    .map((problem) => withData(kernel, problem, choice, values))
    .filter((problem) => isRunnable(gpu, kernel, problem));
}

/** The problem itself; throws InputError if a tensor exceeds the adapter's binding limit. */
function bindable({ limits, facts }: Gpu, kernel: AnyKernel, problem: Problem): Problem {
  const most = Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize);
  const shapes = { ...problem.shapes, ...kernel.shapes(problem.shapes, problem.attributes) };
  for (const [name, shape] of Object.entries<Shape | undefined>(shapes)) {
    const bytes = shape === undefined ? 0 : 4 * size(shape);
    if (bytes + FENCE_BYTES <= most) continue;
    throw new InputError(
      `${kernel.shader.name}: ${name} ${formatShape(shape!)} takes ${bytes} bytes; ${facts.name} ` +
        `binds at most ${most}`,
    );
  }
  return problem;
}

async function sourceProblems(
  { facts }: Gpu,
  kernel: AnyKernel,
  { cases, preset }: ProblemChoice,
): Promise<readonly Problem[]> {
  if (preset !== undefined) {
    const { name } = kernel.shader;
    const calls = presetCalls(preset, facts);
    const own = calls.filter((call) => call.kernel.shader.name === name);
    // A mapping that training does not run is timed on the problems of its family.
    const family = familyOf(kernel);
    const list = own.length > 0 ? own : calls.filter((call) => familyOf(call.kernel) === family);
    return list;
  }
  const hasBench = existsSync(BENCH);
  const wantsBench = cases === "bench" || (cases !== "own" && hasBench);
  const fromBench = wantsBench ? await benchProblems(kernel) : [];
  return fromBench.length > 0 || cases === "bench" ? fromBench : kernel.cases;
}

/** The problems of bench/ for a kernel, or for the kernel of which it is a mapping. */
async function benchProblems(kernel: AnyKernel): Promise<Problem[]> {
  const { name } = kernel.shader;
  return (await allBenchProblems()).filter((problem) => {
    const list = [problem.kernel, ...(problem.kernel.variants?.() ?? [])];
    return list.some(({ shader }) => shader.name === name);
  });
}

let loading: Promise<KernelProblem[]> | null = null;

/**
 * The problems of all files of bench/kernels, in the order of their names; throws InputError if
 * there is no bench/.
 */
export async function allBenchProblems(): Promise<KernelProblem[]> {
  if (!existsSync(BENCH)) {
    throw new InputError("there is no bench/ here: it exists only in a clone of the repository");
  }
  loading ??= loadBench();
  return await loading;
}

async function loadBench(): Promise<KernelProblem[]> {
  const files = readdirSync(BENCH).filter((file) => file.endsWith(".bench.ts"));
  const modules = await Promise.all(
    files.map(async (file) => {
      const { href } = new URL(file, BENCH);
      return (await import(href)) as { readonly cases: readonly KernelProblem[] };
    }),
  );
  return modules.flatMap(({ cases }) => cases);
}

function noProblem(what: string, { case: part }: ProblemChoice): InputError {
  const named = part === undefined ? "" : ` with ${JSON.stringify(part)} in its name`;
  return new InputError(`no problem of ${what}${named} runs on this adapter`);
}
