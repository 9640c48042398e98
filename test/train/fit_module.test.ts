// The module that a student's run fits for itself: begun, stopped, continued, used again, replaced.
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Teacher } from "../../src/teacher/teacher.ts";
import type { TrainConfig } from "../../src/train/config.ts";
import { openRunTeacher } from "../../src/train/source.ts";
import { moduleConfig } from "../../src/train/teacher/fit.ts";
import {
  fitModule,
  FitInterruptedError,
  type ModuleRun,
} from "../../src/train/teacher/fit_module.ts";
import { gpu } from "../support/gpu.ts";
import { tinyConfig, tinySource, tinyTeacher } from "./tiny.ts";

const source = tinySource("train");
const config = tinyConfig({ data: "rig", steps: 4 });
let root = "";
const at = (name: string): string => join(root, name);
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "ringdepth-module-"));
});
afterAll(() => rmSync(root, { recursive: true }));

async function fit(name: string, more: Partial<ModuleRun> = {}): Promise<number[]> {
  const steps: number[] = [];
  const onStep: ModuleRun["onStep"] = ({ step }) => void steps.push(step);
  await fitModule({ gpu, config, source, base: tinyTeacher, out: at(name), onStep, ...more });
  return steps;
}

test("takes half of the student's steps, and the same module serves every row", () => {
  expect(moduleConfig(config).steps).toBe(2);
  expect(moduleConfig(tinyConfig({ teacher: { fit_steps: 7 } })).steps).toBe(7);
  const rows: Record<string, unknown>[] = [
    { loss: { ckd: false, relation_grid: [2, 4] } },
    { loss: { weights: { kl: 9 } }, optimizer: { learning_rate: 1 } },
    { teacher: { kind: "fitted", cache: "x" }, student: "resnet18" },
  ];
  for (const row of rows) {
    const other = tinyConfig({ data: "rig", steps: 4, ...row });
    expect(moduleConfig(other)).toEqual(moduleConfig(config));
  }
  for (const other of [{ seed: 1 }, { lidar: { share: 0.5 } }, { rig: { beams: 4 } }]) {
    const row = tinyConfig({ data: "rig", steps: 4, ...other });
    expect(moduleConfig(row)).not.toEqual(moduleConfig(config));
  }
});

test("is finished once, used again, and replaced when its configuration changes", async () => {
  expect(await fit("a")).toEqual([1, 2]);
  const file = at("a/teacher.safetensors");
  const [bytes, { mtimeMs }] = [readFileSync(file), statSync(file)];
  expect(await fit("a")).toEqual([]);
  expect(statSync(file).mtimeMs).toBe(mtimeMs);
  expect(await fit("a", { config: { ...config, seed: 1 } })).toEqual([1, 2]);
  expect(readFileSync(file).equals(bytes)).toBe(false);
});

test("stopped by a signal, the same call continues it to the same bytes", async () => {
  const controller = new AbortController();
  const stop: ModuleRun["onStep"] = () => controller.abort();
  const longer = tinyConfig({ data: "rig", steps: 10 });
  const stopped = fit("b", { config: longer, signal: controller.signal, onStep: stop });
  const error = await stopped.catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(FitInterruptedError);
  const { done, message } = error as FitInterruptedError;
  expect(message).toBe(`stopped after step ${done} of 5 of the teacher's module`);
  const rest = await fit("b", { config: longer });
  expect(rest[0]).toBe(done + 1);
  expect(rest.at(-1)).toBe(5);
  await fit("c", { config: longer });
  const bytes = (name: string): Buffer => readFileSync(at(`${name}/teacher.safetensors`));
  expect(bytes("b").equals(bytes("c"))).toBe(true);
});

test("a run without teacher.module fits one, and a step to measure takes an untrained one", async () => {
  const asked: string[] = [];
  const module = async (base: Teacher): Promise<string> => {
    asked.push(base.name);
    return await fitModule({ gpu, config, source, base, out: at("d") });
  };
  const open = async (how: typeof module | "untrained", of: TrainConfig): Promise<Teacher | null> =>
    await openRunTeacher(of, { gpu: () => gpu, source, module: how });
  const taught = await open(module, config);
  const untrained = await open("untrained", config);
  expect(asked).toHaveLength(1);
  expect(taught?.name).toMatch(/^fitted on /);
  expect(untrained?.parts).toEqual(taught?.parts);
  const sample = await source.sample(0, config.size);
  const half = { height: config.size.height / 2, width: config.size.width / 2 };
  const [a, b] = [await taught!.maps(sample, half), await untrained!.maps(sample, half)];
  expect(Object.keys(a)).toEqual(Object.keys(b));
  expect(a.pi).not.toEqual(b.pi);
  for (const teacher of [taught, untrained]) teacher?.close?.();
});
