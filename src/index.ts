// What the package `ringdepth` offers to programs: exports only. The three entry points together,
// then a rig's data, students, teachers, losses and evaluation, and whole training runs.
export * from "./formats.ts";
export * from "./graph.ts";
export * from "./profile.ts";
export { openGpu } from "./gpu/node_device.ts";
export type { Camera, ImageSize } from "./data/camera.ts";
export type { DataSource, Split } from "./data/data_source.ts";
export { openData, type OpenOptions } from "./data/open_data.ts";
export type { RigSample } from "./data/rig_sample.ts";
export {
  student,
  STUDENTS,
  type StudentName,
  type StudentOptions,
  type StudentOutput,
} from "./student/student.ts";
export { openTeacher } from "./teacher/open_teacher.ts";
export type { Teacher } from "./teacher/teacher.ts";
export { losses, type LossConfig, type Losses } from "./distill/losses.ts";
export { WrongDepthError } from "./evaluate/checked_depth.ts";
export { evaluator, type EvaluationResult } from "./evaluate/protocol.ts";
export { resolveConfig } from "./train/config.ts";
export type { TrainConfig } from "./train/config/train_config.ts";
export { compareNetwork, type NetworkComparison } from "./train/network_check.ts";
export type { Evaluation } from "./train/evaluation.ts";
export type { Intrinsics } from "./train/loading/bare_sample.ts";
export { evaluate } from "./train/evaluate_student.ts";
export { loadPredictor, type ImagePredictor, type Predictor } from "./train/predictor.ts";
export { readStudent } from "./train/student_file.ts";
export type { StudentFile, TrainedStudent } from "./train/trained/student_bytes.ts";
export { summarize, type Summary } from "./train/summary.ts";
export { train, type TrainedRun, type TrainingRun } from "./train/trainer.ts";
