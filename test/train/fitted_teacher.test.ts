// A teacher fitted on a tiny rig: what its run leaves behind, what it gives, and what is refused.
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeBatch } from "../../src/data/batch.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { runOnCpu } from "../../src/graph/cpu.ts";
import { initialStore } from "../../src/graph/cpu_store.ts";
import { checkedMaps } from "../../src/teacher/checked_teacher.ts";
import { INDEX_ONLY, type Teacher, type TeacherMaps } from "../../src/teacher/teacher.ts";
import { outputSize } from "../../src/train/network.ts";
import { openRunTeacher } from "../../src/train/source.ts";
import { readModule, readStudent } from "../../src/train/student_file.ts";
import { fitConfig, fitTarget } from "../../src/train/teacher/fit.ts";
import { fittedTeacher, type FittedOptions } from "../../src/train/teacher/fitted_teacher.ts";
import { moduleNetwork } from "../../src/train/teacher/module_network.ts";
import { train, type TrainedRun, type TrainingRun } from "../../src/train/trainer.ts";
import { gpu } from "../support/gpu.ts";
import { indexOf } from "../support/teacher_index.ts";
import { tinyConfig, tinySource, tinyTeacher } from "./tiny.ts";

const config = fitConfig(tinyConfig({ steps: 2, checkpoint_every: 1 }));
const source = tinySource("train");
const [BINS, HALF] = [config.head.bins, outputSize(config.size)];
const PLANE = HALF.height * HALF.width;
let root = "";
const at = (name: string): string => join(root, name);

async function fit(name: string, more: Partial<TrainingRun> = {}): Promise<TrainedRun> {
  const target = fitTarget(tinyTeacher);
  const common = { gpu, config, source, teacher: tinyTeacher, target, resume: false };
  return await train({ ...common, out: at(name), ...more });
}

const options: FittedOptions = { gpu: () => gpu, base: tinyTeacher, source, bins: BINS };
const fitted = async (more: Partial<FittedOptions> = {}): Promise<Teacher> =>
  await fittedTeacher(at("fit"), { ...options, ...more });
const mapsOf = async (teacher: Teacher): Promise<TeacherMaps> =>
  await checkedMaps(teacher, await source.sample(0, config.size), HALF, BINS);

/** The maps of the teacher of the run `fit`. */
let maps: TeacherMaps = {};
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "ringdepth-fitted-"));
  await (await fit("fit")).close();
  maps = await mapsOf(await fitted());
}, 60_000);
afterAll(() => rmSync(root, { recursive: true }));

describe("the run of a fit", () => {
  test("writes a module instead of a student, and says on what it was fitted", async () => {
    expect(existsSync(at("fit/student.safetensors"))).toBe(false);
    const { metadata, origin, steps } = await readModule(at("fit"));
    expect(metadata["base"]).toBe(tinyTeacher.name);
    expect(origin.moments).toHaveLength(source.count);
    expect(steps).toBe(2);
  });

  test("stopped and resumed gives the same bytes as unbroken", async () => {
    const controller = new AbortController();
    const stopped = await fit("stopped", {
      signal: controller.signal,
      onStep: ({ step }) => {
        if (step === 1) controller.abort();
      },
    });
    await stopped.close();
    expect(existsSync(at("stopped/teacher.safetensors"))).toBe(false);
    await (await fit("stopped", { resume: true })).close();
    const bytes = (name: string): Buffer => readFileSync(at(`${name}/teacher.safetensors`));
    expect(bytes("stopped").equals(bytes("fit"))).toBe(true);
  });

  test("is not begun twice in one folder", async () => {
    await expect(fit("fit")).rejects.toThrow("holds a run already");
  });

  test("needs a head with pi and t, and a base with relative depth", async () => {
    const plain = { ...config, head: { ...config.head, kind: "softmax_bins" as const } };
    await expect(fit("softmax", { config: plain })).rejects.toThrow(/needs metric_bins/);
    const metric = { ...INDEX_ONLY, index: false, depth_m: true };
    const base = { ...tinyTeacher, parts: metric };
    await expect(fit("metric", { teacher: base })).rejects.toThrow(/gives relative depth/);
  });
});

describe("a fitted teacher", () => {
  test("gives what the module gives on the CPU in f64", async () => {
    const module = await readModule(at("fit"));
    const sample = await source.sample(0, config.size);
    const { depth_max_m, origin, load } = module;
    const views = sample.cameras.length;
    const { g, request } = moduleNetwork(config, { views, size: config.size, depth_max_m });
    const store = initialStore(g, 0);
    load(store);
    const { images, focal_scale } = makeBatch(sample, origin.scale, null);
    const index = await indexOf(tinyTeacher, sample, HALF);
    const want = runOnCpu(g, request, store, { images, focal_scale, teacher: index });
    for (const [name, values] of Object.entries(want)) {
      const got = maps[name as keyof TeacherMaps]!;
      const scale = values.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
      const worst = values.reduce((most, v, i) => Math.max(most, Math.abs(v - got[i])), 0);
      expect(worst / scale, name).toBeLessThan(1e-4);
    }
  });

  test("has metres that are its probabilities at its centres, which ascend", async () => {
    const { pi, t, centers, depth_m } = maps as Required<TeacherMaps>;
    const sample = await source.sample(0, config.size);
    for (const pixel of [0, PLANE - 1, 2 * PLANE + 17]) {
      const own = centers.subarray(pixel * BINS, (pixel + 1) * BINS);
      expect(own).toEqual(own.toSorted());
      const logs = Array.from({ length: BINS }, (_, k) => {
        let choose = 0;
        for (let i = 1; i <= k; i++) choose += Math.log((BINS - i) / i);
        return { choose, y: k * Math.log(pi[pixel]) + (BINS - 1 - k) * Math.log(1 - pi[pixel]) };
      });
      const z = logs.map(({ choose, y }) => (choose + y) / t[pixel]);
      const most = Math.max(...z);
      const weights = z.map((value) => Math.exp(value - most));
      const sum = weights.reduce((a, b) => a + b, 0);
      const mean = weights.reduce((total, w, k) => total + (w / sum) * own[k], 0);
      const { fx, width } = sample.cameras[Math.floor(pixel / PLANE)];
      const metres = mean * 80 * (fx / width / (source.focalReference_px / 640));
      // Stirling's formula in the head: a few parts in a hundred for 16 bins.
      expect(Math.abs(depth_m[pixel] / metres - 1)).toBeLessThan(0.05);
    }
  });

  test("gives centres in the units of the student's data, and the same metres", async () => {
    const other = { protocol: { ...source.protocol, cap_m: 40 }, focalReference_px: 1000 };
    const found = await mapsOf(await fitted({ source: other }));
    // Twice as many of half as many metres, and a focal scale half as large.
    expect(found.centers).toEqual(maps.centers!.map((center) => 4 * center));
    expect(found.depth_m).toEqual(maps.depth_m);
  });

  test("gives several moments that are asked for at once", async () => {
    const teacher = await fitted();
    const samples = await Promise.all([0, 1, 2, 3].map((i) => source.sample(i, config.size)));
    const ask = async (i: number): Promise<TeacherMaps> => await teacher.maps(samples[i], HALF);
    const together = await Promise.all(samples.map((_, i) => ask(i)));
    for (const [i, one] of together.entries()) expect(one).toEqual(await ask(i));
    expect(together[1]).not.toEqual(together[0]);
  });

  test("depends on the map of its base", async () => {
    const base: Teacher = {
      ...tinyTeacher,
      maps: async (...asked) => ({
        index: (await indexOf(tinyTeacher, ...asked)).map((place) => 1 - place),
      }),
    };
    expect((await mapsOf(await fitted({ base }))).pi).not.toEqual(maps.pi);
  });

  test("continues on another device", async () => {
    let current: Gpu = gpu;
    const teacher = await fitted({ gpu: () => current });
    expect(await mapsOf(teacher)).toEqual(maps);
    current = Object.create(gpu) as Gpu;
    expect(await mapsOf(teacher)).toEqual(maps);
    teacher.close?.();
  });

  test("teaches a student, which resumes to the same bytes, but not with another module", async () => {
    const taught = tinyConfig({
      steps: 2,
      checkpoint_every: 1,
      teacher: { kind: "fitted", module: at("fit"), base: "builtin", cache: at("cache") },
    });
    const run = async (out: string, more: Partial<TrainingRun> = {}): Promise<void> => {
      const teacher = await openRunTeacher({ ...taught, data: "rig" }, { gpu: () => gpu, source });
      const own = { gpu, config: taught, source, teacher, out: at(out), resume: false };
      await (await train({ ...own, ...more })).close();
    };
    await run("taught");
    const stop = new AbortController();
    await run("resumed", { signal: stop.signal, onStep: () => stop.abort() });
    const other = { ...(await fitted()), module: "another" };
    await expect(run("resumed", { resume: true, teacher: other })).rejects.toThrow(
      /step-1\.safetensors: its run learnt from another module than .*fit/,
    );
    await run("resumed", { resume: true });
    const bytes = (name: string): Buffer => readFileSync(at(`${name}/student.safetensors`));
    expect(bytes("resumed").equals(bytes("taught"))).toBe(true);
  });
});

describe("a file that is no module of this run is refused:", () => {
  test.each<[string, Partial<FittedOptions>, string]>([
    [
      "fitted on another base",
      { base: { ...tinyTeacher, name: "other" } },
      "was fitted on the maps",
    ],
    ["another number of bins", { bins: 64 }, "has 16 bins, but the student has 64; set head.bins"],
  ])("%s", async (_, more, message) => {
    await expect(fitted(more)).rejects.toThrow(message);
  });

  test("a damaged one, by name", async () => {
    const bytes = readFileSync(at("fit/teacher.safetensors"));
    bytes[bytes.length - 3] ^= 1;
    writeFileSync(at("damaged.safetensors"), bytes);
    await expect(fittedTeacher(at("damaged.safetensors"), options)).rejects.toThrow(
      /damaged\.safetensors: it is damaged/,
    );
  });

  test("a student or a checkpoint, and a module is no student", async () => {
    const checkpoint = at("fit/checkpoints/step-2.safetensors");
    await expect(fittedTeacher(checkpoint, options)).rejects.toThrow(/ringdepth teacher fit/);
    copyFileSync(at("fit/teacher.safetensors"), at("mine.safetensors"));
    for (const path of [at("mine.safetensors"), at("fit")]) {
      await expect(readStudent(path)).rejects.toThrow(/not a student; give it as teacher.module/);
    }
  });

  test("none at all: the command that makes one is named", async () => {
    const lacking = tinyConfig({ data: "rig", teacher: { kind: "fitted" } });
    await expect(openRunTeacher(lacking, { gpu: () => gpu, source })).rejects.toThrow(
      /give teacher.module, the file that this writes: ringdepth teacher fit --data rig/,
    );
    const homeless = tinyConfig({ data: "ddad:x", teacher: { kind: "fitted", module: "m" } });
    await expect(openRunTeacher(homeless, { gpu: () => gpu, source })).rejects.toThrow(
      /needs a base: set teacher.path/,
    );
  });
});
