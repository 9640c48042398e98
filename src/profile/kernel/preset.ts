// `--preset`: the calls of a student's training step as problems, so that a kernel is timed on the
// problems of real training.
import { builtinRig } from "../../data/builtin_rig.ts";
import type { AdapterFacts } from "../../gpu/device.ts";
import { bindingShapes } from "../../graph/lower.ts";
import { plannedCalls } from "../../graph/outline.ts";
import type { Call } from "../../graph/value.ts";
import type { AnyKernel, KernelProblem } from "../../engine/kernel.ts";
import type { Distribution } from "../../engine/problem.ts";
import { kernels } from "../../kernels/kernels.ts";
import { dataFor } from "./reshape.ts";
import type { StudentName } from "../../student/student.ts";
import { size, type Shape } from "../../tensor/shape.ts";
import { resolveConfig, type TrainConfig } from "../../train/config.ts";
import { trainingNetwork } from "../../train/network.ts";
import { METRIC_PARTS } from "../../teacher/metric_maps.ts";
import { INDEX_ONLY, type TeacherParts } from "../../teacher/teacher.ts";

// Kernels of one profile need it again and again.
const known = new WeakMap<AdapterFacts, Map<StudentName, readonly KernelProblem[]>>();

/** The distinct calls of a training step at the student's default size, in order. */
export function presetCalls(student: StudentName, facts: AdapterFacts): readonly KernelProblem[] {
  const ofAdapter = known.get(facts) ?? new Map<StudentName, readonly KernelProblem[]>();
  known.set(facts, ofAdapter);
  const calls = ofAdapter.get(student) ?? distinctCalls(student, facts);
  ofAdapter.set(student, calls);
  return calls;
}

function distinctCalls(student: StudentName, facts: AdapterFacts): KernelProblem[] {
  const distinct = new Map<string, { readonly call: Call; count: number }>();
  for (const call of stepCalls(student, facts)) {
    const key = JSON.stringify([call.kernel.shader.name, inputShapes(call), call.attributes]);
    const before = distinct.get(key);
    if (before === undefined) distinct.set(key, { call, count: 1 });
    else before.count++;
  }
  const all = [...distinct.values()];
  const names = all.map(({ call }) => shapesName(call));
  return all.map(({ call, count }, i) => {
    const alike = all.filter((_, j) => names[j] === names[i]).map((one) => one.call);
    const name = `${[names[i], ...ownAttributes(call, alike)].join(", ")} x${count}`;
    const shapes = inputShapes(call);
    const { kernel, attributes } = call;
    const data = usualData(kernel, attributes);
    return { name, kernel, shapes, attributes, ...dataFor({ data }, shapes) };
  });
}

/** The base kernel of a mapping; a base itself. */
export function familyOf({ shader: { name } }: AnyKernel): AnyKernel {
  const base = kernels.find((kernel) =>
    [kernel, ...(kernel.variants?.() ?? [])].some(({ shader }) => shader.name === name),
  );
  if (base === undefined) throw new Error(`${name} is not in the list of kernels`);
  return base;
}

/** Every call of the step as the plan fuses it, and those of the kernels that it no longer needs. */
function stepCalls(student: StudentName, facts: AdapterFacts): readonly Call[] {
  const config = resolveConfig({ student }, "--preset");
  const rig = builtinRig({ moments: 1, seed: 0, split: "train" });
  const { g, request } = trainingNetwork(config, {
    views: rig.cameras.length,
    size: config.size,
    depth_max_m: rig.protocol.cap_m,
    teacher: partsOf(config.teacher.kind),
  });
  const callsOf = (fused: boolean): readonly Call[] =>
    plannedCalls(g, request, facts, { fused }).program.calls;
  const calls = callsOf(true);
  const used = new Set(calls.map(({ base }) => base.shader.name));
  return [...calls, ...callsOf(false).filter(({ base }) => !used.has(base.shader.name))];
}

/** The parts of the teacher of a configuration, without opening it. */
export function partsOf(kind: TrainConfig["teacher"]["kind"]): TeacherParts | null {
  if (kind === "none") return null;
  return kind === "aligned" || kind === "oracle" ? METRIC_PARTS : INDEX_ONLY;
}

function inputShapes({ kernel, bindings }: Call): Record<string, Shape> {
  const shapes = bindingShapes(bindings);
  const inputs = kernel.shader.bindings.filter(({ access }) => access !== "write");
  return Object.fromEntries(inputs.map(({ name }) => [name, shapes[name]]));
}

/** `conv2d x 6x48x80x16 weight 16x3x3x16`: the op, and its present inputs. */
function shapesName(call: Call): string {
  const inputs = Object.entries(inputShapes(call)).filter(([, shape]) => size(shape) > 0);
  return [call.op, ...inputs.map(([name, shape]) => `${name} ${shape.join("x")}`)].join(" ");
}

/** The attributes in which a call differs from those of the same kernel and shapes. */
function ownAttributes(call: Call, alike: readonly Call[]): string[] {
  const own = (call.attributes ?? {}) as Readonly<Record<string, unknown>>;
  const text = (attributes: unknown, key: string): string =>
    JSON.stringify(((attributes ?? {}) as Readonly<Record<string, unknown>>)[key]) ?? "";
  return Object.keys(own)
    .filter((key) => alike.some(({ attributes }) => text(attributes, key) !== text(own, key)))
    .map((key) => `${key} ${text(own, key).replaceAll(/["[\]{}]/g, "")}`);
}

/**
 * The distribution of each input in the kernel's own cases, so that masks are masks and
 * probabilities sum to one: from the first case that states one, those with attributes like the
 * call's first.
 */
function usualData(kernel: AnyKernel, attributes: unknown): Record<string, Distribution> {
  const wanted = entryTexts(attributes);
  const likeness = (own: unknown): number =>
    entryTexts(own).filter((text) => wanted.includes(text)).length;
  const cases = kernel.cases.toSorted((a, b) => likeness(b.attributes) - likeness(a.attributes));
  const data: Record<string, Distribution> = {};
  for (const { data: own = {} } of cases) {
    for (const [name, distribution] of Object.entries<Distribution | undefined>(own)) {
      if (distribution !== undefined) data[name] ??= distribution;
    }
  }
  return data;
}

function entryTexts(attributes: unknown): string[] {
  return Object.entries(attributes ?? {}).map((entry) => JSON.stringify(entry));
}
