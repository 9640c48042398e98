// Builds the graph of one case: provides the case's tensors as inputs of the graph, reordered on
// the host to the engine's layout, and remembers how to reorder gradients back.
import { graph, type Graph } from "../../src/graph/graph.ts";
import type { Value } from "../../src/graph/value.ts";
import { InputError } from "../../src/tensor/error.ts";
import { size, strides, type Shape } from "../../src/tensor/shape.ts";
import type { VectorCase, VectorTensor } from "./vectors.ts";

/** An input of the graph and the tensor of the case that fills it. */
export interface BoundInput {
  readonly value: Value;
  readonly tensor: VectorTensor;
  readonly axes: readonly number[];
}

/** Building one case. */
export interface Workbench {
  readonly given: VectorCase;
  readonly graph: Graph;
  readonly bound: readonly BoundInput[];
  /**
   * Input number or name as a value, its axes stored in the order `axes`; throws when it was left
   * out.
   */
  readonly input: (which: number | string, axes?: readonly number[]) => Value;
  /** The same, or null when it was left out. */
  readonly optional: (which: number | string, axes?: readonly number[]) => Value | null;
  /**
   * An input that the kernels change: kept from step to step, its first value the tensor of the
   * case.
   */
  readonly state: (which: number) => Value;
  /** An input of up to 64 step scalars. */
  readonly scalars: (which: number) => Value;
  /** Inputs handed out as states, by name in the graph. */
  readonly states: ReadonlyMap<string, VectorTensor>;
  /** Values of the step scalars by name. */
  readonly stepScalars: Readonly<Record<string, number>>;
  /**
   * The numbers of an input that is a setting in truth (axes, sizes), or null when it was left out.
   */
  readonly numbers: (which: number | string) => readonly number[] | null;
  readonly constant: (shape: Shape, values: readonly number[]) => Value;
  /** A tensor of one number repeated. */
  readonly filled: (shape: Shape, value: number) => Value;
}

/** An empty bench for a case. */
export function workbench(given: VectorCase): Workbench {
  const g = graph();
  const bound: BoundInput[] = [];
  const find = (which: number | string): VectorTensor | null =>
    (typeof which === "number"
      ? given.inputs[which]
      : given.inputs.find((tensor) => tensor?.name === which)) ?? null;
  const optional: Workbench["optional"] = (which, axes) => {
    const tensor = find(which);
    if (tensor === null) return null;
    const order = axes ?? tensor.shape.map((_, axis) => axis);
    const known = bound.find((one) => one.tensor === tensor && one.axes.join() === order.join());
    if (known !== undefined) return known.value;
    const shape = order.map((axis) => tensor.shape[axis]);
    const value = g.input(`${bound.length}:${tensor.name}`, shape);
    bound.push({ value, tensor, axes: order });
    return value;
  };
  const states = new Map<string, VectorTensor>();
  const stepScalars: Record<string, number> = {};
  const needed = (which: number | string): VectorTensor => {
    const tensor = find(which);
    if (tensor === null) throw new InputError(`${given.file}: ${given.id}: lacks input ${which}`);
    return tensor;
  };
  const constant: Workbench["constant"] = (shape, values) =>
    g.constant(`constant ${g.values.length}`, shape, Float32Array.from(values));
  return {
    given,
    graph: g,
    bound,
    optional,
    input: (which, axes) => {
      needed(which);
      return optional(which, axes)!;
    },
    states,
    stepScalars,
    state: (which) => {
      const tensor = needed(which);
      const value = g.state(`${states.size}:${tensor.name}`, tensor.shape, 0);
      states.set(value.name, tensor);
      return value;
    },
    scalars: (which) => {
      needed(which).values.forEach((value, slot) => {
        stepScalars[`slot${slot}`] = value;
        g.scalar(`slot${slot}`);
      });
      return g.scalars();
    },
    numbers: (which) => {
      const tensor = find(which);
      return tensor === null ? null : [...tensor.values];
    },
    constant,
    filled: (shape, value) =>
      constant(shape, Array.from<number>({ length: size(shape) }).fill(value)),
  };
}

/** Reorders a row-major tensor: axis k of the result is axis `axes[k]` of `shape`. */
export function reorder(
  values: ArrayLike<number>,
  shape: Shape,
  axes: readonly number[],
): Float64Array {
  const from = strides(shape);
  const lengths = axes.map((axis) => shape[axis]);
  const steps = axes.map((axis) => from[axis]);
  const result = new Float64Array(size(shape));
  const at = lengths.map(() => 0);
  let offset = 0;
  for (let i = 0; i < result.length; i++) {
    result[i] = values[offset]!;
    for (let axis = lengths.length - 1; axis >= 0; axis--) {
      offset += steps[axis];
      if (++at[axis] < lengths[axis]) break;
      offset -= steps[axis] * lengths[axis];
      at[axis] = 0;
    }
  }
  return result;
}

/** The order of axes that undoes `axes`. */
export function inverse(axes: readonly number[]): number[] {
  return axes.map((_, axis) => axes.indexOf(axis));
}
