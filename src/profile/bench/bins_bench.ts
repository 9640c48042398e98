// `bench bins`: the benefit of fusing the bin decode. Compares the levels in one run, decoding and
// distilling, forward and backward.
import {
  decodeGraph,
  decodeLevels,
  problemInputs,
  smallProblem,
  stepGraph,
  stepLevels,
  type BinLevel,
  type BinProblem,
  type BinStudent,
} from "./bins_problem.ts";
import type { Ceilings } from "../../measure/ceilings.ts";
import { nullIfInterrupted, type Bench } from "../../measure/measure.ts";
import { benchWays, type BenchGraph, type Direction, type WayRow } from "./plan_bench.ts";

/** The axes of the bench; its problems are all their combinations. */
export interface BinAxes {
  readonly views: number;
  readonly sizes: readonly { readonly height: number; readonly width: number }[];
  readonly bins: readonly number[];
  readonly students: readonly Exclude<BinStudent, "features">[];
  readonly centers: readonly BinProblem["centers"][];
}

/** The axes of the problems that begin with features; their centres are per image. */
export interface FeatureAxes extends Pick<BinAxes, "views" | "sizes" | "bins"> {
  readonly channels: readonly number[];
}

/** Options of the bench. */
export interface BinChoice {
  readonly problems: readonly BinProblem[];
  /** Level 0 is always included. */
  readonly levels: readonly BinLevel[];
  readonly directions: readonly Direction[];
}

/** One level on one problem in one direction. */
export interface BinRow extends BinProblem, WayRow {
  readonly level: BinLevel;
}

/** All combinations of the axes. */
export function binProblems({ views, sizes, bins, students, centers }: BinAxes): BinProblem[] {
  return sizes.flatMap((size) =>
    students.flatMap((student) =>
      centers.flatMap((whose) =>
        bins.map((count) => ({
          views,
          ...size,
          bins: count,
          student,
          channels: 0,
          centers: whose,
        })),
      ),
    ),
  );
}

/** All combinations of the axes. */
export function featureProblems({ views, sizes, bins, channels }: FeatureAxes): BinProblem[] {
  return sizes.flatMap((size) =>
    channels.flatMap((width) =>
      bins.map((count) => ({
        views,
        ...size,
        bins: count,
        student: "features" as const,
        channels: width,
        centers: "image" as const,
      })),
    ),
  );
}

/** The name of a problem in tables. */
export function problemName(problem: BinProblem): string {
  const { views, height, width, bins, student, channels, centers } = problem;
  const from = { logits: "logits", binomial: "(pi, t)", features: `${channels} features` }[student];
  return `${views}x${height}x${width}x${bins} from ${from}, centres of the ${centers}`;
}

/**
 * Checks and times every level on every problem. `forward` is a separate plan that decodes to depth
 * alone; a step is one plan whose forward dispatches (with the losses) are one pass and whose
 * gradients are another pass of the same submission: `backward` is the second pass, `both` the sum.
 * Once the bench is interrupted it returns the complete rows.
 */
export async function benchBins(
  bench: Bench,
  ceilings: Ceilings | null,
  { problems, levels, directions }: BinChoice,
  progress: (line: string) => void,
): Promise<BinRow[]> {
  const rows: BinRow[] = [];
  const isOfStep = (direction: Direction): boolean => direction !== "forward";
  for (const [i, problem] of problems.entries()) {
    const inputs = problemInputs(problem);
    const tiny = smallProblem(problem);
    const smallInputs = problemInputs(tiny);
    for (const step of [false, true]) {
      const wanted = directions.filter((direction) => isOfStep(direction) === step);
      const made = (step ? stepLevels : decodeLevels)(problem).filter((l) => levels.includes(l));
      // Level 0 alone has nothing to be compared with: if none of the others applies, it is not
      // run.
      if (wanted.length === 0 || (made.length === 1 && levels.length > 1)) continue;
      progress(`${i + 1}/${problems.length} ${problemName(problem)}, ${wanted.join(" and ")}`);
      const graphOf = (of: BinProblem, level: BinLevel): BenchGraph =>
        (step ? stepGraph : decodeGraph)(of, level);
      const set = {
        ways: made.map((level) => ({ name: `level ${level}`, graph: graphOf(problem, level) })),
        inputs,
        small: { graph: graphOf(tiny, made[0]), inputs: smallInputs },
      };
      if (bench.signal?.aborted === true) return rows;
      const found = await benchWays(bench, ceilings, set, wanted).catch(nullIfInterrupted);
      if (found === null) return rows;
      rows.push(
        ...found.map((row, place) => ({
          ...problem,
          level: made[place % made.length],
          ...row,
        })),
      );
    }
  }
  return rows;
}
