// Every op of the engine as a case of the source `own` may call it. The type makes a missing op a
// compile error.
import type { ops } from "../../../src/graph/ops.ts";
import { BIN_OPS } from "./bin_ops.ts";
import { ELEMENTWISE_OPS } from "./elementwise_ops.ts";
import { IMAGE_OPS } from "./image_ops.ts";
import type { OwnOp } from "./own_op.ts";

/** All ops by name. */
export const OWN_OPS: Readonly<Record<keyof typeof ops, OwnOp>> = {
  ...ELEMENTWISE_OPS,
  ...IMAGE_OPS,
  ...BIN_OPS,
};
