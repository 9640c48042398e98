// Ops of a program's own: a kernel and the rule of its gradient, with tensors by name.
import type { Inputs, Kernel, Outputs, ShaderInfo } from "../engine/kernel.ts";
import { InputError } from "../tensor/error.ts";
import { size } from "../tensor/shape.ts";
import { apply } from "./apply.ts";
import type { Op, Value } from "./value.ts";

/** The inputs of the gradient rule of an own op. */
export interface OwnGradientAt<S extends ShaderInfo, A> {
  readonly inputs: Readonly<Record<Inputs<S>, Value>>;
  readonly outputs: Readonly<Record<Outputs<S>, Value>>;
  /** Gradient of the loss with respect to each output; zeros where the loss does not depend on it. */
  readonly d_outputs: Readonly<Record<Outputs<S>, Value>>;
  readonly attributes: A;
  /** Which inputs' gradients are wanted; the others may be left out. */
  readonly wants: Readonly<Record<Inputs<S>, boolean>>;
}

/** Gradient of the loss with respect to each input, made of ops; left out or null where it is 0. */
export type OwnGradient<S extends ShaderInfo, A> = (
  at: OwnGradientAt<S, A>,
) => Readonly<Partial<Record<Inputs<S>, Value | null>>>;

/** An op of a program's own, applied to values of one graph; returns its outputs by name. */
export type OwnOp<S extends ShaderInfo, A> = (
  inputs: Readonly<Record<Inputs<S>, Value>>,
  ...attributes: [A] extends [void] ? [] : [attributes: A]
) => Readonly<Record<Outputs<S>, Value>>;

/**
 * An op that is one dispatch of a kernel, such as one of `kernel`. `gradient` is its rule, or null
 * if it cannot be differentiated; `checkGradient` compares a rule with differences. Throws
 * InputError, naming the op, if what it is applied to does not fit.
 */
export function ownOp<S extends ShaderInfo, A>(
  kernel: Kernel<S, A>,
  gradient: OwnGradient<S, A> | null,
): OwnOp<S, A> {
  const { name, bindings } = kernel.shader;
  const inputs = bindings.flatMap((one) => (one.access === "write" ? [] : [one.name as Inputs<S>]));
  const outputs = bindings.flatMap((one) =>
    one.access === "write" ? [one.name as Outputs<S>] : [],
  );
  if (gradient !== null && typeof gradient !== "function") {
    throw new InputError(`op ${name}: expected a gradient rule, or null if it has none`);
  }
  const named = (values: readonly Value[]): Record<Outputs<S>, Value> =>
    Object.fromEntries(values.map((value, i) => [outputs[i], value])) as Record<Outputs<S>, Value>;
  const op: Op<A, Inputs<S>> = {
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
    gradient:
      gradient === null
        ? null
        : (at) => {
            const d_outputs = at.d_outputs.map((d, i) => d ?? zeros(at.outputs[i]));
            const found = gradient({
              inputs: at.inputs as Readonly<Record<Inputs<S>, Value>>,
              outputs: named(at.outputs),
              d_outputs: named(d_outputs),
              attributes: at.attributes,
              wants: at.wants,
            });
            const unknown = Object.keys(found).find((key) => !(inputs as string[]).includes(key));
            if (unknown !== undefined) {
              throw new InputError(`op ${name}: its gradient rule returns ${unknown}, no input`);
            }
            const missing = inputs.find((input) => at.wants[input] && !(input in found));
            if (missing !== undefined) {
              throw new InputError(
                `op ${name}: its gradient rule lacks ${missing}; return null if it is zero`,
              );
            }
            return inputs.map((input) => found[input] ?? null);
          },
  };
  return (given, ...attributes) => named(apply(op, given, attributes[0] as A));
}

function zeros({ graph, name, shape }: Value): Value {
  const data = new Float32Array(size(shape));
  return graph.add(`zeros of ${name}`, shape, { kind: "constant", data });
}
