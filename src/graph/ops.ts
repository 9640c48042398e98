// All ops by name and the exhaustive record of their gradient rules: an op without a rule does not compile.
import { activationOps, activationRules } from "./ops/activation.ts";
import type { Rules } from "./value.ts";

/** Every op of the engine, by name. */
export const ops: typeof activationOps = {
  ...activationOps,
};

/** The gradient rule of every op; null for those that are not differentiated. */
export const gradientRules: Rules<typeof ops> = {
  ...activationRules,
};
