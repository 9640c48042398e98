// LiDAR on a share of the training moments: which keep it, what the others have, and which of the
// two sets a step trains on.
import { expect, test } from "vitest";
import type { DataSource } from "../../src/data/data_source.ts";
import { labelledMoments, withLidarShare } from "../../src/data/lidar_share.ts";
import { loader } from "../../src/data/loader.ts";
import { identityKey } from "../../src/data/moment_identity.ts";
import { isLabelledStep, placeOf } from "../../src/data/order.ts";
import { InputError } from "../../src/tensor/error.ts";
import { tinySource } from "../train/tiny.ts";

const SIZE = { height: 32, width: 32 };
const KEYS = Array.from({ length: 160 }, (_, index) => identityKey(`moment ${index}`));
const TINY = tinySource("train");

test("the moments of a smaller share are among those of a larger one", () => {
  let before: number[] = [];
  for (const [share, count] of [
    [1e-9, 1],
    [0.1, 16],
    [0.25, 40],
    [0.5, 80],
    [1, 160],
  ]) {
    const kept = labelledMoments(KEYS, { share, seed: 3 });
    expect(kept).toHaveLength(count);
    expect(before.every((index) => kept.includes(index))).toBe(true);
    before = kept;
  }
  const quarter = { share: 0.25, seed: 3 };
  expect(labelledMoments(KEYS, quarter)).not.toEqual(
    labelledMoments(KEYS, { ...quarter, seed: 4 }),
  );
});

test("the choice goes with a moment's id, not with its place", () => {
  const choice = { share: 0.1, seed: 0 };
  const kept = labelledMoments(KEYS, choice).map((index) => KEYS[index]);
  const reversed = KEYS.toReversed();
  const again = labelledMoments(reversed, choice).map((index) => reversed[index]);
  expect(again.toSorted()).toEqual(kept.toSorted());
});

test("a moment that cannot be read keeps no LiDAR", () => {
  const [first] = labelledMoments(KEYS, { share: 1e-9, seed: 0 });
  const keys = KEYS.map((key, index) => (index === first ? null : key));
  expect(labelledMoments(keys, { share: 1e-9, seed: 0 })).not.toContain(first);
  expect(labelledMoments(keys, { share: 1, seed: 0 })).toHaveLength(159);
});

test("the others keep images and truth, and have no depth to learn from", async () => {
  const source = await withLidarShare(TINY, { share: 0.5, seed: 0 });
  expect(source.describe()).toBe("tiny, LiDAR on 2 of 4 moments");
  for (let index = 0; index < source.count; index++) {
    const [whole, sample] = [await TINY.sample(index, SIZE), await source.sample(index, SIZE)];
    const { sparse_depth_m, ...rest } = sample;
    expect(whole).toMatchObject(rest);
    const isLabelled = source.labelled!.includes(index);
    expect(sparse_depth_m.some((depth_m) => depth_m > 0)).toBe(isLabelled);
    if (isLabelled) expect(sample).toEqual(whole);
  }
  expect(await withLidarShare(TINY, { share: 1, seed: 0 })).toBe(TINY);
});

test.each([0.1, 0.3, 0.5, 0.9, 1])("a share %d of the steps has LiDAR, spread evenly", (steps) => {
  const labels = { labelled: [2, 5, 11], steps };
  let count = 0;
  for (let step = 0; step < 1000; step++) {
    const { order, position } = placeOf(step, 12, 1, labels);
    const isLabelled = isLabelledStep(step, 12, labels);
    expect(labels.labelled.includes(order[position])).toBe(isLabelled);
    if (isLabelled) count++;
    expect(Math.abs(count - (step + 1) * steps)).toBeLessThanOrEqual(1);
  }
  expect(isLabelledStep(0, 12, labels)).toBe(true);
});

test("each set has epochs of its own, in which every sample comes once", () => {
  const labels = { labelled: [2, 5, 11], steps: 0.25 };
  const steps = Array.from({ length: 48 }, (_, step) => placeOf(step, 12, 1, labels));
  const indices = steps.map(({ order, position }) => order[position]);
  for (const [members, times] of [
    [labels.labelled, 12],
    [[0, 1, 3, 4, 6, 7, 8, 9, 10], 36],
  ] satisfies [number[], number][]) {
    const own = indices.filter((index) => members.includes(index));
    expect(own).toHaveLength(times);
    for (let first = 0; first < times; first += members.length) {
      const epoch = own.slice(first, first + members.length).toSorted((a, b) => a - b);
      expect(epoch).toEqual([...members]);
    }
  }
});

test("with LiDAR everywhere the order is that of a source without shares", () => {
  const labels = { labelled: [0, 1, 2, 3], steps: 0.5 };
  for (let step = 0; step < 12; step++) {
    expect(placeOf(step, 4, 7, labels)).toEqual(placeOf(step, 4, 7));
  }
});

test("broken samples: one with LiDAR for one without, an error where none with LiDAR is left", async () => {
  const shared = await withLidarShare(TINY, { share: 0.5, seed: 0 });
  const labelled = shared.labelled!;
  const without = (isGone: (index: number) => boolean): DataSource => ({
    ...shared,
    sample: async (index, size) => {
      if (isGone(index)) throw new InputError("cut short");
      return await shared.sample(index, size);
    },
  });
  const options = {
    seed: 0,
    size: SIZE,
    augment: false,
    badSamples: "skip",
    labelledSteps: 0.5,
  } as const;
  const full = loader(
    without((index) => !labelled.includes(index)),
    options,
  );
  expect([full.isLabelled(0), full.isLabelled(1)]).toEqual([true, false]);
  for (let step = 0; step < 4; step++) {
    expect((await full.step(step)).batch.valid).toContain(1);
  }
  const bare = loader(
    without((index) => labelled.includes(index)),
    options,
  );
  await expect(bare.step(0)).rejects.toThrow("none of the 2 samples with LiDAR can be read");
});
