// The entry point `ringdepth/graph`: a graph of ops with gradients, compiled for a GPU or run on the
// CPU; training; kernels and ops of a program's own, with the checks of the engine's. It needs no
// file system.
export { InputError, NonFiniteError } from "./tensor/error.ts";
export type { Shape } from "./tensor/shape.ts";
export { size } from "./tensor/shape.ts";
export type { RandomStream } from "./tensor/random.ts";
export { readSafetensors, writeSafetensors, type NewTensor } from "./formats/safetensors.ts";
export { useShaders } from "./engine/shader_files.ts";
export type { AdapterFacts, Gpu, GpuOptions } from "./gpu/device.ts";
export { openPageGpu } from "./gpu/page_device.ts";
export {
  DeviceLostError,
  GpuMemoryError,
  GpuValidationError,
  NoAdapterError,
} from "./gpu/errors.ts";
export { checkCase, type CheckResult } from "./kernels/check/check.ts";
export { foldGrid } from "./engine/kernel.ts";
export type { AnyKernel, Cost, Grid, Kernel } from "./engine/kernel.ts";
export { ownKernel as kernel, type OwnKernel, type OwnShader } from "./engine/own_kernel.ts";
export type { Distribution, GradientCheck, Problem } from "./engine/problem.ts";
export { runKernel, type RunOptions } from "./engine/run.ts";
export { logChoose } from "./kernels/depth_bins/binomial_row.ts";
export { kernels } from "./kernels/kernels.ts";
export {
  checkAdjoint,
  checkGradient,
  type Differentiated,
  type GradientOptions,
  type GradientResult,
} from "./graph/check_gradient.ts";
export { runOnCpu } from "./graph/cpu.ts";
export { initialStore, type CpuStore } from "./graph/cpu_store.ts";
export type { Request } from "./graph/request.ts";
export { reshape } from "./graph/apply.ts";
export { graph } from "./graph/graph.ts";
export { constant, given, heNormal, scaledNormal } from "./graph/initializers.ts";
export { crossEntropy, huber, l1, mse } from "./graph/losses.ts";
export { elu, gelu, leakyRelu, relu, sigmoid, softplus, tanh } from "./graph/ops/activation.ts";
export { adamw, gradNorm } from "./graph/ops/adamw.ts";
export { argmax } from "./graph/ops/argmax.ts";
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
export { dropout } from "./graph/ops/dropout.ts";
export { gather, gatherAlong } from "./graph/ops/gather.ts";
export { linear, matmul, type MatmulOptions } from "./graph/ops/gemm.ts";
export { logBinomial, logBinomialHead } from "./graph/ops/log_binomial.ts";
export { maskedMean } from "./graph/ops/masked_mean.ts";
export { batchNorm, groupNorm, layerNorm } from "./graph/ops/norm.ts";
export { pad, padReflect } from "./graph/ops/pad.ts";
export { averagePool, globalAveragePool, maxPool, type PoolOptions } from "./graph/ops/pool.ts";
export { expand, reduce, sumTo, type ReduceOptions } from "./graph/ops/reduce.ts";
export { resizeBilinear, resizeNearest } from "./graph/ops/resize.ts";
export { sgd } from "./graph/ops/sgd.ts";
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
export { ownOp as op, type OwnGradient, type OwnGradientAt, type OwnOp } from "./graph/own_op.ts";
export { compile, type CompileOptions, type Plan, type PlanSummary } from "./graph/plan.ts";
export type { PlannedDispatch } from "./graph/prepare.ts";
export { createStore, type GpuStore } from "./graph/store.ts";
export type { AdamwOptions, OptimizerOptions, SgdOptions } from "./graph/training/optimizer.ts";
export {
  constantRate,
  cosineRate,
  oneCycle,
  warmUp,
  type Schedule,
} from "./graph/training/schedule.ts";
export {
  trainer,
  type StepResult,
  type Trainer,
  type TrainerOptions,
} from "./graph/training/trainer.ts";
export type { Graph, Initializer, Recomputation, Repeat, Value } from "./graph/value.ts";
