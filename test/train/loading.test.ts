// Moments loaded ahead in threads: the same bits, the same errors, and a run that survives a thread.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loader } from "../../src/data/loader.ts";
import { InputError } from "../../src/tensor/error.ts";
import { resolveConfig, type TrainConfig } from "../../src/train/config.ts";
import {
  momentLoading,
  threadCount,
  type MomentLoading,
} from "../../src/train/loading/moment_loading.ts";
import { openRunTeacher, openSource } from "../../src/train/source.ts";
import { fitConfig, fitPrefetch } from "../../src/train/teacher/fit.ts";
import { writeFolder } from "../cli/folder_fixture.ts";

let root = "";
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "ringdepth-loading-"));
  await writeFolder(join(root, "data"), true);
});
afterAll(() => rmSync(root, { recursive: true }));

/** Waits until all threads of a run load moments. */
async function started(loading: MomentLoading, count: number): Promise<void> {
  while (loading.threads() < count) await setTimeout(20);
}

const RIG = {
  teacher: { kind: "builtin" },
  size: { height: 32, width: 64 },
  rig: { train_moments: 3, held_out_moments: 1 },
  steps: 6,
  workers: 1,
};

async function opened(
  config: TrainConfig,
  onMessage: (message: string) => void,
  withTeacher = true,
): Promise<readonly [threads: MomentLoading, here: MomentLoading]> {
  const source = await openSource(config, "train");
  const noGpu = (): never => expect.fail("no device is needed");
  const teacher = await openRunTeacher(config, { gpu: noGpu, source, module: "base" });
  const { seed, size, bad_samples: badSamples } = config;
  const samples = loader(source, { seed, size, augment: true, badSamples });
  const input = { source, teacher, config, samples, onSkip: onMessage, onMessage };
  return [await momentLoading(input, { withTeacher }, 0), await momentLoading(input, null, 0)];
}

const SLOW_MS = 300_000;

test(
  "a thread gives the same bits as the run itself, with or without the teacher's maps",
  async () => {
    const config = resolveConfig(RIG, "test");
    const fit = fitConfig(resolveConfig({ ...RIG, teacher: { base: "builtin" } }, "test"));
    expect(fitPrefetch(fit)).toEqual({ withTeacher: true });
    for (const [chosen, withTeacher] of [
      [config, true],
      [config, false],
      [fit, true],
    ] as const) {
      const workers = withTeacher ? 2 : 1;
      const own = { ...chosen, workers };
      const [threads, here] = await opened(own, (text) => expect.fail(text), withTeacher);
      // The first moment does not wait for them.
      expect(threads.threads()).toBe(0);
      expect(await threads.load(0)).toEqual(await here.load(0));
      await started(threads, workers);
      try {
        for (const moment of [1, 2, 3, 5, 2]) {
          const inputs = await threads.load(moment);
          expect(Object.keys(inputs)).toContain("teacher");
          expect(inputs).toEqual(await here.load(moment));
        }
      } finally {
        await threads.close();
      }
    }
  },
  SLOW_MS,
);

test(
  "broken samples are reported once and counted, or end the run with the same error",
  async () => {
    const broken = join(root, "data", "images", "m0", "front.jpg");
    writeFileSync(broken, "no picture");
    const data = { ...RIG, data: `folder:${join(root, "data")}`, teacher: { kind: "none" } };
    const messages: string[] = [];
    const skip = resolveConfig({ ...data, bad_samples: "skip" }, "test");
    const [threads, here] = await opened(skip, (text) => messages.push(text));
    await started(threads, 1);
    for (let moment = 0; moment < 4; moment++) {
      expect(await threads.load(moment)).toEqual(await here.load(moment));
    }

    await threads.close();
    expect(new Set(messages).size).toBe(1);
    expect(messages[0]).toMatch(/^sample \d+ left out: .*front\.jpg/);
    const stop = resolveConfig({ ...data, bad_samples: "stop" }, "test");
    const [stopped] = await opened(stop, () => undefined);
    await started(stopped, 1);
    const found = await Promise.all(
      [0, 1].map(async (moment) => await stopped.load(moment).catch((error: unknown) => error)),
    );
    await stopped.close();
    const error = found.find((one) => one instanceof InputError);
    expect((error as InputError).message).toContain("front.jpg");
  },
  SLOW_MS,
);

test(
  "data that a thread cannot open is loaded by the run",
  async () => {
    const config = resolveConfig(RIG, "test");
    const source = await openSource(config, "train");
    const samples = loader(source, {
      seed: 0,
      size: config.size,
      augment: true,
      badSamples: "stop",
    });
    const messages: string[] = [];
    const lost = { ...config, data: `folder:${join(root, "moved")}` };
    const onMessage = (text: string): void => void messages.push(text);
    const input = { source, teacher: null, samples, onSkip: onMessage, onMessage };
    const threads = await momentLoading({ ...input, config: lost }, { withTeacher: false }, 0);
    const here = await momentLoading({ ...input, config }, null, 0);
    expect(await threads.load(0)).toEqual(await here.load(0));
    while (messages.length < 1) await setTimeout(20);
    expect(await threads.load(3)).toEqual(await here.load(3));
    await threads.close();
    expect(messages[0]).toMatch(
      /^a loading thread ended .*; the run loads in its own thread instead$/,
    );
  },
  SLOW_MS,
);

test(
  "threads load before the run asks, and leave it the samples that it has in memory",
  async () => {
    const config = resolveConfig({ ...RIG, teacher: { kind: "none" } }, "test");
    const source = await openSource(config, "train");
    const options = { seed: 0, size: config.size, augment: true, badSamples: "stop" } as const;
    const plain = loader(source, options);
    const here: number[] = [];
    const step: typeof plain.step = async (moment) => {
      here.push(moment);
      return await plain.step(moment);
    };
    const fail = (text: string): never => expect.fail(text);
    const samples = { ...plain, step };
    const input = { source, teacher: null, config, samples, onSkip: fail, onMessage: fail };
    const threads = await momentLoading(input, { withTeacher: false }, 0);
    try {
      await started(threads, 1);
      // Two per thread.
      expect(threads.ahead()).toBe(2);
      expect(here).toEqual([]);
      await source.sample(0, config.size);
      for (let moment = 0; moment < 6; moment++) await threads.load(moment);
      // Three samples twice; the threads may have been asked for one of the run before it had it.
      expect(here.length).toBeGreaterThan(0);
      expect(here.length).toBeLessThan(3);
    } finally {
      await threads.close();
    }
  },
  SLOW_MS,
);

test("short runs have no threads, unless they are asked for", () => {
  const of = (more: object): number => threadCount(resolveConfig(more, "test"), 0);
  expect(of({ steps: 20 })).toBe(0);
  expect(of({ steps: 600 })).toBeGreaterThan(0);
  expect(of({ steps: 20, accumulate: 8 })).toBeGreaterThan(0);
  expect(of({ steps: 20, workers: 3 })).toBe(3);
  expect(of({ steps: 600, workers: 0 })).toBe(0);
  expect(threadCount(resolveConfig({ steps: 600 }, "test"), 590)).toBe(0);
});
