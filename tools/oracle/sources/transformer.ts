// PyTorch's transformer layers with weights cos(0), cos(1), … (source pytorch): post-norm, model
// width 4, two heads.
import { attention } from "../../../src/graph/ops/attention.ts";
import { gelu, relu } from "../../../src/graph/ops/activation.ts";
import { add } from "../../../src/graph/ops/arithmetic.ts";
import { matmul } from "../../../src/graph/ops/gemm.ts";
import { layerNorm } from "../../../src/graph/ops/norm.ts";
import type { Value } from "../../../src/graph/value.ts";
import { MASKED } from "../../../src/kernels/attention/attention_problem.ts";
import { size, type Shape } from "../../../src/tensor/shape.ts";
import { flagOf, numberOf, wordOf } from "../attributes.ts";
import {
  attribute,
  clause,
  floats,
  knows,
  offer,
  ranked,
  type Offer,
  type Result,
} from "../offer.ts";
import type { Workbench } from "../workbench.ts";

const WIDTH = 4;
const HIDDEN = 16;
const EPSILON = 1e-5;
/** Batch before the sequence, and back. */
const BATCH_FIRST = [1, 0, 2];

/** cos(0), cos(1), … in the shape of a parameter, from `start` on. */
function cosines(bench: Workbench, shape: Shape, start = 0): Value {
  return bench.constant(
    shape,
    Array.from({ length: size(shape) }, (_, i) => Math.cos(start + i)),
  );
}

function linear(bench: Workbench, x: Value, to: number): Value {
  const weight = cosines(bench, [to, x.shape.at(-1)!]);
  return matmul(x, weight, { transposeB: true, bias: cosines(bench, [to]) });
}

function norm(bench: Workbench, x: Value): Value {
  return layerNorm(x, cosines(bench, [WIDTH]), cosines(bench, [WIDTH]), { epsilon: EPSILON });
}

/** Multi-head attention; the weights of q, k and v are one tensor of 3 WIDTH rows. */
function attend(bench: Workbench, x: Value, memory: Value, mask: Value | null): Value {
  const part = (from: Value, which: number): Value =>
    matmul(from, cosines(bench, [WIDTH, WIDTH], which * WIDTH * WIDTH), {
      transposeB: true,
      bias: cosines(bench, [WIDTH], which * WIDTH),
    });
  const y = attention(part(x, 0), part(memory, 1), part(memory, 2), { heads: 2, mask });
  return linear(bench, y, WIDTH);
}

function feedForward(bench: Workbench, x: Value): Value {
  const inner = linear(bench, x, HIDDEN);
  const kind = wordOf(bench.given, "activation", "relu");
  return linear(bench, kind === "gelu" ? gelu(inner) : relu(inner), WIDTH);
}

/** Truth values that exclude, as scores. */
function excluding(bench: Workbench, name: string, shape: (from: Shape) => Shape): Value | null {
  const numbers = bench.numbers(name);
  if (numbers === null) return null;
  const from = bench.given.inputs.find((tensor) => tensor?.name === name)!.shape;
  return bench.constant(
    shape(from),
    numbers.map((x) => (x === 0 ? 0 : MASKED)),
  );
}

function encoded(bench: Workbench): Result {
  const axes = flagOf(bench.given, "batch_first", false) ? [0, 1, 2] : BATCH_FIRST;
  const mask =
    excluding(bench, "src_key_padding_mask", ([b, s]) => [b, 1, 1, s]) ??
    excluding(bench, "mask", ([l, s]) => [1, 1, l, s]);
  let x = bench.input("src", axes);
  for (let layer = 0; layer < numberOf(bench.given, "layers", 1); layer++) {
    x = norm(bench, add(x, attend(bench, x, x, mask)));
    x = norm(bench, add(x, feedForward(bench, x)));
  }
  if (flagOf(bench.given, "trailing_norm", false)) {
    const [one, zero] = [bench.filled([WIDTH], 1), bench.filled([WIDTH], 0)];
    x = layerNorm(x, one, zero, { epsilon: EPSILON });
  }
  return { value: x, axes };
}

function decoded(bench: Workbench): Result {
  const memory = bench.input("memory", BATCH_FIRST);
  let x = bench.input("tgt", BATCH_FIRST);
  x = norm(bench, add(x, attend(bench, x, x, null)));
  x = norm(bench, add(x, attend(bench, x, memory, null)));
  x = norm(bench, add(x, feedForward(bench, x)));
  return { value: x, axes: BATCH_FIRST };
}

const INPUTS = ["src", "src,src_key_padding_mask", "src,mask", "tgt,memory"];
const LAYERS = ["TransformerDecoderLayer", "TransformerEncoderLayer", "TransformerEncoder"];

/** Encoder and decoder layers, stacks of the former. */
export const transformer: Offer = offer(
  [
    floats("src_key_padding_mask", "mask"),
    clause(LAYERS.join(" or "), ({ record }) => LAYERS.includes(String(record["op"]))),
    knows("activation", "layers", "trailing_norm", "batch_first"),
    attribute("activation", "relu", "gelu"),
    clause("inputs src and one of src_key_padding_mask and mask, or tgt and memory", (given) =>
      INPUTS.includes(given.inputs.map((tensor) => tensor?.name).join()),
    ),
    ranked(3),
  ],
  (bench) => [bench.given.record["op"] === LAYERS[0] ? decoded(bench) : encoded(bench)],
);
