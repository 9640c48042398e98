// All ops by name and the exhaustive record of their gradient rules: an op without a rule does not
// compile.
import { activationOps, activationRules } from "./ops/activation.ts";
import { adamwOps, adamwRules } from "./ops/adamw.ts";
import { arithmeticOps, arithmeticRules } from "./ops/arithmetic.ts";
import { attentionOps, attentionRules } from "./ops/attention.ts";
import { binCentersOps, binCentersRules } from "./ops/bin_centers.ts";
import { binDecodeOps, binDecodeRules } from "./ops/bin_decode.ts";
import { binDistillOps, binDistillRules } from "./ops/bin_distill.ts";
import { binExpectationOps, binExpectationRules } from "./ops/bin_expectation.ts";
import { binHeadOps, binHeadRules } from "./ops/bin_head.ts";
import { binKlOps, binKlRules } from "./ops/bin_kl.ts";
import { binomialDecodeOps, binomialDecodeRules } from "./ops/binomial_decode.ts";
import { concatOps, concatRules } from "./ops/concat.ts";
import { conv2dOps, conv2dRules } from "./ops/conv2d.ts";
import { conv2dTransposeOps, conv2dTransposeRules } from "./ops/conv2d_transpose.ts";
import { gemmOps, gemmRules } from "./ops/gemm.ts";
import { logBinomialOps, logBinomialRules } from "./ops/log_binomial.ts";
import { maskedMeanOps, maskedMeanRules } from "./ops/masked_mean.ts";
import { normOps, normRules } from "./ops/norm.ts";
import { padOps, padRules } from "./ops/pad.ts";
import { poolOps, poolRules } from "./ops/pool.ts";
import { reduceOps, reduceRules } from "./ops/reduce.ts";
import { resizeOps, resizeRules } from "./ops/resize.ts";
import { silogOps, silogRules } from "./ops/silog.ts";
import { sliceOps, sliceRules } from "./ops/slice.ts";
import { softBinsOps, softBinsRules } from "./ops/soft_bins.ts";
import { softmaxBinsOps, softmaxBinsRules } from "./ops/softmax_bins.ts";
import { unaryOps, unaryRules } from "./ops/unary.ts";
import { viewRelationOps, viewRelationRules } from "./ops/view_relation.ts";
import { viewRelationFusedOps, viewRelationFusedRules } from "./ops/view_relation_fused.ts";
import type { Rules } from "./value.ts";

/** Every op of the engine, by name. */
export const ops: typeof activationOps &
  typeof adamwOps &
  typeof arithmeticOps &
  typeof attentionOps &
  typeof binCentersOps &
  typeof binDecodeOps &
  typeof binDistillOps &
  typeof binExpectationOps &
  typeof binHeadOps &
  typeof binKlOps &
  typeof binomialDecodeOps &
  typeof concatOps &
  typeof conv2dOps &
  typeof conv2dTransposeOps &
  typeof gemmOps &
  typeof logBinomialOps &
  typeof maskedMeanOps &
  typeof normOps &
  typeof padOps &
  typeof poolOps &
  typeof reduceOps &
  typeof resizeOps &
  typeof silogOps &
  typeof sliceOps &
  typeof softBinsOps &
  typeof softmaxBinsOps &
  typeof unaryOps &
  typeof viewRelationOps &
  typeof viewRelationFusedOps = {
  ...activationOps,
  ...adamwOps,
  ...arithmeticOps,
  ...attentionOps,
  ...binCentersOps,
  ...binDecodeOps,
  ...binDistillOps,
  ...binExpectationOps,
  ...binHeadOps,
  ...binKlOps,
  ...binomialDecodeOps,
  ...concatOps,
  ...conv2dOps,
  ...conv2dTransposeOps,
  ...gemmOps,
  ...logBinomialOps,
  ...maskedMeanOps,
  ...normOps,
  ...padOps,
  ...poolOps,
  ...reduceOps,
  ...resizeOps,
  ...silogOps,
  ...sliceOps,
  ...softBinsOps,
  ...softmaxBinsOps,
  ...unaryOps,
  ...viewRelationOps,
  ...viewRelationFusedOps,
};

/** The gradient rule of every op; null for those that are not differentiated. */
export const gradientRules: Rules<typeof ops> = {
  ...activationRules,
  ...adamwRules,
  ...arithmeticRules,
  ...attentionRules,
  ...binCentersRules,
  ...binDecodeRules,
  ...binDistillRules,
  ...binExpectationRules,
  ...binHeadRules,
  ...binKlRules,
  ...binomialDecodeRules,
  ...concatRules,
  ...conv2dRules,
  ...conv2dTransposeRules,
  ...gemmRules,
  ...logBinomialRules,
  ...maskedMeanRules,
  ...normRules,
  ...padRules,
  ...poolRules,
  ...reduceRules,
  ...resizeRules,
  ...silogRules,
  ...sliceRules,
  ...softBinsRules,
  ...softmaxBinsRules,
  ...unaryRules,
  ...viewRelationRules,
  ...viewRelationFusedRules,
};
