// Applying an op to values: checks shapes, records the node. All op functions go through here.
import type { AnyKernel } from "../engine/kernel.ts";
import { InputError } from "../tensor/error.ts";
import { formatShape, size, type Shape } from "../tensor/shape.ts";
import type { Node, Op, Value } from "./value.ts";

/**
 * Records an op applied to values of one graph, null for an optional input that is left out; throws
 * with op, names and shapes when they do not fit.
 */
export function apply<A>(op: Op<A>, inputs: readonly (Value | null)[], attributes: A): Value[] {
  const graph = inputs.find((input) => input !== null)?.graph;
  if (graph === undefined) throw new InputError(`${op.name}: needs at least one input`);
  if (inputs.length !== op.inputs.length) {
    throw new InputError(
      `${op.name}: takes ${op.inputs.length} inputs (${op.inputs.join(", ")}), was given ${inputs.length}`,
    );
  }
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
    shapes = op.shapes(inputShapes, attributes);
  } catch (error) {
    const given = inputs.map(
      (v, i) => `${op.inputs[i]}=${v?.name ?? "none"}${formatShape(inputShapes[i])}`,
    );
    throw new InputError(`${op.name}(${given.join(", ")}): ${(error as Error).message}`, {
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

/** The same numbers under another shape of equal size; costs nothing. x [any] -> view [`shape`]. */
export function reshape(x: Value, shape: Shape): Value {
  if (size(shape) !== size(x.shape)) {
    throw new InputError(
      `reshape: ${x.name}${formatShape(x.shape)} does not hold as many numbers as ${formatShape(shape)}`,
    );
  }
  return x.graph.add(x.name, shape, { kind: "view", of: x });
}

/**
 * An op that is one dispatch of one kernel: `inputs` and `outputs` are the shader's binding names
 * in the op's order.
 */
export function kernelOp<A>(
  name: string,
  kernel: AnyKernel,
  inputs: readonly string[],
  outputs: readonly string[],
): Op<A> {
  const bindingOf = (input: string): string => input.replace(/\?$/, "");
  return {
    name,
    inputs,
    outputs,
    shapes: (shapes, attributes) => {
      const named = Object.fromEntries(
        inputs.map((input, i) => [bindingOf(input), shapes[i] ?? [0]]),
      );
      const made: Record<string, Shape> = kernel.shapes(named, attributes);
      return outputs.map((output) => made[output]);
    },
    lower: (at) => {
      const bindings = Object.fromEntries([
        ...inputs.map((input, i) => [bindingOf(input), at.inputs[i]] as const),
        ...outputs.map((output, i) => [output, at.outputs[i]] as const),
      ]);
      at.call(kernel, bindings, at.attributes);
    },
  };
}
