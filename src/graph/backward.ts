// Reverse-mode differentiation: walks the nodes backwards and applies each op's gradient rule.
// Every gradient is written once (`=`); where a value has several uses their gradients are added by
// an explicit op.
import { InputError } from "../tensor/error.ts";
import { formatShape, sameShape, size } from "../tensor/shape.ts";
import { reshape } from "./apply.ts";
import { byInput } from "./named_inputs.ts";
import { add } from "./ops/arithmetic.ts";
import type { GradientRule, GraphCore, Node, Value } from "./value.ts";

/**
 * Gradient of `loss` (one number) with respect to each of `wrt`; throws if there is no path or an
 * op has no rule.
 */
export function gradients(graph: GraphCore, loss: Value, wrt: readonly Value[]): Map<Value, Value> {
  if (size(loss.shape) !== 1) {
    throw new InputError(`gradients: ${loss.name}${formatShape(loss.shape)} is not one number`);
  }
  const one = graph.add("d_loss", loss.shape, { kind: "constant", data: new Float32Array([1]) });
  return backward(graph, [[loss, one]], wrt);
}

/**
 * Gradients of sum_i <seed_i, output_i> with respect to each of `wrt` (no views): the adjoint of
 * the network applied to the seeds. Throws if no path leads from an output to one of them, or if an
 * op on the way has no rule.
 */
export function backward(
  graph: GraphCore,
  seeds: readonly (readonly [output: Value, seed: Value])[],
  wrt: readonly Value[],
): Map<Value, Value> {
  for (const value of wrt) refuseView(value);
  const needed = dependents(graph, wrt);
  const collected = new Map<Value, Value[]>();
  const collect = (value: Value, gradient: Value): void => {
    if (!sameShape(value.shape, gradient.shape)) {
      throw new InputError(
        `gradient of ${value.name}${formatShape(value.shape)} has shape ${formatShape(gradient.shape)}`,
      );
    }
    if (value.source.kind === "view") {
      collect(value.source.of, reshape(gradient, value.source.of.shape));
      return;
    }
    const list = collected.get(value);
    if (list === undefined) collected.set(value, [gradient]);
    else list.push(gradient);
  };
  // Nodes that the rules append below belong to the gradients, not to the network.
  const forward = graph.nodes.slice();
  for (const [output, seed] of seeds) collect(output, seed);
  const total = (value: Value): Value | null => {
    const list = collected.get(value);
    if (list === undefined) return null;
    const sum = list.reduce((a, b) => add(a, b));
    collected.set(value, [sum]);
    return sum;
  };
  for (const node of forward.toReversed()) {
    if (!node.outputs.some((output) => needed.has(output))) continue;
    const d_outputs = node.outputs.map(total);
    if (d_outputs.every((d) => d === null)) continue;
    const rule = ruleOf(node);
    const wants = node.inputs.map((input) => input !== null && needed.has(input));
    const d_inputs = rule({
      inputs: byInput(node.op, node.inputs),
      outputs: node.outputs,
      attributes: node.attributes,
      d_outputs,
      wants: byInput(node.op, wants),
    });
    node.inputs.forEach((input, i) => {
      const gradient = d_inputs[i] ?? null;
      if (input !== null && wants[i] && gradient !== null) collect(input, gradient);
    });
  }
  const result = new Map<Value, Value>();
  for (const value of wrt) {
    const gradient = total(value);
    if (gradient === null) throw new InputError(`the loss does not depend on ${value.name}`);
    result.set(value, gradient);
  }
  return result;
}

/** A view has no gradient of its own: it is collected at the value that it views. */
function refuseView({ name, shape, source }: Value): void {
  if (source.kind !== "view") return;
  const of = `${source.of.name}${formatShape(source.of.shape)}`;
  throw new InputError(
    `gradients: ${name}${formatShape(shape)} is a view of ${of}; ask for the gradient of that`,
  );
}

function ruleOf({ op }: Node): GradientRule<unknown> {
  if (op.gradient === null) throw new InputError(`${op.name} cannot be differentiated`);
  return op.gradient;
}

/** All values that depend on any of `roots`. */
function dependents(graph: GraphCore, roots: readonly Value[]): Set<Value> {
  const needed = new Set<Value>(roots);
  const reached = (value: Value): boolean => {
    const { source } = value;
    if (needed.has(value)) return true;
    return source.kind === "view" && source.stopped !== true && reached(source.of);
  };
  for (const node of graph.nodes) {
    if (node.inputs.some((input) => input !== null && reached(input))) {
      for (const output of node.outputs) needed.add(output);
    }
  }
  for (const value of graph.values) if (reached(value)) needed.add(value);
  return needed;
}
