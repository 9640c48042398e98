// LiDAR-anchored bins: scales and smooth corrections from points, on maps whose truth is known.
import { describe, expect, test } from "vitest";
import {
  applyCorrections,
  fitCorrections,
  type AnchoredMaps,
  type Anchors,
} from "../../src/bins/anchor.ts";
import type { Field } from "../../src/bins/anchor_field.ts";
import { select } from "../../src/bins/anchor_scale.ts";
import { expAt, expPlace, logOfBits } from "../../src/bins/anchor_tables.ts";
import { solvePositive } from "../../src/bins/anchor_solve.ts";
import { InputError } from "../../src/tensor/error.ts";
import { randomStream } from "../../src/tensor/random.ts";

const [HEIGHT, WIDTH] = [24, 40];
const PLANE = HEIGHT * WIDTH;

/** Ground below a wall at 30 m, with an object in front; the same in each view. */
function truth(views: number): AnchoredMaps {
  const depth_m = Float32Array.from({ length: views * PLANE }, (_, i) => {
    const [row, column] = [Math.floor((i % PLANE) / WIDTH), i % WIDTH];
    const ground = Math.min(30, 40 / (1 + row));
    return column > 10 && column < 18 && row < 16 ? Math.min(ground, 8) : ground;
  });
  return { depth_m, height: HEIGHT, width: WIDTH };
}

/** Points of the truth at random pixels of one view. */
function points({ depth_m }: AnchoredMaps, view: number, count: number): Anchors {
  const random = randomStream(3, view, count);
  const pixels = Uint32Array.from({ length: count }, () => random.integer(PLANE));
  return { pixels, depth_m: Float32Array.from(pixels, (p) => depth_m[view * PLANE + p]) };
}

const absRel = (depth_m: Float32Array, true_m: Float32Array): number =>
  depth_m.reduce((sum, d, i) => sum + Math.abs(d - true_m[i]) / true_m[i], 0) / depth_m.length;
const times = (maps: AnchoredMaps, factor: (i: number) => number): AnchoredMaps => ({
  ...maps,
  depth_m: maps.depth_m.map((depth_m, i) => depth_m * factor(i)),
});

test("a wrong scale is found from few points, wrong points notwithstanding", () => {
  const real = truth(3);
  const maps = times(real, () => 0.8);
  const anchors = [0, 1, 2].map((view) => points(real, view, 12));
  for (const { depth_m } of anchors) depth_m.fill(79, 0, 2);
  const corrections = fitCorrections(maps, anchors);
  for (const { kind, points: used, factor } of corrections) {
    expect([kind, used]).toEqual(["scale", 12]);
    expect(Math.abs(factor / 1.25 - 1)).toBeLessThan(0.03);
  }
  const { depth_m: corrected } = applyCorrections(maps, corrections);
  corrected.forEach((d, i) => {
    const { factor } = corrections[Math.floor(i / PLANE)];
    expect(d).toBe(Math.fround(maps.depth_m[i] * factor));
  });
});

test("a view with too few points keeps its bits, and no point anywhere changes nothing", () => {
  const real = truth(3);
  const maps = times(real, () => 0.8);
  const counts = [0, 3, 200];
  const corrections = fitCorrections(
    maps,
    counts.map((count, view) => points(real, view, count)),
  );
  expect(corrections.map(({ kind }) => kind)).toEqual(["none", "none", "smooth"]);
  expect(corrections.map(({ factor }) => factor).slice(0, 2)).toEqual([1, 1]);
  const { depth_m: corrected } = applyCorrections(maps, corrections);
  expect(corrected.slice(0, 2 * PLANE)).toEqual(maps.depth_m.slice(0, 2 * PLANE));
  const bare = fitCorrections(
    maps,
    counts.map((_, view) => points(real, view, 0)),
  );
  expect(applyCorrections(maps, bare).depth_m).toEqual(maps.depth_m);
});

test("an error that varies over image and distance at least halves with 200 points", () => {
  const real = truth(2);
  const random = randomStream(5);
  const maps = times(real, (i) => {
    const [row, column] = [Math.floor((i % PLANE) / WIDTH), i % WIDTH];
    const near = real.depth_m[i] < 10 ? 1.15 : 0.85;
    return (
      near * (0.8 + (0.4 * row) / HEIGHT + (0.3 * column) / WIDTH) * (1 + 0.03 * random.normal())
    );
  });
  const anchors = [0, 1].map((view) => points(real, view, 200));
  const { depth_m: corrected } = applyCorrections(maps, fitCorrections(maps, anchors));
  expect(absRel(corrected, real.depth_m)).toBeLessThan(0.5 * absRel(maps.depth_m, real.depth_m));
  expect(fitCorrections(maps, anchors)).toEqual(fitCorrections(maps, anchors));
});

test("right depth stays right: points with noise draw it less than their noise", () => {
  const maps = truth(4);
  const anchors = [0, 1, 2, 3].map((view) => {
    const { pixels, depth_m } = points(maps, view, 12);
    const random = randomStream(9, view);
    return { pixels, depth_m: depth_m.map((d) => d * Math.exp(0.1 * random.normal())) };
  });
  for (const { factor } of fitCorrections(maps, anchors)) {
    expect(Math.abs(factor - 1)).toBeLessThan(0.05);
  }
});

test("the factor of a pixel multiplies each of its centres: their order and the sum stay", () => {
  const bins = 8;
  const centers = Array.from({ length: bins }, (_, k) => 1.5 ** k);
  const random = randomStream(4);
  const raw = centers.map(() => random.uniform());
  const total = raw.reduce((sum, p) => sum + p, 0);
  const depthOf = (c: readonly number[]): number =>
    c.reduce((sum, center, k) => sum + (raw[k] / total) * center, 0);
  const maps = { depth_m: Float32Array.of(depthOf(centers)), height: 1, width: 1 };
  const anchors = { pixels: new Uint32Array(20), depth_m: new Float32Array(20).fill(7) };
  const {
    depth_m: [corrected],
  } = applyCorrections(maps, fitCorrections(maps, [anchors]));
  const factor = corrected / maps.depth_m[0];
  const moved = centers.map((c) => c * factor);
  expect(moved).toEqual(moved.toSorted((a, b) => a - b));
  expect(depthOf(moved)).toBeCloseTo(corrected, 5);
});

describe("hostile points", () => {
  const real = truth(1);
  const one = (pixel: number, depth_m: number): Anchors[] => [
    { pixels: Uint32Array.of(pixel), depth_m: Float32Array.of(depth_m) },
  ];

  test.each([Number.NaN, Infinity, 0, -1])("a measured depth of %s is refused", (depth_m) => {
    expect(() => fitCorrections(real, one(0, depth_m))).toThrow(InputError);
  });

  test("a pixel outside the map is refused", () => {
    expect(() => fitCorrections(real, one(PLANE, 5))).toThrow("pixel 960 is outside 24x40");
  });

  test("many points at one pixel, and depths far apart, give distances", () => {
    for (const pixel of [0, PLANE - 1]) {
      const anchors = {
        pixels: new Uint32Array(50).fill(pixel),
        depth_m: Float32Array.from({ length: 50 }, (_, i) => (i % 2 === 0 ? 0.1 : 80)),
      };
      const { depth_m: corrected } = applyCorrections(real, fitCorrections(real, [anchors]));
      expect(corrected.every((d) => d > 0 && d < 1e4)).toBe(true);
    }
  });
});

test.each([
  [1, 1],
  [2, 2],
  [7, 7],
  [13, 13],
  [13, 4],
  [13, 0],
])("solvePositive solves %d equations with a band of %d", (n, band) => {
  const random = randomStream(8, n);
  // A lower triangle with a band, so that its product with its transpose has the same band.
  const factor = Float64Array.from({ length: n * n }, (_, i) => {
    const distance = Math.floor(i / n) - (i % n);
    return distance >= 0 && distance <= band ? random.normal() : 0;
  });
  const matrix = Float64Array.from({ length: n * n }, (_, i) => {
    const [a, b] = [Math.floor(i / n), i % n];
    let sum = a === b ? 1 : 0;
    for (let k = 0; k < n; k++) sum += factor[a * n + k] * factor[b * n + k];
    return sum;
  });
  const x = Float64Array.from({ length: n }, () => random.normal());
  const right = x.map((_, a) => x.reduce((sum, value, b) => sum + matrix[a * n + b] * value, 0));
  const lower = Float64Array.from({ length: n * (band + 1) }, (_, i) => {
    const row = Math.floor(i / (band + 1));
    const column = row - band + (i % (band + 1));
    return column < 0 ? Number.NaN : matrix[row * n + column];
  });
  solvePositive([...lower], [...right], band).forEach((value, i) =>
    expect(value).toBeCloseTo(x[i], 9),
  );
});

/** The correction of one pixel by its definition: ln factors, trilinear between the nodes. */
function factorAt(field: Field, row: number, column: number, depth_m: number): number {
  const z = (Math.log(depth_m) - field.log_near) * field.log_step;
  const place = [column * field.column_step, row * field.row_step, Math.min(3, Math.max(0, z))];
  let sum = 0;
  for (let node = 0; node < 80; node++) {
    const at = [Math.floor(node / 16), Math.floor(node / 4) % 4, node % 4];
    const share = at.reduce((s, own, axis) => s * Math.max(0, 1 - Math.abs(place[axis] - own)), 1);
    sum += share * field.values[node];
  }
  return Math.exp(sum);
}

test("every depth is multiplied by the trilinear factor of its place, whatever the depth", () => {
  const maps = times(truth(1), (i) => 0.7 + (0.5 * (i % 7)) / 7);
  const [{ field }] = fitCorrections(maps, [points(truth(1), 0, 60)]);
  const depth_m = maps.depth_m.map((d, i) => (i % 5 === 0 ? d * 10 ** ((i % 76) - 38) : d));
  const { depth_m: corrected } = applyCorrections({ ...maps, depth_m }, [
    { kind: "smooth", points: 60, factor: 1, field },
  ]);
  depth_m.forEach((d, i) => {
    const expected = d * factorAt(field!, Math.floor(i / WIDTH), i % WIDTH, d);
    // Subnormals have fewer digits; the logarithm of none of them matters, as all are nearest.
    expect(Math.abs(corrected[i] - expected)).toBeLessThan(3e-7 * expected + 2e-45);
  });
});

test("a fitted field solves its normal equations: no change of a node makes the sum smaller", () => {
  const real = truth(1);
  const maps = times(real, (i) => 0.8 + (0.008 * (i % WIDTH)) / WIDTH);
  const { pixels, depth_m } = points(real, 0, 40);
  const [{ field, factor }] = fitCorrections(maps, [{ pixels, depth_m }]);
  const values = [...field!.values];
  const changed = { ...field!, values };
  // Residuals within 1 % of each other have no outliers: Huber's weights are 1.
  const cost = (): number => {
    let sum = 0;
    pixels.forEach((pixel, i) => {
      const d = maps.depth_m[pixel];
      const found = factorAt(changed, Math.floor(pixel / WIDTH), pixel % WIDTH, d);
      sum += (Math.log(found) - Math.log(depth_m[i] / d)) ** 2;
    });
    for (let node = 0; node < 80; node++) {
      sum += 0.002 * (values[node] - Math.log(factor)) ** 2;
      if (node < 64) sum += 0.03 * (values[node + 16] - values[node]) ** 2;
      if (node % 16 < 12) sum += 0.03 * (values[node + 4] - values[node]) ** 2;
      if (node % 4 < 3) sum += 0.03 * (values[node + 1] - values[node]) ** 2;
    }
    return sum;
  };
  for (let node = 0; node < 80; node++) {
    const own = values[node];
    values[node] = own + 1e-4;
    const above = cost();
    values[node] = own - 1e-4;
    expect(Math.abs(above - cost())).toBeLessThan(1e-12);
    values[node] = own;
  }
});

test("logarithms and exponentials of the tables agree with those of Math", () => {
  const number = new Float32Array(1);
  const bits = new Int32Array(number.buffer);
  for (const start of [1.2e-38, 0.001, 1, 1.9999, 2, 80, 3e38]) {
    for (let i = 0; i < 500; i++) {
      number[0] = Math.min(start * (1 + i * 7e-5), 3.4e38);
      expect(Math.abs(logOfBits(bits[0]) - Math.log(number[0]))).toBeLessThan(3e-8);
    }
  }
  for (const x of [-16, -15.999, -1e-3, 0, 0.015, 1 / 64, 1 / 3, 7.999, 8, 16]) {
    expect(Math.abs(expAt(expPlace(x)) / Math.exp(x) - 1)).toBeLessThan(2e-9);
  }
  for (const [x, end] of [
    [-700, -16],
    [-Infinity, -16],
    [50, 16],
    [Infinity, 16],
  ]) {
    expect(expPlace(x)).toBe(expPlace(end));
  }
  expect(expAt(expPlace(Number.NaN))).toBe(Number.NaN);
});

test.each([1, 2, 3, 10, 101])("select finds every place of %d numbers with ties", (count) => {
  const random = randomStream(2, count);
  const values = Float64Array.from({ length: count }, () => random.integer(count));
  values.toSorted().forEach((value, place) => {
    const own = values.slice();
    expect(select(own, place)).toBe(value);
    expect(own.subarray(0, place).every((below) => below <= value)).toBe(true);
  });
});
