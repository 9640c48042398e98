// The list of all kernels, for `check` and the README: every base kernel with its mappings.
import { activation, activationGrad } from "./activation.ts";
import { activationFusedGrad } from "./activation_fused.ts";
import { adamw } from "./adamw.ts";
import { argmax } from "./argmax.ts";
import {
  attention,
  attentionGradKv,
  attentionGradQ,
  attentionGradStats,
} from "./attention/attention.ts";
import {
  attractor,
  attractorGradAttractors,
  attractorGradCenters,
} from "./depth_bins/attractor.ts";
import { binCenters, binCentersGrad } from "./depth_bins/bin_centers.ts";
import {
  binDecode,
  binDecodeGradCenters,
  binDecodeGradCentersSlabs,
  binDecodeGradLogits,
} from "./depth_bins/bin_decode.ts";
import { binDistill, binDistillBinomial, binDistillFactors } from "./depth_bins/bin_distill.ts";
import {
  binDistillGrad,
  binDistillGradBinomial,
  binDistillGradBinomialSlabs,
} from "./depth_bins/bin_distill_grad.ts";
import {
  binExpectation,
  binExpectationGrad,
  binExpectationGradSlabs,
} from "./depth_bins/bin_expectation.ts";
import { binHead, binHeadGradFeatures, binHeadGradWeight } from "./depth_bins/bin_head.ts";
import { binKl, binKlGrad } from "./depth_bins/bin_kl.ts";
import { binPool, binPoolGrad } from "./depth_bins/bin_pool.ts";
import { binary, binaryGrad } from "./binary.ts";
import { binomialDecode } from "./depth_bins/binomial_decode.ts";
import { binomialPack } from "./depth_bins/binomial_pack.ts";
import { ceilingCopy, ceilingFma, ceilingFmaF16, ceilingRead, ceilingTriad } from "./ceiling.ts";
import { columnSum, columnSumFour } from "./column_sum.ts";
import { concat } from "./concat.ts";
import { conv2d } from "./convolution/conv2d.ts";
import { conv2dGradInput } from "./convolution/conv2d_grad_input.ts";
import { conv2dGradWeight } from "./convolution/conv2d_grad_weight.ts";
import { winogradGradWeight } from "./convolution/winograd_grad_weight.ts";
import { winogradSlopes } from "./convolution/winograd_slopes.ts";
import { winogradImage, winogradOutput, winogradWeight } from "./convolution/winograd.ts";
import { depthError, depthErrorGrad, depthErrorPeak, depthErrorThreshold } from "./depth_error.ts";
import { dropout } from "./dropout.ts";
import { gather, gatherGrad } from "./gather.ts";
import { gemm } from "./gemm.ts";
import { gradNorm, gradNormFinish } from "./grad_norm.ts";
import { layerNormGradInput, layerNormGradPartial, layerNormRows } from "./layer_norm.ts";
import {
  logBinomial,
  logBinomialGrad,
  logBinomialHead,
  logBinomialHeadGrad,
} from "./depth_bins/log_binomial.ts";
import { lossScale } from "./loss_scale.ts";
import { maskedMean, maskedMeanFinish, maskedMeanGrad } from "./masked_mean.ts";
import { maskedPool, maskedPoolGrad } from "./masked_pool.ts";
import {
  normApply,
  normGradChannel,
  normGradGroup,
  normGradInput,
  normGradPartial,
  normPartial,
  normRunning,
  normStatistics,
} from "./norm.ts";
import {
  normFusedApply,
  normFusedGradInput,
  normFusedGradShared,
  normFusedGradSums,
} from "./norm_fused.ts";
import { normalizeRows, normalizeRowsGrad } from "./normalize_rows.ts";
import { pad, padGrad } from "./pad.ts";
import { poolAverage, poolAverageGrad, poolMax, poolMaxGrad } from "./pool.ts";
import { reduce } from "./reduce.ts";
import { reduceGrad, reduceGradProduct } from "./reduce_grad.ts";
import { resizeBilinear, resizeBilinearGrad, resizeNearest, resizeNearestGrad } from "./resize.ts";
import { scaleBy } from "./scale_by.ts";
import { sgd } from "./sgd.ts";
import { silog, silogFinish, silogGrad } from "./silog.ts";
import { sliceSum } from "./slice_sum.ts";
import { softBins } from "./depth_bins/soft_bins.ts";
import { softmaxBins, softmaxBinsGrad } from "./depth_bins/softmax_bins.ts";
import { stridedRead, stridedWrite } from "./strided.ts";
import { unary, unaryGrad } from "./unary.ts";
import {
  viewRelation,
  viewRelationGrad,
  viewRelationLoss,
  viewRelationLossGrad,
} from "./relations/view_relation.ts";
import { viewRelationFused, viewRelationFusedGrad } from "./relations/view_relation_fused.ts";
import { viewRelationSoftmax, viewRelationSoftmaxGrad } from "./relations/view_relation_softmax.ts";
import {
  viewRelationWeighted,
  viewRelationWeightedGrad,
} from "./relations/view_relation_weighted.ts";
import type { AnyKernel } from "../engine/kernel.ts";

const BASES: readonly AnyKernel[] = [
  activation,
  activationGrad,
  activationFusedGrad,
  adamw,
  argmax,
  attention,
  attentionGradKv,
  attentionGradQ,
  attentionGradStats,
  attractor,
  attractorGradAttractors,
  attractorGradCenters,
  binCenters,
  binCentersGrad,
  binDecode,
  binDecodeGradCenters,
  binDecodeGradCentersSlabs,
  binDecodeGradLogits,
  binDistill,
  binDistillBinomial,
  binDistillFactors,
  binDistillGrad,
  binDistillGradBinomial,
  binDistillGradBinomialSlabs,
  binExpectation,
  binExpectationGrad,
  binExpectationGradSlabs,
  binHead,
  binHeadGradFeatures,
  binHeadGradWeight,
  binKl,
  binKlGrad,
  binPool,
  binPoolGrad,
  binary,
  binaryGrad,
  binomialDecode,
  binomialPack,
  ceilingCopy,
  ceilingFma,
  ceilingFmaF16,
  ceilingRead,
  ceilingTriad,
  columnSum,
  columnSumFour,
  concat,
  conv2d,
  conv2dGradInput,
  conv2dGradWeight,
  depthError,
  depthErrorGrad,
  depthErrorPeak,
  depthErrorThreshold,
  dropout,
  gather,
  gatherGrad,
  gemm,
  gradNorm,
  gradNormFinish,
  layerNormRows,
  layerNormGradInput,
  layerNormGradPartial,
  logBinomial,
  logBinomialGrad,
  logBinomialHead,
  logBinomialHeadGrad,
  lossScale,
  maskedMean,
  maskedMeanFinish,
  maskedMeanGrad,
  maskedPool,
  maskedPoolGrad,
  normApply,
  normFusedApply,
  normFusedGradInput,
  normFusedGradShared,
  normFusedGradSums,
  normGradChannel,
  normGradGroup,
  normGradInput,
  normGradPartial,
  normPartial,
  normRunning,
  normStatistics,
  normalizeRows,
  normalizeRowsGrad,
  pad,
  padGrad,
  poolAverage,
  poolAverageGrad,
  poolMax,
  poolMaxGrad,
  reduce,
  reduceGrad,
  reduceGradProduct,
  resizeBilinear,
  resizeBilinearGrad,
  resizeNearest,
  resizeNearestGrad,
  scaleBy,
  sgd,
  silog,
  silogFinish,
  silogGrad,
  sliceSum,
  softBins,
  softmaxBins,
  softmaxBinsGrad,
  stridedRead,
  stridedWrite,
  unary,
  unaryGrad,
  viewRelation,
  viewRelationFused,
  viewRelationFusedGrad,
  viewRelationGrad,
  viewRelationLoss,
  viewRelationLossGrad,
  viewRelationSoftmax,
  viewRelationSoftmaxGrad,
  viewRelationWeighted,
  viewRelationWeightedGrad,
  winogradGradWeight,
  winogradSlopes,
  winogradImage,
  winogradOutput,
  winogradWeight,
];

/** Every kernel, each base followed by its other mappings. */
export const kernels: readonly AnyKernel[] = BASES.flatMap((base) => [
  base,
  ...(base.variants?.() ?? []),
]);
