// ONNX models as files: the messages of onnx.proto that a network needs. Knows
// nothing about operators. Source: onnx.ai/onnx/api/classes.html, opset 17, IR version 8.
import { encodeMessage, textValue, type Message, type WireValue } from "./protobuf.ts";
import { encodeElements } from "./elements.ts";
import { size, type Shape } from "../tensor/shape.ts";

/** An attribute of a node: a whole number, a number with a fraction, text, or whole numbers. */
export type OnnxAttribute =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly text: string }
  | { readonly ints: readonly number[] };

/** One operator applied to named tensors; an input "" is left out. */
export interface OnnxNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
}

/** A tensor that the file contains: f32, or i64 for shapes and positions. */
export interface OnnxTensor {
  readonly name: string;
  readonly shape: Shape;
  readonly data: Float32Array | BigInt64Array;
}

/** An input or output of the model, f32. */
export interface OnnxPort {
  readonly name: string;
  /** A text is the name of an axis of any length. */
  readonly shape: readonly (number | string)[];
  /** A sentence for people. */
  readonly about: string;
}

/** A model; nodes in an order in which each input is known before it is used. */
export interface OnnxModel {
  readonly name: string;
  readonly producer: string;
  readonly about: string;
  readonly inputs: readonly OnnxPort[];
  readonly outputs: readonly OnnxPort[];
  readonly tensors: readonly OnnxTensor[];
  readonly nodes: readonly OnnxNode[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** The version of the operators that models use. */
export const ONNX_OPSET = 17;
// The oldest version of the format with that opset; runtimes refuse versions above their own.
const IR_VERSION = 8;
const FLOAT = 1;
const INT64 = 7;
const ATTRIBUTE_TYPES = { float: 1, int: 2, text: 3, ints: 7 } as const;

/**
 * The bytes of a model. Throws RangeError for an attribute below 0, which the encoder cannot write, and
 * for a tensor whose numbers do not fill its shape.
 */
export function encodeOnnx(model: OnnxModel): Uint8Array {
  const graph: Message = [
    ...model.nodes.map((node, i) => field(1, nodeMessage(node, i))),
    [2, textValue(model.name)],
    ...model.tensors.map((tensor) => field(5, tensorMessage(tensor))),
    ...model.inputs.map((port) => field(11, portMessage(port))),
    ...model.outputs.map((port) => field(12, portMessage(port))),
  ];
  return encodeMessage([
    [1, { varint: IR_VERSION }],
    [2, textValue(model.producer)],
    [6, textValue(model.about)],
    field(7, graph),
    field(8, [
      [1, textValue("")],
      [2, { varint: ONNX_OPSET }],
    ]),
    ...Object.entries(model.metadata).map(([key, value]) =>
      field(14, [
        [1, textValue(key)],
        [2, textValue(value)],
      ]),
    ),
  ]);
}

type Field = readonly [field: number, value: WireValue];

function field(number: number, message: Message): Field {
  return [number, { bytes: encodeMessage(message) }];
}

function nodeMessage({ op, inputs, outputs, attributes }: OnnxNode, index: number): Message {
  return [
    ...inputs.map((name): Field => [1, textValue(name)]),
    ...outputs.map((name): Field => [2, textValue(name)]),
    [3, textValue(`${op}_${index}`)],
    [4, textValue(op)],
    ...Object.entries(attributes).map(([name, value]) => field(5, attributeMessage(name, value))),
  ];
}

function attributeMessage(name: string, value: OnnxAttribute): Message {
  const head: Field = [1, textValue(name)];
  const type = (kind: keyof typeof ATTRIBUTE_TYPES): Field => [
    20,
    { varint: ATTRIBUTE_TYPES[kind] },
  ];
  if ("float" in value) return [head, [2, { float: value.float }], type("float")];
  if ("int" in value) return [head, [3, whole(value.int, name)], type("int")];
  if ("text" in value) return [head, [4, textValue(value.text)], type("text")];
  return [head, ...value.ints.map((one): Field => [8, whole(one, name)]), type("ints")];
}

function whole(value: number, name: string): WireValue {
  if (Number.isSafeInteger(value) && value >= 0) return { varint: value };
  throw new RangeError(`attribute ${name} is ${value}; expected a whole number of at least 0`);
}

function tensorMessage({ name, shape, data }: OnnxTensor): Message {
  if (data.length !== size(shape)) {
    throw new RangeError(`tensor ${name}: ${data.length} numbers for the shape ${shape.join("x")}`);
  }
  return [
    ...shape.map((axis): Field => [1, { varint: axis }]),
    [2, { varint: data instanceof Float32Array ? FLOAT : INT64 }],
    [8, textValue(name)],
    [9, { bytes: encodeElements(data) }],
  ];
}

function portMessage({ name, shape, about }: OnnxPort): Message {
  const axes = shape.map((axis) =>
    field(1, [typeof axis === "string" ? [2, textValue(axis)] : [1, { varint: axis }]]),
  );
  const tensor: Message = [[1, { varint: FLOAT }], field(2, axes)];
  return [[1, textValue(name)], field(2, [field(1, tensor)]), [3, textValue(about)]];
}
