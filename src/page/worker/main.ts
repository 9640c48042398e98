// The page's worker: all work on the GPU and all rendering of streets, so that the page stays
// responsive. It begins with prediction; training and the lab of kernels are loaded with their views.
import { hasTimestamps } from "../../gpu/timestamps.ts";
import type { Gpu } from "../../gpu/device.ts";
import { openPageGpu } from "../../gpu/page_device.ts";
import type { AdapterReport, Ask, News, Questions, Told } from "../messages.ts";
import type { KernelLab } from "./kernel_lab.ts";
import { predictedViews } from "./prediction.ts";
import { loadShaders } from "./shaders.ts";
import type { Trainer } from "./trainer.ts";

/** The part of a worker's global scope that this file uses. */
interface Scope {
  readonly postMessage: (message: Told) => void;
  readonly addEventListener: (
    type: "message",
    listener: (event: MessageEvent<Ask>) => void,
  ) => void;
}

type Answers = {
  readonly [Name in keyof Questions]: (
    ask: Questions[Name]["ask"],
  ) => Promise<Questions[Name]["answer"]>;
};

const scope = globalThis as unknown as Scope;

function tell<Name extends keyof News>(news: Name, value: News[Name]): void {
  scope.postMessage({ news, value });
}

let opening: Promise<Gpu> | null = null;
let lab: Promise<KernelLab> | null = null;
let training: Promise<Trainer> | null = null;

/** The device, opened once; a lost one is replaced at the next question. */
async function device(): Promise<Gpu> {
  opening ??= (async () => {
    const gpu = await openPageGpu();
    await loadShaders(gpu.facts);
    void gpu.lost.then(() => {
      opening = null;
      lab = null;
    });
    return gpu;
  })();
  try {
    return await opening;
  } catch (error) {
    opening = null;
    throw error;
  }
}

async function openLab(): Promise<KernelLab> {
  const gpu = await device();
  lab ??= import("./kernel_lab.ts").then(async ({ kernelLab }) => await kernelLab(gpu));
  return await lab;
}

async function openTrainer(): Promise<Trainer> {
  training ??= import("./trainer.ts").then(({ trainer }) => trainer(device, tell));
  return await training;
}

function reportOf(gpu: Gpu): AdapterReport {
  const { facts } = gpu;
  const { name, vendor, architecture, software, features } = facts;
  return {
    name: name === "" ? [vendor, architecture].filter((text) => text !== "").join(" ") : name,
    software,
    has_timestamps: hasTimestamps(gpu),
    has_subgroups: features.has("subgroups"),
    has_f16: features.has("shader-f16"),
  };
}

const answers: Answers = {
  open: async () => reportOf(await device()),
  train: async (choice) => await (await openTrainer()).train(choice),
  pause: async (isPaused) => (await openTrainer()).pause(isPaused),
  stop: async () => (await openTrainer()).stop(),
  student: async () => await (await openTrainer()).student(),
  predict: async ({ moment, student }) => {
    const gpu = await device();
    const current = training === null ? null : (await training).current();
    return await predictedViews(gpu, moment, student, current);
  },
  kernels: async () => (await openLab()).entries,
  source: async (name) => (await openLab()).source(name),
  kernel: async ({ name, case: problem, code }) =>
    await (await openLab()).run(name, problem, code, (line) => tell("progress", line)),
};

async function answer({ id, name, value }: Ask): Promise<void> {
  try {
    const work = answers[name] as (ask: unknown) => Promise<unknown>;
    scope.postMessage({ id, value: await work(value) });
  } catch (error) {
    scope.postMessage({ id, error: error instanceof Error ? error.message : String(error) });
  }
}

scope.addEventListener("message", ({ data }) => void answer(data));
