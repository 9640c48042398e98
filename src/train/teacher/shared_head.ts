// The shared module: the bin head of a student that is the head of a fitted teacher. A new run takes
// its parameters from the module; checkpoints and the student's file hold them like all others, so
// that neither needs the module afterwards.
import type { DataSource } from "../../data/data_source.ts";
import type { CpuStore } from "../../graph/cpu_store.ts";
import { initialStore } from "../../graph/cpu_store.ts";
import { InputError } from "../../tensor/error.ts";
import type { TrainConfig } from "../config.ts";
import { sharedHeadOf } from "../head.ts";
import { readModule } from "../student_file.ts";
import type { StudentFile } from "../trained/student_bytes.ts";
import { moduleNetwork } from "./module_network.ts";

/**
 * Copies the head of the module into the initial values of a run with a shared head; does nothing for
 * any other run. Throws InputError where the bins of the module are not those of the student: another
 * network, number or kind of bins, or other units of its centres.
 */
export async function takeSharedHead(
  config: TrainConfig,
  source: Pick<DataSource, "protocol" | "focalReference_px">,
  values: CpuStore,
): Promise<void> {
  if (!config.teacher.shared) return;
  const { module: path } = config.teacher;
  if (path === null) {
    throw new InputError("teacher.shared: give teacher.module, whose head the student shares");
  }
  const module = await readModule(path);
  requireSameBins(config, source, module, path);
  const { size } = module.config;
  const shape = { views: 1, size, depth_max_m: module.depth_max_m };
  const own = initialStore(moduleNetwork(module.config, shape).g, 0);
  module.load(own);
  for (const { name, offset, size: length } of own.layout.slots) {
    if (!name.startsWith("head.")) continue;
    const to = values.layout.byName.get(name);
    if (to?.size !== length) throw new Error(`${name} differs between module and student`);
    values.arenas.parameters.set(
      own.arenas.parameters.subarray(offset, offset + length),
      to.offset,
    );
  }
}

function requireSameBins(
  config: TrainConfig,
  { protocol, focalReference_px }: Pick<DataSource, "protocol" | "focalReference_px">,
  module: StudentFile,
  path: string,
): void {
  const network = sharedHeadOf(config);
  if (module.config.student !== network) {
    throw new InputError(
      `${path}: is a module of network ${module.config.student}, but the student shares the head of ` +
        `${network}; set teacher.shared_network to ${module.config.student}`,
    );
  }
  for (const key of ["bins", "centers"] as const) {
    const [has, wanted] = [module.config.head[key], config.head[key]];
    if (has === wanted) continue;
    throw new InputError(
      `${path}: its head.${key} is ${has}, but that of the student is ${wanted}; a shared head needs ` +
        `the same: set head.${key} to ${has}, or fit another teacher`,
    );
  }
  const reference_px = module.origin.scale.focalReference_px;
  if (module.depth_max_m === protocol.cap_m && reference_px === focalReference_px) return;
  throw new InputError(
    `${path}: was fitted to depths up to ${module.depth_max_m} m with a focal reference of ` +
      `${reference_px} px, but this data has ${protocol.cap_m} m and ${focalReference_px} px; fit a ` +
      `teacher on this data, or set teacher.shared to false`,
  );
}
