// Two to four tensors joined along one axis.
import { MOST_DIFFERENCED, withGradient, type Problem } from "../engine/problem.ts";
import { like } from "../tensor/array.ts";
import { formatShape, size, type Shape } from "../tensor/shape.ts";
import { linesGrid } from "../engine/axes.ts";
import { foldGrid, kernel, type Inputs, type Kernel } from "../engine/kernel.ts";
import { mapping } from "../engine/mapping.ts";
import { readsAsQuads } from "./row_slice.ts";
import { shaders } from "./shaders.gen.ts";

/** The axis to join along. */
export interface ConcatAttributes {
  readonly axis: number;
}

type Input = Inputs<typeof shaders.concat>;

/** Shape [0]: an input that was left out. */
function isLeftOut(shape: Shape): boolean {
  return shape.length === 1 && shape[0] === 0;
}

/** Length of each input along the axis; 0 for one that was left out (shape [0]). */
function lengths({ a, b, c, d }: Record<Input, Shape>, axis: number): number[] {
  if (!Number.isInteger(axis) || axis < 0 || axis >= a.length) {
    throw new Error(`concat: axis ${axis} does not fit ${formatShape(a)}`);
  }
  return [a, b, c, d].map((shape) => {
    if (isLeftOut(shape)) return 0;
    const fits =
      shape.length === a.length && shape.every((length, i) => i === axis || length === a[i]);
    if (!fits) {
      throw new Error(
        `concat: ${formatShape(shape)} and ${formatShape(a)} differ in an axis other than ${axis}`,
      );
    }
    return shape[axis];
  });
}

const sum = (values: readonly number[]): number =>
  values.reduce((total, value) => total + value, 0);

const joined = (
  shapes: readonly Shape[],
  axis: number,
  name: string,
): Problem<Input, ConcatAttributes> => {
  const [a = [0], b = [0], c = [0], d = [0]] = shapes;
  return { name, shapes: { a, b, c, d }, attributes: { axis } };
};

/** y = the inputs joined along `axis`. a, b, c?, d? [equal on all other axes] -> y. */
export const concat: Kernel<typeof shaders.concat, ConcatAttributes> = kernel({
  shader: shaders.concat,
  axes: { a: "outer, row of a", b: "outer, row of b", c: "outer, row of c", d: "outer, row of d" },
  shapes: (inputs, { axis }) => {
    const along = sum(lengths(inputs, axis));
    return { y: inputs.a.map((length, i) => (i === axis ? along : length)) };
  },
  params: (inputs, { axis }) => {
    const { a } = inputs;
    const inner = size(a.slice(axis + 1));
    const rows = lengths(inputs, axis).map((length) => length * inner);
    return {
      rows: size(a.slice(0, axis)),
      row: sum(rows),
      row_a: rows[0],
      row_b: rows[1],
      row_c: rows[2],
      row_d: rows[3],
    };
  },
  grid: ({ rows, row }, { WG, STEP }) => linesGrid(rows, row, WG, STEP),
  cost: ({ a, b, c, d }) => ({ flops: 0, bytes: 8 * (size(a) + size(b) + size(c) + size(d)) }),
  cases: withGradient(
    [
      joined(
        [
          [6, 12, 20, 64],
          [6, 12, 20, 32],
        ],
        3,
        "decoder and skip",
      ),
      joined(
        [
          [41, 3],
          [41, 5],
          [41, 17],
          [41, 1],
        ],
        1,
        "four",
      ),
      joined(
        [
          [3, 7],
          [1, 7],
          [5, 7],
        ],
        0,
        "three along the first axis",
      ),
      joined(
        [
          [2, 3, 1, 5],
          [2, 1, 1, 5],
        ],
        1,
        "two in the middle",
      ),
      joined([[5], [1023]], 0, "one axis"),
      joined(
        [
          [0, 5],
          [3, 5],
          [0, 5],
        ],
        0,
        "empty ones",
      ),
      joined(
        [
          [67, 8],
          [67, 4],
          [67, 20],
          [67, 12],
        ],
        1,
        "fours, a prime of rows",
      ),
      joined(
        [
          [0, 5],
          [0, 2],
        ],
        1,
        "of nothing",
      ),
    ],
    ({ shapes }) => {
      if (size(shapes.a) > MOST_DIFFERENCED) return [];
      const wrt = (["a", "b", "c", "d"] as const).filter((name) => !isLeftOut(shapes[name]));
      return [{ wrt, linear: true }];
    },
  ),
  reference: (inputs, shapes, { axis }) => {
    const { a } = shapes;
    const [outer, inner] = [size(a.slice(0, axis)), size(a.slice(axis + 1))];
    const parts = [inputs.a, inputs.b, inputs.c, inputs.d];
    const rows = lengths(shapes, axis).map((length) => length * inner);
    const y = like(inputs.a, outer * sum(rows));
    let next = 0;
    for (let o = 0; o < outer; o++) {
      parts.forEach((part, k) => {
        y.set(part.subarray(o * rows[k], (o + 1) * rows[k]), next);
        next += rows[k];
      });
    }
    return { y };
  },
  variants: () => [concatVec4],
});

/** As `concat`, four elements per load: where the rows of all inputs are multiples of four. */
export const concatVec4: Kernel<typeof shaders.concat_vec4, ConcatAttributes> = mapping(concat, {
  shader: shaders.concat_vec4,
  grid: ({ rows, row }, { WG, RUN }) =>
    foldGrid(Math.ceil((Math.ceil(rows / RUN) * (row / 4)) / WG)),
  runs: (_, inputs, { axis }) =>
    Object.values(inputs).every(
      (shape) => isLeftOut(shape) || readsAsQuads(0, size(shape.slice(axis)), 4),
    ),
});
