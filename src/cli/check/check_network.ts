// The half of `check` that compares the gradients of a whole network with the CPU path in f64.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ImageSize } from "../../data/camera.ts";
import type { Gpu } from "../../gpu/device.ts";
import type { StudentName } from "../../student/student.ts";
import { InputError } from "../../tensor/error.ts";
import { formatShape } from "../../tensor/shape.ts";
import { resolveConfig, type TrainConfig } from "../../train/config.ts";
import {
  compareNetwork,
  dumpNetwork,
  INITIAL_GATE,
  TRAINED_GATE,
  type NetworkCheck,
} from "../../train/network_check.ts";
import { openRunTeacher, openSource } from "../../train/source.ts";
import { readStudent } from "../../train/student_file.ts";
import { seenBy } from "../../train/student_origin.ts";
import { train } from "../../train/trainer.ts";
import { EXIT } from "../terminal/exit_code.ts";
import type { CommonOptions } from "../terminal/options.ts";
import { textTable } from "../terminal/table.ts";
import { trainingProgress } from "../terminal/training_progress.ts";
import type { Output } from "../terminal/surroundings.ts";
import { tableProgress } from "../terminal/table_progress.ts";

/** Options of the command; all but the common ones concern `--network`. */
export interface CheckOptions extends CommonOptions {
  readonly network?: StudentName;
  /** True for all kernels, else the globs of some. */
  readonly races?: true | readonly string[];
  readonly steps?: number;
  readonly checkpoint?: string;
  readonly size?: ImageSize;
  readonly seed?: number;
  readonly gate?: number;
  readonly dump?: string;
}

/** `CheckOptions` that name a network. */
export type NetworkOptions = CheckOptions & { readonly network: StudentName };

/** Compares one step on one rig batch and prints the table; returns the exit code. */
export async function checkNetwork(
  gpu: Gpu,
  options: NetworkOptions,
  output: Output,
): Promise<number> {
  const check = await prepareCheck(gpu, options, output);
  output.say("comparing one step with the CPU path in f64 (resnet18: about a minute)");
  const compared = await compareNetwork(gpu, { ...check, outputs: options.dump !== undefined });
  const gate = options.gate ?? (check.load === undefined ? INITIAL_GATE : TRAINED_GATE);
  const { parameters } = compared;
  const isBeyond = (error: number): boolean => !(error <= gate);
  const beyond = parameters.filter(({ relative_error }) => isBeyond(relative_error));
  const worst = Math.max(...parameters.map(({ relative_error }) => relative_error));
  const rows = parameters.map(({ name, shape, relative_error }) => [
    name,
    formatShape(shape),
    relative_error.toExponential(2),
    isBeyond(relative_error) ? "above the gate" : "",
  ]);
  output.result({ parameters, gate, max_relative_error: worst, ok: beyond.length === 0 }, [
    ...textTable(["parameter", "shape", "relative error", ""], rows),
    `${parameters.length} parameter tensors, ${beyond.length} above the gate of ${gate}; ` +
      `worst ${worst.toExponential(2)}`,
  ]);
  // The result is valid even if the files cannot be written.
  if (options.dump !== undefined) {
    await dumpNetwork(options.dump, compared);
    output.say(`dumped into ${options.dump}`);
  }
  return beyond.length === 0 ? EXIT.fine : EXIT.wrong;
}

/** Data, teacher and, for a trained student, its parameters. */
async function prepareCheck(
  gpu: Gpu,
  options: NetworkOptions,
  output: Output,
): Promise<NetworkCheck> {
  const { network, checkpoint, size, seed, steps = 0 } = options;
  if (checkpoint !== undefined) {
    if (steps > 0) throw new InputError("give --checkpoint or --steps, not both");
    const { config, load, depth_max_m, origin } = await readStudent(checkpoint, output.warn);
    if (config.student !== network) {
      throw new InputError(`${checkpoint}: this student is ${config.student}, not ${network}`);
    }
    const own = { ...config, ...(size && { size }), ...(seed !== undefined && { seed }) };
    const batch = await batchSource(gpu, own, output);
    return { ...batch, source: seenBy(origin, batch.source), load, depth_max_m };
  }
  const given = { student: network, size, seed, ...(steps > 0 && { steps }) };
  const config = resolveConfig(given, "command line");
  const batch = await batchSource(gpu, config, output);
  if (steps === 0) return batch;
  const load = await trainFirst(gpu, batch, output);
  return { ...batch, load };
}

async function batchSource(
  gpu: Gpu,
  config: TrainConfig,
  output: Output,
): Promise<Pick<NetworkCheck, "config" | "source" | "teacher">> {
  const source = await openSource(config, "train", { onProgress: tableProgress(output) });
  const teacher = await openRunTeacher(config, {
    gpu: () => gpu,
    source,
    module: "untrained",
  });
  return { config, source, teacher };
}

/** Trains as `train` does, in a folder that is deleted afterwards. */
async function trainFirst(
  gpu: Gpu,
  batch: Pick<NetworkCheck, "config" | "source" | "teacher">,
  output: Output,
): Promise<NonNullable<NetworkCheck["load"]>> {
  const folder = await mkdtemp(join(tmpdir(), "ringdepth-check-"));
  try {
    const trained = await train({
      gpu,
      ...batch,
      out: folder,
      resume: false,
      onStep: trainingProgress(output, batch.config.steps),
      onMessage: output.warn,
    });
    await trained.close();
    const { load } = await readStudent(trained.folder.student, output.warn);
    return load;
  } finally {
    await rm(folder, { recursive: true });
  }
}
