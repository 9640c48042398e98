// `bench relation`: the loss between view relations and its gradient, once with the relations
// stored and once computed tile by tile.
import { graph } from "../../graph/graph.ts";
import { viewRelation, viewRelationLoss } from "../../graph/ops/view_relation.ts";
import { viewRelationFused } from "../../graph/ops/view_relation_fused.ts";
import { draw } from "../../kernels/check/random_inputs.ts";
import type { Ceilings } from "../../measure/ceilings.ts";
import { nullIfInterrupted, type Bench } from "../../measure/measure.ts";
import {
  benchWays,
  type BenchGraph,
  type Direction,
  type GraphInputs,
  type WayRow,
} from "./plan_bench.ts";

/** The tokens of student and teacher. */
export interface RelationProblem {
  readonly views: number;
  readonly tokens: number;
  readonly features: number;
  readonly teacher_features: number;
}

const FORMS = ["stored", "fused"] as const;

/** One form, stored or fused, on one problem in one direction. */
export interface RelationRow extends RelationProblem, WayRow {}

/**
 * Checks and times both forms on every problem. A step is one plan: `forward` is the pass of the
 * loss, `backward` that of its gradient with respect to the student's tokens, `both` the sum. Once
 * the bench is interrupted it returns the complete rows.
 */
export async function benchRelation(
  bench: Bench,
  ceilings: Ceilings | null,
  problems: readonly RelationProblem[],
  directions: readonly Direction[],
  progress: (line: string) => void,
): Promise<RelationRow[]> {
  const rows: RelationRow[] = [];
  for (const [i, problem] of problems.entries()) {
    progress(`${i + 1}/${problems.length} ${relationName(problem)}`);
    const tiny = { ...problem, views: 3, tokens: 12 };
    const set = {
      ways: FORMS.map((form) => ({ name: form, graph: relationGraph(problem, form) })),
      inputs: relationInputs(problem),
      small: { graph: relationGraph(tiny, FORMS[0]), inputs: relationInputs(tiny) },
    };
    if (bench.signal?.aborted === true) return rows;
    const found = await benchWays(bench, ceilings, set, directions).catch(nullIfInterrupted);
    if (found === null) return rows;
    rows.push(...found.map((row) => ({ ...problem, ...row })));
  }
  return rows;
}

/** The name of a problem in tables. */
export function relationName({ views, tokens, features }: RelationProblem): string {
  return `${views}x${tokens}x${features}`;
}

function relationGraph(problem: RelationProblem, form: (typeof FORMS)[number]): BenchGraph {
  const { views, tokens, features, teacher_features } = problem;
  const g = graph();
  const student = g.input("student", [views, tokens, features]);
  const teacher = g.input("teacher", [views, tokens, teacher_features]);
  const loss =
    form === "fused"
      ? viewRelationFused(student, teacher)
      : viewRelationLoss(viewRelation(student), viewRelation(teacher));
  const d_student = g.gradients(loss, [student]).get(student)!;
  return { g, forward: { loss }, backward: { d_student } };
}

function relationInputs(problem: RelationProblem): GraphInputs {
  const { views, tokens, features, teacher_features } = problem;
  // With length about one, like normalised tokens.
  const of = (width: number, seed: number): Float32Array =>
    draw([views, tokens, width], { kind: "normal", deviation: 1 / Math.sqrt(width) }, seed);
  return { student: of(features, 1), teacher: of(teacher_features, 2) };
}
