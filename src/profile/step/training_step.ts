// One training step of a configuration, ready to be tuned: the graph of the loop with freshly
// initialised parameters, on the first batch.
import type { DataSource } from "../../data/data_source.ts";
import type { Gpu } from "../../gpu/device.ts";
import { initialStore } from "../../graph/cpu_store.ts";
import { createStore } from "../../graph/store.ts";
import type { Step } from "../../tune/step_pair.ts";
import type { Teacher } from "../../teacher/teacher.ts";
import { InputError } from "../../tensor/error.ts";
import type { TrainConfig } from "../../train/config.ts";
import { trainingNetwork } from "../../train/network.ts";
import { firstBatch } from "../../train/network_check.ts";
import { stepScalars } from "../../train/schedule.ts";

/** Opens the step in f32; `step.store` is the caller's to destroy. Throws InputError for data without depth. */
export async function openTrainingStep(
  gpu: Gpu,
  config: TrainConfig,
  source: DataSource,
  teacher: Teacher | null,
): Promise<Step> {
  if (!source.canTrain) {
    throw new InputError(`${source.name} has no depth to learn from: there is no step to tune`);
  }
  const views = source.cameras.length;
  const shape = {
    views,
    size: config.size,
    depth_max_m: source.protocol.cap_m,
    teacher: teacher?.parts ?? null,
  };
  // the tuner chooses among mappings that do not round; a run in f16 follows these choices too
  const { g, request } = trainingNetwork({ ...config, precision: "f32" }, shape);
  const inputs = await firstBatch({ config, source, teacher });
  const { height, width } = config.size;
  return {
    name: `train ${config.student} ${height}x${width}, ${views} views`,
    graph: g,
    request,
    store: createStore(gpu, g, initialStore(g, config.seed)),
    inputs,
    // From the last step: every loss has risen to its weight.
    scalars: stepScalars(config, config.steps),
  };
}
