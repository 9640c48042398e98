// A run without a GPU: the real folder, loop, records, checkpoints and student, but a step that
// only multiplies numbers on the host. It exercises storage thousands of times per minute.
import { readdirSync, readFileSync } from "node:fs";
import type { Loader } from "../../src/data/loader.ts";
import { readEvents } from "../../src/formats/events.ts";
import { initialStore, type CpuStore } from "../../src/graph/cpu_store.ts";
import { graph } from "../../src/graph/graph.ts";
import { randomStream } from "../../src/tensor/random.ts";
import { checkpointsIn } from "../../src/train/checkpoint.ts";
import { resolveConfig } from "../../src/train/config.ts";
import { loadNewest } from "../../src/train/newest_checkpoint.ts";
import { claimRunFolder, openRunFolder, runPaths } from "../../src/train/run_folder.ts";
import type { Session, TrainingState } from "../../src/train/session.ts";
import { writeStudent } from "../../src/train/student_file.ts";
import type { TrainedStudent } from "../../src/train/trained/student_bytes.ts";
import { earlierOrigin } from "../../src/train/student_origin.ts";
import { stepInputs } from "../../src/train/step.ts";
import { runSteps } from "../../src/train/training_loop.ts";

/** A run without a GPU. */
export interface PaperRun {
  /** Path of the run folder. */
  readonly out: string;
  readonly steps: number;
  /** Called for each step; may wait. */
  readonly onStep?: (step: number) => void | Promise<void>;
  /** A line for people. */
  readonly onMessage?: (message: string) => void;
}

const DEPTH_MAX_M = 80;

/** Runs it, from the newest checkpoint if there is one; returns the bytes of the student. */
export async function paperRun({ out, steps, onStep, onMessage }: PaperRun): Promise<Buffer> {
  const config = resolveConfig({ steps, checkpoint_every: 2, keep_checkpoints: 2 }, "paper");
  const paths = runPaths(out);
  const resume = (await checkpointsIn(paths.checkpoints)).length > 0;
  const lock = await claimRunFolder(out, resume ? "resume" : "new");
  try {
    const values = paperStore();
    const run = { out, config, ...(onMessage && { onMessage }) };
    const step = resume ? (await loadNewest(run, values)).step : 0;
    const first = { step, values };
    const origin = earlierOrigin("paper", DEPTH_MAX_M);
    const student = (steps_done: number): TrainedStudent => ({
      config,
      depth_max_m: DEPTH_MAX_M,
      steps: steps_done,
      origin,
    });
    const folder = await openRunFolder(out, first.step, onMessage);
    try {
      const samples = paperSamples(onStep);
      const loop = {
        config,
        teacher: null,
        folder,
        samples,
        inputs: async (at: number) => await stepInputs({ config, teacher: null }, samples, at),
        validate: async () => await Promise.reject(new Error("paper is not validated")),
        student,
        measure: async () => await Promise.resolve(null),
        signal: undefined,
        onStep: () => {},
        onMessage: () => {},
        onState: () => {},
      };
      const ended = await runSteps(loop, paperSession(first), first);
      await writeStudent(paths.student, ended.values, student(ended.step));
    } finally {
      await folder.close();
    }
  } finally {
    await lock.release();
  }
  return readFileSync(paths.student);
}

/** The faults of a run that has ended, in words; empty if there are none. */
export function faultsOfRun(out: string, steps: number): string[] {
  const { metrics, events_file } = runPaths(out);
  const wanted = Array.from({ length: steps }, (_, i) => i + 1).join();
  const lines = readFileSync(metrics, "utf8").trim().split("\n");
  const recorded = lines.map((line) => (JSON.parse(line) as { step: number }).step).join();
  const logged = readEvents(readFileSync(events_file), events_file)
    .flatMap(({ step, scalars }) => (scalars.has("loss/total") ? [step] : []))
    .join();
  const leftovers = readdirSync(out, { recursive: true, encoding: "utf8" }).filter((name) =>
    /\.tmp$|\.lock/.test(name),
  );
  return [
    ...(recorded === wanted ? [] : [`metrics.jsonl has steps ${recorded}`]),
    ...(logged === wanted ? [] : [`the events have steps ${logged}`]),
    ...leftovers.map((name) => `${name} was left behind`),
  ];
}

function paperStore(): CpuStore {
  const g = graph();
  const random = randomStream(1);
  const draw = (shape: readonly number[]): Float32Array =>
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal());
  g.parameter("weight", [8, 4], draw);
  g.state("mean", [4], 0.5);
  return initialStore(g, 0);
}

function paperSamples(onStep: PaperRun["onStep"]): Loader {
  return {
    skipped: 0,
    isLabelled: () => true,
    step: async (step) => {
      await onStep?.(step);
      return { epoch: 0, sample: {}, batch: {} } as unknown as Awaited<ReturnType<Loader["step"]>>;
    },
    all: () => {
      throw new Error("a paper run has no samples");
    },
  };
}

function paperSession({ step: first, values }: TrainingState): Session {
  let step = first;
  const submit = (): (() => Promise<Record<string, Float32Array>>) => {
    step++;
    for (const name of ["parameters", "first_moments", "second_moments"] as const) {
      const arena = values.arenas[name];
      arena.forEach((value, i) => (arena[i] = Math.fround(0.9 * value + 0.01 * step)));
    }
    const outputs = {
      loss: Float32Array.of(1 / step),
      silog: Float32Array.of(1 / step),
      gradient_norm: Float32Array.of(1, 1, 1, 0),
      valid_count: Float32Array.of(10),
    };
    return async () => await Promise.resolve(outputs);
  };
  const read = async (): Promise<CpuStore> => await Promise.resolve(structuredClone(values));
  return { store: { read }, plan: { submit } } as unknown as Session;
}
