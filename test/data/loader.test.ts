// The loader: the order of samples follows from the step, bad samples stop or are counted.
import { expect, test } from "vitest";
import { builtinRig } from "../../src/data/builtin_rig.ts";
import type { DataSource } from "../../src/data/data_source.ts";
import { loader } from "../../src/data/loader.ts";
import { placeOf } from "../../src/data/order.ts";
import type { RigSample } from "../../src/data/rig_sample.ts";
import { cached } from "../../src/data/sample_cache.ts";
import { InputError } from "../../src/tensor/error.ts";

const SIZE = { height: 32, width: 32 };
const RIG = cached(builtinRig({ split: "train", seed: 0, moments: 4 }));
const OPTIONS = { seed: 7, size: SIZE, augment: true, badSamples: "stop" } as const;

async function collect(samples: AsyncIterable<RigSample>): Promise<RigSample[]> {
  const list: RigSample[] = [];
  for await (const sample of samples) list.push(sample);
  return list;
}

/** The rig with some samples that cannot be read. */
function withBad(...bad: number[]): DataSource {
  const sample: DataSource["sample"] = async (index, size) => {
    if (bad.includes(index)) throw new InputError(`image ${index} is cut short`);
    return RIG.sample(index, size);
  };
  return { ...RIG, sample };
}

test("every epoch visits every sample once, in an order of its own", () => {
  const orders = [0, 1, 2, 3].map((epoch) => {
    const steps = Array.from({ length: 20 }, (_, i) => placeOf(epoch * 20 + i, 20, 1));
    expect(steps.every((place) => place.epoch === epoch)).toBe(true);
    return steps.map(({ order, position }) => order[position]);
  });
  for (const order of orders) expect(new Set(order).size).toBe(20);
  expect(new Set(orders.map((order) => order.join())).size).toBe(4);
});

test("a step gives the same batch whether or not others came before it", async () => {
  const straight = loader(RIG, OPTIONS);
  for (let step = 0; step < 6; step++) await straight.step(step);
  expect(await loader(RIG, OPTIONS).step(6)).toEqual(await straight.step(6));
});

test("a bad sample stops a loader that may not skip", async () => {
  const strict = loader(withBad(2), OPTIONS);
  await expect(collect(strict.all())).rejects.toThrow("image 2 is cut short");
});

test("a bad sample is left out, reported once and counted", async () => {
  const messages: string[] = [];
  const onSkip = (message: string): number => messages.push(message);
  const skipping = loader(withBad(2), { ...OPTIONS, badSamples: "skip", onSkip });
  const ids = new Set<string>();
  for (let step = 0; step < 8; step++) ids.add((await skipping.step(step)).sample.id);
  expect(ids.size).toBe(3);
  expect(ids).not.toContain("rig/0/train/2");
  expect(await collect(skipping.all())).toHaveLength(3);
  expect(messages).toEqual(["sample 2 left out: image 2 is cut short"]);
  expect(skipping.skipped).toBe(1);
});

test("a source of which nothing can be read is an error", async () => {
  const skipping = loader(withBad(0, 1, 2, 3), { ...OPTIONS, badSamples: "skip" });
  await expect(skipping.step(0)).rejects.toThrow(/none of the 4 train samples can be read/);
});

test("only bad input is skipped", async () => {
  const broken: DataSource = { ...RIG, sample: () => Promise.reject(new TypeError("a bug")) };
  await expect(loader(broken, { ...OPTIONS, badSamples: "skip" }).step(0)).rejects.toThrow("a bug");
});

test("a cached sample is the same object, until the cache is full", async () => {
  expect(await RIG.sample(0, SIZE)).toBe(await RIG.sample(0, SIZE));
  const small = cached(RIG, 1000);
  const counted = cached(builtinRig({ split: "train", seed: 0, moments: 1 }), 1000);
  expect(await counted.sample(0, SIZE)).not.toBe(await counted.sample(0, SIZE));
  expect(small.count).toBe(4);
});
