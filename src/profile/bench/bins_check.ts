// `bench bins --check`: every level against the CPU path in f64, on pixels whose bins are
// numerically hard: logits to ±80, one-hot and constant, and the coldest log-binomials.
import { HARD_TEMPERATURES, hardLogits } from "../../distill/hard_rows.ts";
import type { Gpu } from "../../gpu/device.ts";
import { draw } from "../../kernels/check/random_inputs.ts";
import { worseAgreement, type Agreement } from "../../measure/agreement.ts";
import {
  decodeGraph,
  decodeLevels,
  problemInputs,
  stepGraph,
  stepLevels,
  type BinLevel,
  type BinProblem,
} from "./bins_problem.ts";
import { compareWithCpu, type GraphInputs } from "./plan_bench.ts";

// 1,040 pixels each.
const ROWS = { views: 2, height: 20, width: 26 } as const;
const CHANNELS = 24;

/** One level on one kind of pixels. */
export interface HardRowsCheck extends Agreement {
  readonly rows: string;
  readonly centers: BinProblem["centers"];
  readonly bins: number;
  readonly count: number;
  readonly level: BinLevel;
}

/** Compares every level on every kind of pixels with f64, decoding and in a step. */
export async function checkHardRows(
  gpu: Gpu,
  bins: readonly number[],
  progress: (line: string) => void,
): Promise<HardRowsCheck[]> {
  const checks: HardRowsCheck[] = [];
  for (const { rows, problem, inputs } of bins.flatMap(hardProblems)) {
    const levels = new Set([...decodeLevels(problem), ...stepLevels(problem)]);
    for (const level of levels) {
      progress(`${rows}, ${problem.bins} bins, centres of the ${problem.centers}: level ${level}`);
      const graphs = [
        ...(decodeLevels(problem).includes(level) ? [decodeGraph(problem, level)] : []),
        ...(stepLevels(problem).includes(level) ? [stepGraph(problem, level)] : []),
      ];
      const found: Agreement[] = [];
      for (const graph of graphs) found.push(await compareWithCpu(gpu, { graph, inputs }));
      checks.push({
        rows,
        centers: problem.centers,
        bins: problem.bins,
        count: ROWS.views * ROWS.height * ROWS.width,
        level,
        ...found.reduce(worseAgreement),
      });
    }
  }
  return checks;
}

interface HardProblem {
  readonly rows: string;
  readonly problem: BinProblem;
  readonly inputs: GraphInputs;
}

function hardProblems(bins: number): HardProblem[] {
  const count = ROWS.views * ROWS.height * ROWS.width;
  const hard = (
    rows: string,
    problem: Pick<BinProblem, "student" | "centers" | "channels">,
    changes: GraphInputs,
  ): HardProblem => {
    const whole = { ...ROWS, bins, ...problem };
    const every = { valid: ones(count), usable: ones(count) };
    return { rows, problem: whole, inputs: { ...problemInputs(whole), ...every, ...changes } };
  };
  return [
    ...(["image", "pixel"] as const).flatMap((centers) => [
      hard(
        "logits random to 80, one-hot, constant",
        { student: "logits", centers, channels: 0 },
        { logits: hardLogits(count, bins) },
      ),
      ...HARD_TEMPERATURES.map(([which, temperatures]) =>
        hard(
          `log-binomial, ${which} temperature`,
          { student: "binomial", centers, channels: 0 },
          {
            pi: draw([count], { kind: "uniform", low: 0, high: 1 }, 2),
            t: draw([count], temperatures, 3),
          },
        ),
      ),
    ]),
    hard(
      "features to 40, one-hot, constant",
      { student: "features", centers: "image", channels: CHANNELS },
      { features: hardLogits(count, CHANNELS).map((x) => x / 2) },
    ),
  ];
}

function ones(count: number): Float32Array {
  return new Float32Array(count).fill(1);
}
