// Builds the nodes of an ONNX model one after another; names are unique, equal constants are stored
// once.
import type { OnnxAttribute, OnnxNode, OnnxTensor } from "../../formats/onnx.ts";
import { sameShape, size, type Shape } from "../../tensor/shape.ts";

/** A tensor of the model under construction, by its name. */
export type Name = string;

/** Nodes and constants of a model under construction. */
export interface OnnxBuilder {
  readonly nodes: readonly OnnxNode[];
  readonly tensors: readonly OnnxTensor[];
  /** Adds a node with one output and returns its name. */
  readonly add: (
    op: string,
    inputs: readonly Name[],
    attributes?: Readonly<Record<string, OnnxAttribute>>,
  ) => Name;
  /** A constant of f32 numbers; a number alone is a scalar. */
  readonly numbers: (values: number | ArrayLike<number>, shape?: Shape) => Name;
  /** A constant list of whole numbers. */
  readonly whole: (values: readonly number[]) => Name;
  /** A constant whole number. */
  readonly index: (value: number) => Name;
  /** A constant under a name of its own, such as a parameter's. */
  readonly named: (name: Name, shape: Shape, data: Float32Array) => Name;
  /** The number of views is left open. */
  readonly reshape: (x: Name, shape: Shape) => Name;
  readonly transpose: (x: Name, permutation: readonly number[]) => Name;
}

/**
 * The shape with -1 for its axis of views, so that a model does not depend on their number: the first
 * axis, or the second one after a ring count of 1. Where the axis is another one, -1 is its length.
 */
function withOpenViews(shape: Shape): number[] {
  return shape.with(shape[0] === 1 && shape.length > 1 ? 1 : 0, -1);
}

/** An empty model. */
export function onnxBuilder(): OnnxBuilder {
  const nodes: OnnxNode[] = [];
  const tensors: OnnxTensor[] = [];
  const known = new Map<string, OnnxTensor>();
  const constant = (key: string, tensor: OnnxTensor): Name => {
    const own = known.get(key);
    if (own === undefined) {
      tensors.push(tensor);
      known.set(key, tensor);
    } else if (!sameShape(own.shape, tensor.shape)) {
      throw new Error(`${tensor.name} is stored in two layouts`);
    }
    return (own ?? tensor).name;
  };
  const add: OnnxBuilder["add"] = (op, inputs, attributes = {}) => {
    const output = `${op.toLowerCase()}_${nodes.length}`;
    nodes.push({ op, inputs, outputs: [output], attributes });
    return output;
  };
  const whole: OnnxBuilder["whole"] = (values) =>
    constant(`i64 ${values.join(" ")}`, {
      name: `whole_${tensors.length}`,
      shape: [values.length],
      data: BigInt64Array.from(values, BigInt),
    });
  return {
    nodes,
    tensors,
    add,
    whole,
    numbers: (values, shape) => {
      const data = typeof values === "number" ? [values] : Array.from(values);
      const axes = shape ?? (typeof values === "number" ? [] : [data.length]);
      if (data.length !== size(axes)) throw new Error("numbers: they do not fill their shape");
      return constant(`f32 ${axes.join("x")}: ${data.join(" ")}`, {
        name: `numbers_${tensors.length}`,
        shape: axes,
        data: Float32Array.from(data),
      });
    },
    index: (value) =>
      constant(`index ${value}`, {
        name: `index_${tensors.length}`,
        shape: [],
        data: BigInt64Array.of(BigInt(value)),
      }),
    named: (name, shape, data) => constant(`named ${name}`, { name, shape, data }),
    reshape: (x, shape) => add("Reshape", [x, whole(withOpenViews(shape))]),
    transpose: (x, permutation) => add("Transpose", [x], { perm: { ints: permutation } }),
  };
}
