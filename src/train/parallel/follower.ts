// The other processes of a job. Each does what rank 0 says on moments of its own; it writes no file.
import type { InputScale } from "../../data/batch.ts";
import type { DataSource } from "../../data/data_source.ts";
import { loader } from "../../data/loader.ts";
import type { Gpu } from "../../gpu/device.ts";
import { initialStore } from "../../graph/cpu_store.ts";
import type { Teacher } from "../../teacher/teacher.ts";
import type { TrainConfig } from "../config.ts";
import { labelledSteps } from "../loading/labelled_steps.ts";
import { momentLoading, type PrefetchOptions } from "../loading/moment_loading.ts";
import { samplesOf } from "../loading/rank_samples.ts";
import { gradientNetwork, trainingNetwork, type LossNetwork } from "../network.ts";
import { openSession, type Session } from "../session.ts";
import { joinedInputs, requireDepth } from "../step.ts";
import {
  fillStore,
  messageOf,
  requireSharedFacts,
  sharedFacts,
  type Command,
  type SessionKind,
  type SharedFacts,
} from "./commands.ts";
import type { Job } from "./job.ts";

/** The part of a run that each process has for itself. */
export interface FollowingRun {
  readonly job: Job;
  readonly gpu: Gpu;
  readonly config: TrainConfig;
  readonly source: DataSource;
  readonly teacher: Teacher | null;
  readonly prefetch?: PrefetchOptions;
  /** Told of each sample that is left out. */
  readonly onSkip: (message: string) => void;
  readonly onMessage: (message: string) => void;
}

type Inputs = Promise<Record<string, Float32Array>>;

/**
 * Trains with the others until rank 0 ends it. Throws InputError for data without depth, or if
 * rank 0 has another configuration, module or data; and whatever a step throws.
 */
export async function follow(run: FollowingRun): Promise<void> {
  const { job, gpu, config } = run;
  requireDepth(run.source);
  const sessions = new Map<number, Session>();
  let moments: FollowedMoments | null = null;
  const exchange = { ...job, begin: async () => {} };
  try {
    for (;;) {
      const command = messageOf(await job.broadcast(null)) as Command;
      if (command.kind === "end") return;
      if (command.kind === "close") {
        sessions.get(command.session)?.close();
        sessions.delete(command.session);
        continue;
      }
      if (command.kind === "open") {
        const bytes = await job.broadcast(null);
        const source = sharedSource(run, command.shared);
        moments ??= await followedMoments(run, source, command.step);
        const network = networkOf(run, source, command.network);
        const values = initialStore(network.g, config.seed);
        fillStore(values, bytes);
        const tuning = new Map(command.tuning);
        sessions.set(command.session, await openSession(gpu, network, values, tuning, exchange));
        continue;
      }
      const { session, step, scalars } = command;
      const done = sessions.get(session)!.plan.run(await moments!.inputs(step), scalars);
      moments!.prepare(step + 1);
      await done;
    }
  } finally {
    for (const { close } of sessions.values()) close();
    await moments?.close();
  }
}

/** The data as rank 0 scales it; throws InputError if this process has another run. */
function sharedSource(
  { config, source, teacher }: FollowingRun,
  shared: SharedFacts,
): DataSource & InputScale {
  const { scale } = shared;
  requireSharedFacts(shared, sharedFacts(config, source, teacher, scale), source.name);
  return { ...source, ...scale };
}

function networkOf(
  { config, teacher }: FollowingRun,
  { cameras, protocol }: DataSource,
  kind: SessionKind,
): LossNetwork {
  const build = kind === "training" ? trainingNetwork : gradientNetwork;
  return build(config, {
    views: cameras.length,
    size: config.size,
    depth_max_m: protocol.cap_m,
    teacher: teacher?.parts ?? null,
  });
}

/** The inputs of the steps of this process, and those of the next step ahead. */
interface FollowedMoments {
  readonly inputs: (step: number) => Inputs;
  readonly prepare: (step: number) => void;
  readonly close: () => Promise<void>;
}

async function followedMoments(
  { job: { rank, ranks }, config, teacher, prefetch, onSkip, onMessage }: FollowingRun,
  source: DataSource & InputScale,
  first: number,
): Promise<FollowedMoments> {
  const place = { rank, ranks };
  const all = loader(source, {
    seed: config.seed,
    size: config.size,
    augment: config.augmentation,
    badSamples: config.bad_samples,
    labelledSteps: labelledSteps(config),
    onSkip,
  });
  const samples = samplesOf(all, config, place);
  const loading = { source, teacher, config, samples, place, onSkip, onMessage };
  const moments = await momentLoading(loading, prefetch ?? null, first);
  const ahead = new Map<number, Inputs>();
  const prepare = (step: number): void => {
    if (step >= config.steps || ahead.has(step)) return;
    const inputs = joinedInputs(config, moments.load, step);
    inputs.catch(() => {}); // The error is thrown where it is awaited.
    ahead.set(step, inputs);
  };
  prepare(first);
  return {
    inputs: async (step) => {
      // A step may be repeated; the one before is then still here.
      for (const other of ahead.keys()) if (other < step - 1) ahead.delete(other);
      prepare(step);
      return await ahead.get(step)!;
    },
    prepare,
    close: moments.close,
  };
}
