// Applying an op to values: checks shapes, records the node. All op functions go through here.
import type { Inputs, Kernel, Outputs, ShaderInfo } from "../engine/kernel.ts";
import { InputError } from "../tensor/error.ts";
import { unknownName } from "../tensor/nearest_name.ts";
import { checkShape, formatShape, size, type Shape } from "../tensor/shape.ts";
import { byInput, inputNames } from "./named_inputs.ts";
import type { GradientRule, Node, Op, Value } from "./value.ts";

/**
 * Records an op applied to values of one graph, null for an optional input that is left out; throws
 * with op, names and shapes if they do not fit.
 */
export function apply<A, I extends string>(
  op: Op<A, I>,
  given: NoInfer<Readonly<Record<I, Value | null>>>,
  attributes: NoInfer<A>,
): Value[] {
  const names = inputNames(op);
  const unknown = Object.keys(given).find((name) => !names.includes(name as I));
  if (unknown !== undefined) {
    throw new InputError(unknownName(`${op.name}: no input`, unknown, names));
  }
  const inputs = names.map((name): Value | null => given[name] ?? null);
  const graph = inputs.find((input) => input !== null)?.graph;
  if (graph === undefined) throw new InputError(`${op.name}: needs at least one input`);
  inputs.forEach((input, i) => {
    if (input === null && !op.inputs[i].endsWith("?")) {
      throw new InputError(`${op.name}: input ${op.inputs[i]} is missing`);
    }
    if (input !== null && input.graph !== graph) {
      throw new InputError(`${op.name}: ${input.name} belongs to another graph`);
    }
  });
  const inputShapes = inputs.map((input) => input?.shape ?? [0]);
  let shapes: readonly Shape[];
  try {
    shapes = op.shapes(byInput(op, inputShapes), attributes);
  } catch (error) {
    const shown = inputs.map(
      (v, i) => `${op.inputs[i]}=${v?.name ?? "none"}${formatShape(inputShapes[i])}`,
    );
    throw new InputError(`${op.name}(${shown.join(", ")}): ${(error as Error).message}`, {
      cause: error,
    });
  }
  const outputs: Value[] = [];
  const node: Node = { op, inputs, attributes, outputs };
  shapes.forEach((shape, index) => {
    const name = `${op.name}_${graph.nodes.length}.${op.outputs[index]}`;
    outputs.push(graph.add(name, shape, { kind: "result", node, index }));
  });
  graph.nodes.push(node);
  return outputs;
}

/** The same numbers in another shape of equal size, at no cost. x [any] -> view [`shape`]. */
export function reshape(x: Value, shape: Shape): Value {
  checkShape(`reshape of ${x.name}`, shape);
  if (size(shape) !== size(x.shape)) {
    throw new InputError(
      `reshape: ${x.name}${formatShape(x.shape)} does not have as many elements as ${formatShape(shape)}`,
    );
  }
  return x.graph.add(x.name, shape, { kind: "view", of: x });
}

/** The same numbers as a constant: no gradient passes to x, at no cost. x [any] -> view as x. */
export function stopGradient(x: Value): Value {
  return x.graph.add(x.name, x.shape, { kind: "view", of: x, stopped: true });
}

type Bare<N extends string> = N extends `${infer Name}?` ? Name : N;
/** A list of names that contains all of `All`; otherwise `never`. */
type Whole<All extends string, L extends readonly string[]> = [All] extends [Bare<L[number]>]
  ? L
  : never;

/**
 * An op that is one dispatch of one kernel: `inputs` and `outputs` are all of the shader's binding
 * names, in the op's order.
 */
export function kernelOp<
  S extends ShaderInfo,
  A,
  const L extends readonly (Inputs<S> | `${Inputs<S>}?`)[],
  const O extends readonly Outputs<S>[],
>(
  name: string,
  kernel: Kernel<S, A>,
  inputs: L & Whole<Inputs<S>, L>,
  outputs: O & Whole<Outputs<S>, O>,
  gradient: GradientRule<A, Inputs<S>> | null,
): Op<A, Inputs<S>> {
  return {
    name,
    inputs,
    outputs,
    shapes: (shapes, attributes) => {
      const made = kernel.shapes(shapes, attributes);
      return outputs.map((output) => made[output]);
    },
    lower: (at) => {
      const made = Object.fromEntries(outputs.map((output, i) => [output, at.outputs[i]]));
      at.call(kernel, { ...at.inputs, ...made }, at.attributes);
    },
    gradient,
  };
}
