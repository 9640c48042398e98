// Every op of the engine as a case of the source `own` may call it. The type of each group makes a
// missing op of a family a compile error, a test a missing family.
import { BIN_OPS } from "./bin_ops.ts";
import { ELEMENTWISE_OPS } from "./elementwise_ops.ts";
import { IMAGE_OPS } from "./image_ops.ts";
import type { OwnOp } from "./own_op.ts";

/** All ops by name. */
export const OWN_OPS: Readonly<Record<string, OwnOp>> = {
  ...ELEMENTWISE_OPS,
  ...IMAGE_OPS,
  ...BIN_OPS,
};
