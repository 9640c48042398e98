// What the package `ringdepth` offers to programs: exports only, in the order of the folders. Files
// of tensors and depth; the GPU; kernels and their check; a graph of ops with gradients, compiled or
// run on the CPU; a rig's data, students, teachers, losses, evaluation; whole training runs.
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
export { checkCase, type CheckResult } from "./kernels/check/check.ts";
export type { AnyKernel, Kernel } from "./engine/kernel.ts";
export type { Problem } from "./engine/problem.ts";
export { logChoose } from "./kernels/depth_bins/binomial_row.ts";
export { kernels } from "./kernels/kernels.ts";
export { runOnCpu } from "./graph/cpu.ts";
export { initialStore, type CpuStore } from "./graph/cpu_store.ts";
export type { Request } from "./graph/request.ts";
export { reshape } from "./graph/apply.ts";
export { graph, type Graph } from "./graph/graph.ts";
export { constant, given, heNormal, scaledNormal } from "./graph/initializers.ts";
export { elu, gelu, leakyRelu, relu, sigmoid, softplus, tanh } from "./graph/ops/activation.ts";
export { adamw, gradNorm } from "./graph/ops/adamw.ts";
export {
  add,
  binary,
  clamp,
  divide,
  multiply,
  scaleBy,
  scaleShift,
  subtract,
} from "./graph/ops/arithmetic.ts";
export { attention, type AttentionOptions } from "./graph/ops/attention.ts";
export { attractor, binCenters, seedCenters } from "./graph/ops/bin_centers.ts";
export { binDecode } from "./graph/ops/bin_decode.ts";
export { binExpectation } from "./graph/ops/bin_expectation.ts";
export { binKl } from "./graph/ops/bin_kl.ts";
export { concat } from "./graph/ops/concat.ts";
export { conv2d, type Conv2dOptions } from "./graph/ops/conv2d.ts";
export { conv2dTranspose, type Conv2dTransposeOptions } from "./graph/ops/conv2d_transpose.ts";
export { depthError, type DepthErrorOptions } from "./graph/ops/depth_error.ts";
export { linear, matmul, type MatmulOptions } from "./graph/ops/gemm.ts";
export { logBinomial, logBinomialHead } from "./graph/ops/log_binomial.ts";
export { maskedMean } from "./graph/ops/masked_mean.ts";
export { batchNorm, groupNorm, layerNorm } from "./graph/ops/norm.ts";
export { pad, padReflect } from "./graph/ops/pad.ts";
export { averagePool, globalAveragePool, maxPool, type PoolOptions } from "./graph/ops/pool.ts";
export { expand, reduce, sumTo, type ReduceOptions } from "./graph/ops/reduce.ts";
export { resizeBilinear, resizeNearest } from "./graph/ops/resize.ts";
export { silog } from "./graph/ops/silog.ts";
export { slice, transpose } from "./graph/ops/slice.ts";
export { softBins } from "./graph/ops/soft_bins.ts";
export { softmaxBins } from "./graph/ops/softmax_bins.ts";
export { unary } from "./graph/ops/unary.ts";
export {
  maskedPool,
  normalizeRows,
  viewRelation,
  viewRelationLoss,
} from "./graph/ops/view_relation.ts";
export { compile, type Plan, type PlannedDispatch, type PlanSummary } from "./graph/plan.ts";
export { createStore, type GpuStore } from "./graph/store.ts";
export type { Initializer, Value } from "./graph/value.ts";
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
export { resolveConfig, type TrainConfig } from "./train/config.ts";
export { compareNetwork, type NetworkComparison } from "./train/network_check.ts";
export type { Evaluation } from "./train/evaluation.ts";
export { evaluate, loadPredictor, type Predictor } from "./train/predictor.ts";
export { readStudent, type StudentFile, type TrainedStudent } from "./train/student_file.ts";
export { summarize, type Summary } from "./train/summary.ts";
export { train, type TrainedRun, type TrainingRun } from "./train/trainer.ts";
