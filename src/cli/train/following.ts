// A training run in a process that is not rank 0: data, teacher, and then what rank 0 says.
import type { Job } from "../../train/parallel/job.ts";
import { follow } from "../../train/parallel/follower.ts";
import { openRunTeacher, openTrainingSource } from "../../train/source.ts";
import { FitInterruptedError } from "../../train/teacher/fit_module.ts";
import type { Teacher } from "../../teacher/teacher.ts";
import type { RunSettings } from "../settings/run_settings.ts";
import type { StopSignal } from "../terminal/stop_signal.ts";
import { receivedPath } from "./shared_fit.ts";
import { canReopen, type TrainingDevice } from "./training.ts";

/** Follows rank 0 to the end of its training; `onSkip` is told of samples that are left out. */
export async function runFollowing(
  job: Job,
  { gpu }: TrainingDevice,
  { config, resume }: RunSettings,
  stop: StopSignal,
  onSkip: (message: string) => void,
): Promise<void> {
  // Rank 0 hears the signal too, and ends the run after a step.
  stop.startTraining();
  const onMessage = (): void => {};
  const source = await openTrainingSource(config, "train", { earlier: resume });
  const module = async (): Promise<string> => await receivedPath(job);
  let teacher: Teacher | null;
  try {
    const context = { gpu: () => gpu, source, onMessage, module };
    teacher = await openRunTeacher(config, context, resume);
  } catch (error) {
    if (error instanceof FitInterruptedError) return;
    throw error;
  }
  const prefetch = { withTeacher: canReopen(config, teacher) };
  const seen = new Set<string>();
  const onSkipOnce = (message: string): void => {
    if (!seen.has(message)) onSkip(message);
    seen.add(message);
  };
  try {
    await follow({ job, gpu, config, source, teacher, prefetch, onSkip: onSkipOnce, onMessage });
  } finally {
    teacher?.close?.();
  }
}
