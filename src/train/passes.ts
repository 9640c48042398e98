// Several moments in one step: the parts of a rig in a batch, parameters that passes share, and the
// means of losses and gradients. A step with one moment has none of these values.
import { add, scaleShift } from "../graph/ops/arithmetic.ts";
import { slice } from "../graph/ops/slice.ts";
import type { Graph, Source, Value } from "../graph/value.ts";
import type { Losses, LossTerm, Targets } from "../distill/losses.ts";
import type { TeacherValues } from "../distill/teacher_values.ts";
import type { StudentOutput } from "../student/student.ts";
import { InputError } from "../tensor/error.ts";
import { formatShape, sameShape, type Shape } from "../tensor/shape.ts";

/**
 * The same graph, in which a parameter, state or constant may be declared again under its name and
 * is the one that is there. Throws InputError for another shape.
 */
export function sharing(g: Graph): Graph {
  const known = (kind: Source["kind"], name: string, shape: Shape): Value | undefined => {
    const found = g.values.find((value) => value.source.kind === kind && value.name === name);
    if (found === undefined || sameShape(found.shape, shape)) return found;
    throw new InputError(
      `${kind} ${name}: declared as ${formatShape(found.shape)} and as ${formatShape(shape)}`,
    );
  };
  const shared: Pick<Graph, "parameter" | "state" | "constant"> = {
    parameter: (name, shape, ...more) =>
      known("parameter", name, shape) ?? g.parameter(name, shape, ...more),
    state: (name, shape, fill) => known("state", name, shape) ?? g.state(name, shape, fill),
    constant: (name, shape, data) =>
      known("constant", name, shape) ?? g.constant(name, shape, data),
  };
  // Whatever else is asked of it, the graph itself answers.
  return Object.assign(Object.create(g) as Graph, shared);
}

/** The views of one rig in values of several: the parts of outputs and targets. */
export interface RigPart {
  readonly output: (output: StudentOutput) => StudentOutput;
  readonly targets: (targets: Targets) => Targets;
}

/** Rig `rig` of `rigs`, whose views follow one another along the first axis. */
export function rigOf(rig: number, rigs: number): RigPart {
  if (rigs === 1) return { output: (output) => output, targets: (targets) => targets };
  const part = (x: Value): Value => {
    const [all, ...rest] = x.shape;
    const own = all / rigs;
    return slice(x, [rig * own, ...rest.map(() => 0)], [own, ...rest]);
  };
  const maybe = (x: Value | null): Value | null => x && part(x);
  const bins = (
    binomial: StudentOutput["binomial"],
  ): { readonly pi: Value; readonly t: Value } | null =>
    binomial && { pi: part(binomial.pi), t: part(binomial.t) };
  const ofTeacher = (teacher: TeacherValues): TeacherValues => ({
    index: maybe(teacher.index),
    binomial: bins(teacher.binomial),
    centers: maybe(teacher.centers),
    embedding: maybe(teacher.embedding),
    depth_m: maybe(teacher.depth_m),
    mask: maybe(teacher.mask),
  });
  return {
    output: ({ logits, binomial, centers, embedding, scale_m, depth_m }) => ({
      logits: part(logits),
      binomial: bins(binomial),
      centers: part(centers),
      embedding: part(embedding),
      scale_m: part(scale_m),
      depth_m: part(depth_m),
    }),
    targets: ({ depth_m, valid, usable, teacher, overlap_weights }) => ({
      depth_m: part(depth_m),
      valid: part(valid),
      usable: part(usable),
      teacher: teacher && ofTeacher(teacher),
      overlap_weights: maybe(overlap_weights ?? null),
    }),
  };
}

/** The mean of losses and of their terms; their valid pixels are added. */
export function meanLosses(list: readonly Losses[]): Losses {
  if (list.length === 1) return list[0];
  const names = Object.keys(list[0].terms) as LossTerm[];
  const terms = names.map((name) => [name, mean(list.map((one) => one.terms[name]!))] as const);
  return {
    total: mean(list.map(({ total }) => total)),
    terms: Object.fromEntries(terms),
    valid_count: list.map(({ valid_count }) => valid_count).reduce((a, b) => add(a, b)),
  };
}

/** The mean of gradients by parameter. */
export function meanGradients(
  list: readonly ReadonlyMap<Value, Value>[],
): ReadonlyMap<Value, Value> {
  const [first] = list;
  if (list.length === 1) return first;
  return new Map([...first.keys()].map((key) => [key, mean(list.map((one) => one.get(key)!))]));
}

function mean(values: readonly Value[]): Value {
  return scaleShift(
    values.reduce((a, b) => add(a, b)),
    1 / values.length,
    0,
  );
}
