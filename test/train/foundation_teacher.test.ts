// A foundation model as teacher: in this process and through a folder the same bits, in metres too, and
// as the base of other teachers.
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { checkedMaps } from "../../src/teacher/checked_teacher.ts";
import type { Teacher } from "../../src/teacher/teacher.ts";
import type { TrainConfig } from "../../src/train/config.ts";
import { openBaseTeacher, openRunTeacher, openSource } from "../../src/train/source.ts";
import { runFoundation } from "../../src/train/teacher/foundation_run.ts";
import { gpu } from "../support/gpu.ts";
import { TINY } from "../teacher/foundation/fixture.ts";
import { tinyConfig } from "./tiny.ts";

const root = mkdtempSync(join(tmpdir(), "ringdepth-foundation-"));
afterAll(() => rmSync(root, { recursive: true }));
const size = { height: 16, width: 32 };

function withTeacher(teacher: Partial<TrainConfig["teacher"]>): TrainConfig {
  const config = tinyConfig({
    size: { height: 32, width: 64 },
    rig: { train_moments: 1, held_out_moments: 1, body: "car" },
  });
  return { ...config, teacher: { ...config.teacher, side: 28, ...teacher } };
}

async function opened(config: TrainConfig): Promise<Teacher> {
  const source = await openSource(config, "train");
  return (await openRunTeacher(config, { gpu: () => gpu, source }))!;
}

test("maps of this process and of a folder have the same bits", async () => {
  const own = withTeacher({ kind: "foundation", weights: TINY });
  const out = join(root, "maps");
  const sources = [await openSource(own, "train"), await openSource(own, "held-out")];
  await runFoundation({
    choice: { weights: TINY, preparation: "auto", side_px: 28 },
    sources,
    out,
    tokens: null,
    maySkip: false,
    gpu: async () => await Promise.resolve(gpu),
    onStart: () => undefined,
    onMoment: () => undefined,
    onMessage: () => undefined,
  });
  const [here, folder] = [
    await opened(own),
    await opened(withTeacher({ kind: "files", path: out })),
  ];
  expect(here.name).toBe(folder.name);
  for (const source of sources) {
    const sample = await source.sample(0, own.size);
    const maps = await checkedMaps(here, sample, size, 8);
    expect(maps).toEqual(await checkedMaps(folder, sample, size, 8));
    expect(new Set(maps.index).size).toBeGreaterThan(100);
  }
  here.close?.();
});

test("a metric network gives metres, and relative depth as a base", async () => {
  const metric = join(root, "metric");
  mkdirSync(metric);
  copyFileSync(join(TINY, "model.safetensors"), join(metric, "model.safetensors"));
  const told = JSON.parse(readFileSync(join(TINY, "config.json"), "utf8")) as object;
  const more = { ...told, depth_estimation_type: "metric", max_depth: 20 };
  writeFileSync(join(metric, "config.json"), JSON.stringify(more));
  const config = withTeacher({ kind: "foundation", base: "foundation", weights: metric });
  const teacher = await opened(config);
  expect(teacher.name).toBe("Depth Anything of 4 blocks, 24 wide, metric to 20 m");
  expect(teacher.parts).toMatchObject({ index: true, depth_m: true });
  const source = await openSource(config, "train");
  const sample = await source.sample(0, config.size);
  const { depth_m, index } = await checkedMaps(teacher, sample, size, 8);
  expect(depth_m!.every((depth) => depth > 0 && depth <= 20)).toBe(true);
  expect(new Set(index).size).toBeGreaterThan(100);
  const aligned = await opened({ ...config, teacher: { ...config.teacher, kind: "aligned" } });
  expect(aligned.name).toBe(`aligned to LiDAR: ${teacher.name}`);
  const base = await openBaseTeacher(config, { gpu: () => gpu, source });
  expect(base.name).toBe(teacher.name);
  expect(base.identity).toBeDefined();
  for (const one of [teacher, aligned, base]) one.close?.();
});

test("a foundation teacher without weights says what to give", async () => {
  await expect(opened(withTeacher({ kind: "foundation" }))).rejects.toThrow("give teacher.weights");
  const moved = withTeacher({ weights: join(root, "gone") });
  await expect(opened(moved)).rejects.toThrow("gone: cannot read the weights");
});
