// Reads an ONNX model back into nodes and tensors, by the field numbers of onnx.proto.
import { decodeMessage, type Message, type WireValue } from "../../../src/formats/protobuf.ts";

/** A node as the file has it. */
export interface ReadNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, number | string | number[]>;
}

/** A tensor of numbers; whole ones too. */
export interface Tensor {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

/** An input or output. */
export interface ReadPort {
  readonly name: string;
  /** A text is the name of an open axis. */
  readonly shape: readonly (number | string)[];
}

/** A model as read. */
export interface ReadModel {
  readonly ir: number;
  readonly opset: number;
  readonly metadata: ReadonlyMap<string, string>;
  readonly nodes: readonly ReadNode[];
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly inputs: readonly ReadPort[];
  readonly outputs: readonly ReadPort[];
}

const all = (message: Message, field: number): WireValue[] =>
  message.filter(([number]) => number === field).map(([, value]) => value);
const bytesOf = (value: WireValue): Uint8Array => (value as { bytes: Uint8Array }).bytes;
const textOf = (value: WireValue): string => new TextDecoder().decode(bytesOf(value));
const wholeOf = (value: WireValue): number => (value as { varint: number }).varint;
const inner = (value: WireValue): Message => decodeMessage(bytesOf(value));

/** Reads a model. */
export function readModel(bytes: Uint8Array): ReadModel {
  const model = decodeMessage(bytes);
  const graph = inner(all(model, 7)[0]);
  return {
    ir: wholeOf(all(model, 1)[0]),
    opset: wholeOf(all(inner(all(model, 8)[0]), 2)[0]),
    metadata: new Map(
      all(model, 14).map((entry) => {
        const [key, value] = [1, 2].map((field) => textOf(all(inner(entry), field)[0]));
        return [key, value] as const;
      }),
    ),
    nodes: all(graph, 1).map((value) => nodeOf(inner(value))),
    tensors: new Map(all(graph, 5).map((value) => tensorOf(inner(value)))),
    inputs: all(graph, 11).map((value) => portOf(inner(value))),
    outputs: all(graph, 12).map((value) => portOf(inner(value))),
  };
}

function nodeOf(node: Message): ReadNode {
  const attributes = all(node, 5).map((value) => {
    const message = inner(value);
    const name = textOf(all(message, 1)[0]);
    const type = wholeOf(all(message, 20)[0]);
    const read: Readonly<Record<number, () => number | string | number[]>> = {
      1: () => (all(message, 2)[0] as { float: number }).float,
      2: () => wholeOf(all(message, 3)[0]),
      3: () => textOf(all(message, 4)[0]),
      7: () => all(message, 8).map(wholeOf),
    };
    return [name, read[type]()] as const;
  });
  return {
    op: textOf(all(node, 4)[0]),
    inputs: all(node, 1).map(textOf),
    outputs: all(node, 2).map(textOf),
    attributes: new Map(attributes),
  };
}

function tensorOf(tensor: Message): [string, Tensor] {
  const raw = bytesOf(all(tensor, 9)[0]);
  const { buffer } = new Uint8Array(raw);
  const isFloat = wholeOf(all(tensor, 2)[0]) === 1;
  const values = isFloat ? new Float32Array(buffer) : new BigInt64Array(buffer);
  const shape = all(tensor, 1).map(wholeOf);
  return [textOf(all(tensor, 8)[0]), { shape, data: Float64Array.from(values, Number) }];
}

function portOf(port: Message): ReadPort {
  const shape = inner(all(inner(all(inner(all(port, 2)[0]), 1)[0]), 2)[0]);
  const axes = all(shape, 1).map((axis) => {
    const [name] = all(inner(axis), 2);
    return name === undefined ? wholeOf(all(inner(axis), 1)[0]) : textOf(name);
  });
  return { name: textOf(all(port, 1)[0]), shape: axes };
}
