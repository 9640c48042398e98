// Checks a shader text against its reference and times it, with the profiler's own check, clock and
// statistics. A text that differs from the repository's is compared with it, interleaved.
import type { AnyKernel } from "../../engine/kernel.ts";
import type { PreparedKernel } from "../../engine/run.ts";
import type { Problem } from "../../engine/problem.ts";
import { encodePass } from "../../gpu/encode.ts";
import type { Gpu } from "../../gpu/device.ts";
import { hasTimestamps, timerQuantum_ns } from "../../gpu/timestamps.ts";
import { kernels } from "../../kernels/kernels.ts";
import { timeHot } from "../../measure/clock.ts";
import {
  measureInTurn,
  measureTwo,
  total,
  type Contestant,
  type MeasureSettings,
} from "../../measure/measure.ts";
import { isRunnable, makeChecker, prepareProblem } from "../../measure/problems.ts";
import { compileFault, kernelWith } from "../../measure/shader_source.ts";
import { estimate } from "../../measure/statistics.ts";
import { intervalText } from "../../measure/text.ts";
import { InputError } from "../../tensor/error.ts";
import type { KernelEntry, KernelReport, TimeReport } from "../messages.ts";
import { loadSources, withSources } from "./shaders.ts";

/** The kernels of the repository, ready to be edited. */
export interface KernelLab {
  readonly entries: readonly KernelEntry[];
  /** The repository's text of a shader. */
  readonly source: (name: string) => string;
  /** Checks and times a text of a kernel on one of its problems. */
  readonly run: (
    name: string,
    problem: string,
    code: string,
    progress: (line: string) => void,
  ) => Promise<KernelReport>;
}

const SETTINGS: MeasureSettings = { time_s: 0.3, min_samples: 10, noise: 0.02, timeout_s: 2 };
// A change below this share is none.
const THRESHOLD = 0.02;
// Browsers round the times of their clocks to this, unless the page is isolated.
const COARSE_NS = 100_000;
const REMEMBERED = 20;

/** Opens the lab; loads the texts of the repository. */
export async function kernelLab(gpu: Gpu): Promise<KernelLab> {
  const sources = await loadSources();
  const runnable = kernels.flatMap((kernel) => {
    const problems = kernel.cases.filter((problem) => isRunnable(gpu, kernel, problem));
    return problems.length === 0 ? [] : [{ kernel, problems }];
  });
  const quantum_ns = await clockStep_ns(gpu);
  const source = (name: string): string => sources[`${name}.wgsl`];
  // A text that was found right is not checked again while it is the one that others are compared with.
  const faults = new Map<string, Awaited<ReturnType<typeof faultOf>>>();
  return {
    entries: runnable
      .map(({ kernel, problems }) => ({
        name: kernel.shader.name,
        cases: problems.map(({ name }) => name),
      }))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    source,
    run: async (name, wanted, code, progress) => {
      const found = runnable.find(({ kernel }) => kernel.shader.name === name);
      const problem = found?.problems.find((one) => one.name === wanted);
      if (found === undefined || problem === undefined) {
        throw new InputError(`${name}, ${wanted}: no such kernel or problem`);
      }
      progress("checking against the reference");
      const key = `${name}\n${wanted}\n${code}`;
      const fault = faults.get(key) ?? (await faultOf(gpu, found.kernel, problem, code));
      if (faults.size >= REMEMBERED) faults.clear();
      faults.set(key, fault);
      const cost = found.kernel.cost(problem.shapes, problem.attributes);
      const report = { ...fault, flops: cost.flops, bytes: cost.bytes };
      if (fault.error !== "") {
        return { ...report, verdict: "WRONG", time: null, comparison: null };
      }
      progress("measuring");
      const base = withSources(() => kernelWith(found.kernel, source(name))).kernel;
      const edited = withSources(() => kernelWith(found.kernel, code)).kernel;
      const isSame = code === source(name);
      const times = await timed(gpu, quantum_ns, problem, isSame ? [base] : [edited, base]);
      return { ...report, verdict: "OK", ...times };
    },
  };
}

/** The fault of a text: a compile error, a broken rule or a wrong result; empty if there is none. */
async function faultOf(
  gpu: Gpu,
  kernel: AnyKernel,
  problem: Problem,
  code: string,
): Promise<Pick<KernelReport, "checked" | "error">> {
  const sourced = withSources(() => kernelWith(kernel, code));
  const fault = await compileFault(gpu, sourced, problem);
  if (fault !== "") return { checked: "case", error: fault };
  return await makeChecker(gpu).check(sourced.kernel, problem);
}

/** The step of the clock that times kernels: the GPU's, else this thread's. */
async function clockStep_ns(gpu: Gpu): Promise<number> {
  if (!hasTimestamps(gpu)) return COARSE_NS;
  const quantum_ns = await timerQuantum_ns(gpu);
  return quantum_ns === 0 ? COARSE_NS : quantum_ns;
}

async function timed(
  gpu: Gpu,
  quantum_ns: number,
  problem: Problem,
  list: readonly [AnyKernel] | readonly [AnyKernel, AnyKernel],
): Promise<Pick<KernelReport, "time" | "comparison">> {
  const prepared: PreparedKernel[] = [];
  try {
    for (const kernel of list) prepared.push(await prepareProblem(gpu, kernel, problem));
    const contestants = prepared.map((one) => contestant(gpu, one));
    const bench = { quantum_ns, settings: SETTINGS };
    if (contestants.length === 1) {
      const { rounds } = await measureInTurn(bench, contestants);
      return { time: timeOf(rounds[0].map(total)), comparison: null };
    }
    const [edited, base] = contestants;
    const { b, comparison } = await measureTwo(bench, [base, edited], THRESHOLD);
    const text = intervalText(comparison.change);
    return {
      time: timeOf(b.samples_ms),
      comparison: { verdict: comparison.verdict, text },
    };
  } finally {
    for (const one of prepared) one.destroy();
  }
}

function timeOf(samples_ms: readonly number[]): TimeReport {
  const { median, low, high } = estimate(samples_ms);
  return { median_ms: median, low_ms: low, high_ms: high };
}

/** A kernel on the GPU's clock; where there is none, on that of this thread. */
function contestant(gpu: Gpu, kernel: PreparedKernel): Contestant {
  if (hasTimestamps(gpu)) return { time: async (batch) => [await timeHot(gpu, kernel, batch)] };
  return {
    time: async (batch) => {
      const { queue } = gpu.device;
      const encoder = gpu.device.createCommandEncoder({ label: "timed" });
      const dispatches = Array.from({ length: batch }, () => kernel.dispatch);
      encodePass(encoder, "timed", dispatches);
      await gpu.settled(queue.onSubmittedWorkDone());
      const begin_ms = performance.now();
      queue.submit([encoder.finish()]);
      await gpu.settled(queue.onSubmittedWorkDone());
      return [(performance.now() - begin_ms) / batch];
    },
  };
}
