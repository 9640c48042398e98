// What the package `ringdepth` offers to programs: exports only, from the GPU up to a trained
// student.
export { InputError } from "./tensor/error.ts";
export { readNpy, writeNpy } from "./formats/npy.ts";
export { readDepthPng, writeDepthPng } from "./formats/png16.ts";
export { readSafetensors, writeSafetensors } from "./formats/safetensors.ts";
export { readPly, writePly } from "./formats/ply.ts";
export { openGpu, type AdapterFacts, type Gpu, type GpuOptions } from "./gpu/device.ts";
export {
  DeviceLostError,
  GpuMemoryError,
  GpuValidationError,
  NoAdapterError,
} from "./gpu/errors.ts";
export { checkCase, type CheckResult } from "./kernels/check.ts";
export type { AnyKernel, Case, Kernel } from "./kernels/kernel.ts";
export { kernels } from "./kernels/kernels.ts";
export { initialStore, runOnCpu, type CpuStore, type Request } from "./graph/cpu.ts";
export { graph, type Graph } from "./graph/graph.ts";
export { compile, type Plan } from "./graph/plan.ts";
export { createStore, type GpuStore } from "./graph/store.ts";
export type { Value } from "./graph/value.ts";
export type { Camera, ImageSize } from "./data/camera.ts";
export type { DataSource, Split } from "./data/data_source.ts";
export { openData, type OpenOptions } from "./data/open_data.ts";
export type { RigSample } from "./data/rig_sample.ts";
export { student, STUDENTS, type StudentName, type StudentOutput } from "./student/student.ts";
export { openTeacher } from "./teacher/open_teacher.ts";
export type { Teacher } from "./teacher/teacher.ts";
export { losses, type LossConfig, type Losses } from "./distill/losses.ts";
export { evaluator, type EvaluationResult } from "./evaluate/protocol.ts";
export { resolveConfig, type TrainConfig } from "./train/config.ts";
export { compareNetwork, type NetworkComparison } from "./train/network_check.ts";
export { evaluate, loadPredictor, type Evaluation, type Predictor } from "./train/predictor.ts";
export { readStudent, type StudentFile } from "./train/student_file.ts";
export { summarize, type Summary } from "./train/summary.ts";
export { train, type TrainedRun, type TrainingRun } from "./train/trainer.ts";
