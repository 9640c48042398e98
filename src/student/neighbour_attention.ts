// Attention between the cameras of a ring: each token of a view looks at all tokens of its own view
// and of the two neighbouring views (cross-view attention as in SurroundDepth, Wei et al. 2022, but
// limited to neighbours). The weights are shared by all views, so that a student runs on a ring of any
// length.
import { reshape } from "../graph/apply.ts";
import type { Graph } from "../graph/graph.ts";
import { constant, scaledNormal } from "../graph/initializers.ts";
import { add } from "../graph/ops/arithmetic.ts";
import { attention } from "../graph/ops/attention.ts";
import { concat } from "../graph/ops/concat.ts";
import { conv2d } from "../graph/ops/conv2d.ts";
import { layerNorm } from "../graph/ops/norm.ts";
import { slice } from "../graph/ops/slice.ts";
import type { Value } from "../graph/value.ts";
import { InputError } from "../tensor/error.ts";
import { size } from "../tensor/shape.ts";

/** The views that tokens of the coarse features look at. */
export const STUDENT_ATTENTIONS = ["none", "neighbours"] as const;
/** One of the choices. */
export type StudentAttention = (typeof STUDENT_ATTENTIONS)[number];

/** Features from the coarsest one up that have attention: 1/32 and 1/16 of the images. */
export const ATTENTION_LEVELS = 2;

const EPSILON = 1e-5;
/** Small, so that a student begins close to one without attention. */
const OUTPUT_GAIN = 0.1;
/** Half turns of the fastest position angle across an image; the slowest makes one. */
const HALF_TURNS = 16;

/** Where a view is, seen from another one: the row of the relation parameter. */
const PREVIOUS = 0;
const SELF = 1;
const NEXT = 2;

/**
 * y = x + W_o attention(W_q (n + p), W_k (n + p) + r, W_v n), with n the layer norm of x, p a sine code
 * of the position in the image, and r a vector for each of previous, own and next view; keys and values
 * are those of the view and its ring neighbours. A single view sees itself, each of two views both. With
 * `rigs`, the views are those of as many rings, one after the other. x [V,h,w,C] -> y [V,h,w,C]. Throws
 * InputError unless the heads divide C and the rigs divide V.
 */
export function neighbourAttention(
  g: Graph,
  name: string,
  x: Value,
  heads: number,
  rigs = 1,
): Value {
  const [all, height, width, channels] = x.shape;
  const views = all / rigs;
  if (!Number.isInteger(views)) {
    throw new InputError(`${name}: ${all} views are not those of ${rigs} equal rings`);
  }
  if (!Number.isInteger(channels / heads)) {
    throw new InputError(`${name}: ${channels} channels do not split into ${heads} heads`);
  }
  const tokens = (of: Value): Value => {
    const count = size(of.shape) / (all * channels);
    return reshape(of, [all, count, channels]);
  };
  const rings = (of: Value): Value => reshape(of, [rigs, views, height * width, channels]);
  const gamma = g.parameter(`${name}.norm.weight`, [channels], constant(1), false);
  const beta = g.parameter(`${name}.norm.bias`, [channels], constant(0), false);
  const normed = layerNorm(x, gamma, beta, { epsilon: EPSILON });
  const position = [1, height, width, channels];
  const data = positionCode(height, width, channels);
  // A graph may hold several students that share their parameters, so its name need not be unique.
  const code = g.add(`${name}.position`, position, { kind: "constant", data });
  const placed = add(normed, code);
  const project = (from: Value, part: string): Value => {
    const weight = g.parameter(
      `${name}.${part}.weight`,
      [channels, 1, 1, channels],
      scaledNormal(1),
    );
    return rings(conv2d(from, weight, null, {}));
  };
  const query = project(placed, "query");
  const key = project(placed, "key");
  const value = project(normed, "value");
  const relation = g.parameter(`${name}.relation.weight`, [3, channels], scaledNormal(1), false);
  const seen = (other: number): Value =>
    reshape(slice(relation, [other, 0], [1, channels]), [1, 1, 1, channels]);
  const keys = [add(key, seen(SELF))];
  const values = [value];
  if (views === 2) {
    // The other view is the next one of the first, and the previous one of the second.
    keys.push(add(turned(key, 1), concat([seen(NEXT), seen(PREVIOUS)], 1)));
    values.push(turned(value, 1));
  } else if (views > 2) {
    keys.push(add(turned(key, 1), seen(NEXT)), add(turned(key, views - 1), seen(PREVIOUS)));
    values.push(turned(value, 1), turned(value, views - 1));
  }
  const seenBy = (of: readonly Value[]): Value => tokens(concat(of, 2));
  const y = attention(tokens(query), seenBy(keys), seenBy(values), { heads });
  const weight = g.parameter(
    `${name}.output.weight`,
    [channels, 1, 1, channels],
    scaledNormal(OUTPUT_GAIN),
  );
  const bias = g.parameter(`${name}.output.bias`, [channels], constant(0), false);
  return add(x, conv2d(reshape(y, x.shape), weight, bias, {}));
}

/** Each ring turned: view v of the result is view v + `by`, cyclically. x [R,V,N,C] -> [R,V,N,C]. */
function turned(x: Value, by: number): Value {
  const [rigs, views, count, channels] = x.shape;
  const from = (first: number, length: number): Value =>
    slice(x, [0, first, 0, 0], [rigs, length, count, channels]);
  return concat([from(by, views - by), from(0, by)], 1);
}

/**
 * Sines and cosines of row and column: with u = (i + 1/2) / n along an axis, sin and cos of pi f u for
 * C / 4 factors f from 1 to 16 in geometric steps (Vaswani et al. 2017, section 3.5, over the image
 * instead of a sentence). [1,h,w,C] in the order sin x, cos x, sin y, cos y; further channels are 0.
 */
function positionCode(height: number, width: number, channels: number): Float32Array<ArrayBuffer> {
  const count = Math.floor(channels / 4);
  const code = new Float32Array(height * width * channels);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const at = (row * width + column) * channels;
      for (let j = 0; j < count; j++) {
        const angle = Math.PI * HALF_TURNS ** (j / Math.max(1, count - 1));
        const [x, y] = [((column + 0.5) / width) * angle, ((row + 0.5) / height) * angle];
        code[at + j] = Math.sin(x);
        code[at + count + j] = Math.cos(x);
        code[at + 2 * count + j] = Math.sin(y);
        code[at + 3 * count + j] = Math.cos(y);
      }
    }
  }
  return code;
}
