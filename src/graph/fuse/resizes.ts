// The gradient of a nearest resize that reads the gradient of a concatenation where it lies, so that
// no slice of it is copied.
import type { ResizeNearestGradAttributes } from "../../kernels/resize.ts";
import { inputOf, type FusionWork } from "./work.ts";
import { asRowSlice } from "./slices.ts";

/** Lets gradients of nearest resizes read slices of channels in the wider tensor. */
export function fuseResizeGradients(work: FusionWork): void {
  for (const node of work.nodes.filter(({ op }) => op.name === "resize_nearest_grad")) {
    const d_y = inputOf(node, "d_y")!;
    if (work.maker(d_y)?.op.name !== "slice") continue;
    const rule = "gradient of a nearest resize of a slice";
    const { value, first } = asRowSlice(work, d_y);
    if (value === d_y) {
      work.note(rule, node.outputs[0], "the slice is not a range of channels in fours");
      continue;
    }
    const unstored = work.isOnlyFor(d_y, node) ? [d_y] : [];
    const slice = { first, channels: d_y.shape[3] };
    const attributes: ResizeNearestGradAttributes = {
      ...(node.attributes as ResizeNearestGradAttributes),
      slice,
    };
    work.replace([], node, { ...node, inputs: [value], attributes });
    work.note(rule, node.outputs[0], null, unstored);
  }
}
