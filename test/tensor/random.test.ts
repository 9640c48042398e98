// Random numbers by counter: the same everywhere, and random enough for initial weights and
// augmentation.
import { expect, test } from "vitest";
import { hash, hashText, permutation, randomStream } from "../../src/tensor/random.ts";

const COUNT = 100_000;

/** Raw moments 1 to 4 of a sample. */
function moments(values: readonly number[]): number[] {
  return [1, 2, 3, 4].map(
    (power) => values.reduce((sum, v) => sum + v ** power, 0) / values.length,
  );
}

test("the numbers are these, on every machine: seeds of old runs depend on it", () => {
  expect([hash(), hash(1), hash(1, 2), hash(2, 1)]).toEqual([
    2654435769, 2917640190, 2239772971, 119308132,
  ]);
  expect([hash(-1), hash(2 ** 32)]).toEqual([1473209694, 2534473352]);
  expect(hashText("encoder.conv1.weight")).toBe(1594319773);
  const stream = randomStream(7);
  expect([stream.uniform(), stream.uniform()]).toEqual([0.1467356849461794, 0.14144032471813262]);
});

test("a stream is a function of its keys alone", () => {
  const numbers = (...keys: number[]): number[] => {
    const stream = randomStream(...keys);
    return Array.from({ length: 20 }, () => stream.normal());
  };
  expect(numbers(3, 4)).toEqual(numbers(3, 4));
  expect(numbers(3, 4)).not.toEqual(numbers(4, 3));
  expect(numbers(3)).not.toEqual(numbers(3, 0));
});

test("keys that differ beyond 32 bits differ", () => {
  const microseconds = 1_561_645_824_993_653;
  expect(hash(microseconds)).not.toBe(hash(microseconds + 2 ** 32));
  expect(hash(microseconds)).not.toBe(hash(microseconds + 1));
});

test("uniform numbers lie in [0, 1) and are spread evenly", () => {
  const stream = randomStream(11);
  const values = Array.from({ length: COUNT }, () => stream.uniform());
  expect(Math.min(...values.slice(0, 10_000))).toBeGreaterThanOrEqual(0);
  expect(values.every((v) => v >= 0 && v < 1)).toBe(true);
  const counts = new Float64Array(100);
  for (const value of values) counts[Math.floor(100 * value)] += 1;
  const expected = COUNT / 100;
  const chi2 = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  expect(chi2).toBeLessThan(149); // 99 degrees of freedom: 1 in 1000 is above
});

test("successive uniform numbers are not correlated", () => {
  const stream = randomStream(12);
  const values = Array.from({ length: COUNT }, () => stream.uniform() - 0.5);
  for (const lag of [1, 2, 3]) {
    const sum = values.slice(lag).reduce((s, v, i) => s + v * values[i], 0);
    expect(Math.abs((12 * sum) / Math.sqrt(COUNT)), `lag ${lag}`).toBeLessThan(4);
  }
});

test("normal numbers have the moments of the normal distribution", () => {
  const stream = randomStream(13);
  const [mean, square, cube, fourth] = moments(
    Array.from({ length: COUNT }, () => stream.normal()),
  );
  expect(Math.abs(mean)).toBeLessThan(0.012);
  expect(Math.abs(square - 1)).toBeLessThan(0.02);
  expect(Math.abs(cube)).toBeLessThan(0.05);
  expect(Math.abs(fourth - 3)).toBeLessThan(0.15);
});

test("integers take every value below their end and no other", () => {
  const stream = randomStream(14);
  const counts = new Map<number, number>();
  for (let i = 0; i < 7000; i++) {
    const value = stream.integer(7);
    counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  expect([...counts.keys()].toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6]);
  for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(120);
});

test("a permutation holds each number once, and depends on its keys", () => {
  const order = permutation(101, 5, 6);
  expect(order.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 101 }, (_, i) => i));
  expect(order).toEqual(permutation(101, 5, 6));
  expect(order).not.toEqual(permutation(101, 5, 7));
  expect([permutation(0, 1), permutation(1, 1)]).toEqual([[], [0]]);
});

test("every order of three comes about equally often", () => {
  const counts = new Map<string, number>();
  for (let key = 0; key < 6000; key++) {
    const order = permutation(3, key).join("");
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  expect(counts.size).toBe(6);
  for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(130);
});
