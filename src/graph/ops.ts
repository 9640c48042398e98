// All ops by name and the exhaustive record of their gradient rules: an op without a rule does not compile.
import { activationOps, activationRules } from "./ops/activation.ts";
import { arithmeticOps, arithmeticRules } from "./ops/arithmetic.ts";
import { binDecodeOps, binDecodeRules } from "./ops/bin_decode.ts";
import { binExpectationOps, binExpectationRules } from "./ops/bin_expectation.ts";
import { binKlOps, binKlRules } from "./ops/bin_kl.ts";
import { gemmOps, gemmRules } from "./ops/gemm.ts";
import { maskedMeanOps, maskedMeanRules } from "./ops/masked_mean.ts";
import { normOps, normRules } from "./ops/norm.ts";
import { reduceOps, reduceRules } from "./ops/reduce.ts";
import { silogOps, silogRules } from "./ops/silog.ts";
import { softmaxBinsOps, softmaxBinsRules } from "./ops/softmax_bins.ts";
import { unaryOps, unaryRules } from "./ops/unary.ts";
import type { Rules } from "./value.ts";

/** Every op of the engine, by name. */
export const ops: typeof activationOps &
  typeof arithmeticOps &
  typeof binDecodeOps &
  typeof binExpectationOps &
  typeof binKlOps &
  typeof gemmOps &
  typeof maskedMeanOps &
  typeof normOps &
  typeof reduceOps &
  typeof silogOps &
  typeof softmaxBinsOps &
  typeof unaryOps = {
  ...activationOps,
  ...arithmeticOps,
  ...binDecodeOps,
  ...binExpectationOps,
  ...binKlOps,
  ...gemmOps,
  ...maskedMeanOps,
  ...normOps,
  ...reduceOps,
  ...silogOps,
  ...softmaxBinsOps,
  ...unaryOps,
};

/** The gradient rule of every op; null for those that are not differentiated. */
export const gradientRules: Rules<typeof ops> = {
  ...activationRules,
  ...arithmeticRules,
  ...binDecodeRules,
  ...binExpectationRules,
  ...binKlRules,
  ...gemmRules,
  ...maskedMeanRules,
  ...normRules,
  ...reduceRules,
  ...silogRules,
  ...softmaxBinsRules,
  ...unaryRules,
};
