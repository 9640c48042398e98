// `ringdepth bench kernels`: the problems of bench/kernels one by one, each with the mapping that
// this adapter runs.
import { makeChecker } from "../../measure/problems.ts";
import { type Target, profileTargets } from "../../measure/run_profile.ts";
import type { Command } from "commander";
import type { Gpu } from "../../gpu/device.ts";
import { timerQuantum_ns } from "../../gpu/timestamps.ts";
import { checkShadersOf } from "../../kernels/check/shader_table.ts";
import { mappingsOf } from "../../engine/mapping.ts";
import { chooseVariant } from "../../engine/tuning.ts";
import { describeEnvironment } from "../../measure/environment.ts";
import { prepareBench, type MeasureSettings } from "../../measure/measure.ts";
import { rateText, timingText } from "../../measure/text.ts";
import { summarizeTiming, type TimingSummary } from "../../measure/summary.ts";
import { InputError } from "../../tensor/error.ts";
import { withGpu } from "../terminal/adapter.ts";
import { benchOptions, benchOutput, headline, writeBench, type BenchOptions } from "./bench_run.ts";
import { timeRemarks } from "./table.ts";
import type { CommandContext } from "../terminal/define.ts";
import { EXIT } from "../terminal/exit_code.ts";
import type { Output } from "../terminal/output.ts";
import { allBenchProblems, type BenchProblem } from "../../profile/kernel/targets.ts";

const SETTINGS: MeasureSettings = { time_s: 0.2, min_samples: 15, noise: 0.02, timeout_s: 1 };

interface KernelRow {
  readonly case: string;
  readonly kernel: string;
  readonly time: TimingSummary | null;
  readonly gflops: number | null;
  readonly gbytes: number | null;
  /** What was compared with the reference: this case, or the kernel's own ones. */
  readonly checked: "case" | "kernel";
  /** What is wrong with the output; empty where all is well. */
  readonly error: string;
}

/** Defines the command under `bench`. */
export function defineBenchKernels(parent: Command, { surroundings, exit }: CommandContext): void {
  const command = parent
    .command("kernels")
    .description("time every kernel at the student's sizes; ringdepth profile says more about one")
    .argument("[parts...]", "text that the name of a kernel or problem contains (default: all)");
  benchOptions(command, "ringdepth bench kernels conv2d 'relation 6x60'");
  command.action(async (parts: string[], options: BenchOptions) => {
    const output = benchOutput(surroundings, options);
    const problems = await chooseProblems(parts);
    checkShadersOf(problems.flatMap(({ kernel }) => mappingsOf(kernel)));
    const work = async (gpu: Gpu): Promise<number> => {
      const environment = await describeEnvironment(gpu, await timerQuantum_ns(gpu));
      const date = new Date().toISOString();
      const rows = await timeProblems(gpu, problems, output);
      for (const { error } of rows) if (error !== "") output.warn(error);
      await writeBench(surroundings, output, options, {
        value: { date, environment, settings: SETTINGS, rows },
        table: {
          head: ["kernel", "case", "time p50 [95 %]", "GFLOP/s", "GB/s"],
          rows: rows.map((row) => [
            row.kernel,
            row.case,
            row.error === "" ? timingText(row.time) : "WRONG",
            row.gflops === null ? "" : rateText(row.gflops),
            row.gbytes === null ? "" : rateText(row.gbytes),
          ]),
        },
        notes: [headline(environment, date), ...timeRemarks(rows)],
      });
      return rows.some(({ error }) => error !== "") ? EXIT.wrong : EXIT.fine;
    };
    exit(await withGpu(surroundings, output, options.adapter, work, "beside"));
  });
}

async function chooseProblems(parts: readonly string[]): Promise<BenchProblem[]> {
  const all = await allBenchProblems();
  const chosen = all.filter(
    ({ name, kernel }) =>
      parts.length === 0 || parts.some((part) => `${kernel.shader.name} ${name}`.includes(part)),
  );
  if (chosen.length === 0) throw new InputError(`no problem has ${parts.join(" or ")} in its name`);
  return chosen;
}

/**
 * Times every problem hot, as `ringdepth profile --hot` does. A kernel is first checked on its own
 * cases: those of a bench have the sizes of training, and may miss a branch that is wrong.
 */
async function timeProblems(
  gpu: Gpu,
  problems: readonly BenchProblem[],
  output: Output,
): Promise<KernelRow[]> {
  const checker = makeChecker(gpu);
  const targets: Target[] = [];
  for (const problem of problems) {
    const { shapes, attributes } = problem;
    const kernel = chooseVariant(problem.kernel, gpu.facts, shapes, attributes);
    output.progress(`${kernel.shader.name}: checking its cases`, false);
    targets.push({ kernel, fault: (await checker.checkOwn(kernel)).error, problem });
  }
  const bench = await prepareBench(gpu, await timerQuantum_ns(gpu), SETTINGS, false);
  const rows = await profileTargets(bench, targets, true, (line) => output.progress(line, false));
  return rows.map(({ kernel, case: name, checked, error, hot, flops, bytes }) => {
    const row = { case: name, kernel, checked, error };
    if (hot === null) return { ...row, time: null, gflops: null, gbytes: null };
    const time = summarizeTiming(hot);
    const rate = (amount: number): number => amount / time.median_ms / 1e6;
    return { ...row, time, gflops: rate(flops), gbytes: rate(bytes) };
  });
}
