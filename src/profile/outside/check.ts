// Checks a shader from anywhere before it is timed: stores outside its buffers, reads outside its
// inputs, use of an output's old content, the same bits twice, and, where a reference is given, its
// numbers.
import { toleranceOf, HALF_TOLERANCE, type Tolerance } from "../../engine/tolerance.ts";
import type { Gpu } from "../../gpu/device.ts";
import { GpuValidationError } from "../../gpu/errors.ts";
import { pipelineFor } from "../../gpu/pipelines.ts";
import { fileCaret } from "../../measure/shader_source.ts";
import { axesAt, formatShape } from "../../tensor/shape.ts";
import {
  fillWord,
  guardShader,
  NAN_FILL,
  pipelineSource,
  UNWRITTEN_FILL,
  type GuardedShader,
  type StartNumbers,
} from "./buffers.ts";
import { unpack, type Numbers } from "./numbers.ts";
import { scalarsOf, type OutsideBuffer, type OutsideProblem } from "./problem.ts";
import type { Expected } from "./reference.ts";

/** The result of a check. */
export interface OutsideCheck {
  /** The first fault; empty if there is none. */
  readonly error: string;
  /** Remarks other than faults, such as elements that nobody wrote. */
  readonly notes: readonly string[];
}

/** Compiles, runs and checks a shader; compares with `expected` if there is a reference. */
export async function checkOutside(
  gpu: Gpu,
  problem: OutsideProblem,
  start: StartNumbers,
  expected: Expected | null,
): Promise<OutsideCheck> {
  const compiled = await compileFaultOf(gpu, problem);
  if (compiled !== "") return { error: compiled, notes: [] };
  const { error, notes } = await guarded(gpu, problem, start, expected);
  return { error: error === "" ? "" : `${problem.file}, ${problem.name}: ${error}`, notes };
}

/** The compile error of a shader with its line and a caret; empty if it compiles. */
export async function compileFaultOf(gpu: Gpu, problem: OutsideProblem): Promise<string> {
  try {
    await pipelineFor(gpu, pipelineSource(problem));
    return "";
  } catch (error) {
    if (!(error instanceof GpuValidationError)) throw error;
    return fileCaret(error.message, problem.file, problem.code);
  }
}

async function guarded(
  gpu: Gpu,
  problem: OutsideProblem,
  start: StartNumbers,
  expected: Expected | null,
): Promise<OutsideCheck> {
  const shader = await guardShader(gpu, problem, start);
  try {
    const first = await shader.run(UNWRITTEN_FILL, NAN_FILL);
    if (first.fault !== "") return { error: first.fault, notes: [] };
    const changed = problem.buffers.filter(
      ({ space, access }) => space === "read_write" && access !== "scratch",
    );
    const faults: string[] = [];
    for (const buffer of changed) {
      const want = expected?.[buffer.name];
      if (want === undefined) continue;
      const fault = differenceFrom(buffer, unpack(buffer, first.bytes[buffer.name]), want, problem);
      if (fault !== "") faults.push(fault);
    }
    const repeated = await repeatFault(shader, first.bytes, changed);
    if (repeated !== "") faults.push(repeated);
    const notes = changed.flatMap((buffer) => unwrittenNote(buffer, first.bytes[buffer.name]));
    return { error: faults.join("; "), notes };
  } finally {
    shader.destroy();
  }
}

/**
 * Runs again with other old contents and other margins: the bits may depend on neither. Elements
 * that nobody writes keep what they held.
 */
async function repeatFault(
  shader: GuardedShader,
  first: Readonly<Record<string, Uint8Array>>,
  changed: readonly OutsideBuffer[],
): Promise<string> {
  const differs = (bytes: Readonly<Record<string, Uint8Array>>): OutsideBuffer | undefined =>
    changed.find((buffer) => isChanged(buffer, first[buffer.name], bytes[buffer.name]));
  const again = await shader.run(UNWRITTEN_FILL, NAN_FILL);
  if (again.fault !== "") return again.fault;
  const unsteady = differs(again.bytes);
  if (unsteady !== undefined) return `${unsteady.name}: two runs differ in their bits`;
  const other = await shader.run(UNWRITTEN_FILL, UNWRITTEN_FILL);
  const outside = differs(other.bytes);
  if (outside !== undefined) return `${outside.name} depends on numbers outside of the inputs`;
  const stale = differs((await shader.run(NAN_FILL, NAN_FILL)).bytes);
  if (stale === undefined) return "";
  return `${stale.name} depends on what an output held before the run, or on numbers outside of it; if its start matters, its access is inout`;
}

/** Whether a buffer has other bits, apart from words that hold the fill in both runs. */
function isChanged(buffer: OutsideBuffer, before: Uint8Array, after: Uint8Array): boolean {
  const [x, y] = [before, after].map(
    (bytes) => new Uint32Array(bytes.slice().buffer, 0, bytes.length / 4),
  );
  const [unwritten, nan] = [UNWRITTEN_FILL, NAN_FILL].map((fill) => fillWord(buffer, fill));
  const keepsFill = buffer.access !== "inout";
  return x.some((word, i) => word !== y[i] && !(keepsFill && word === unwritten && y[i] === nan));
}

function unwrittenNote(buffer: OutsideBuffer, bytes: Uint8Array): string[] {
  if (buffer.access !== "output") return [];
  const words = new Uint32Array(bytes.slice().buffer, 0, bytes.length / 4);
  const fill = fillWord(buffer, UNWRITTEN_FILL);
  const count = words.reduce((sum, word) => sum + (word === fill ? 1 : 0), 0);
  if (count === 0) return [];
  return [`${buffer.name}: ${count} of ${words.length} words were never written`];
}

/** The elements that differ by more than allowed, in one line; empty if none does. */
function differenceFrom(
  buffer: OutsideBuffer,
  got: Numbers,
  want: Float64Array,
  { settings }: OutsideProblem,
): string {
  const { name, shape } = buffer;
  const types = scalarsOf(buffer);
  const usual: Pick<Tolerance, "rtol" | "atol"> = types.has("f16")
    ? HALF_TOLERANCE
    : toleranceOf(name);
  const { rtol, atol } = settings.tolerance ?? usual;
  const isReal = types.has("f32") || types.has("f16");
  let [count, worst, most] = [0, 0, -1];
  for (let i = 0; i < want.length; i++) {
    if (got[i] === want[i] || Object.is(got[i], want[i])) continue;
    const error = Math.abs(got[i] - want[i]);
    // NaN where a number is expected is never near enough.
    const excess = Number.isFinite(error)
      ? isReal
        ? error / (atol + rtol * Math.abs(want[i]))
        : Infinity
      : Infinity;
    if (excess <= 1) continue;
    count++;
    if (excess > most) [most, worst] = [excess, i];
  }
  if (count === 0) return "";
  const at = `${formatShape(axesAt(worst, shape))} of ${formatShape(shape)}`;
  const hint = isReal && most < 1000 ? "; the sidecar's tolerance may allow more" : "";
  return `${name}: ${count} of ${want.length} numbers differ; worst at ${at}: got ${got[worst]}, want ${want[worst]}${hint}`;
}
