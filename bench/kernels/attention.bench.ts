// Attention at the size of the student's cross-view block and of a small vision transformer.
import type { KernelProblem } from "../../src/engine/kernel.ts";
import {
  attention,
  attentionGradKv,
  attentionGradQ,
  attentionGradStats,
} from "../../src/kernels/attention/attention.ts";

/** Four kernels on q [views, tokens, heads x width] and k, v [views, keys, heads x width]. */
function problem(
  name: string,
  views: number,
  tokens: number,
  keys: number,
  heads: number,
  width: number,
): KernelProblem[] {
  const q = [views, tokens, heads * width];
  const k = [views, keys, heads * width];
  const shapes = { q, k, v: k, mask: [0] };
  const saved = { ...shapes, stats: [views, heads, tokens, 2], d_y: q };
  // ln of the keys' sum of exponentials, as training saves it; otherwise p would not be a
  // probability
  const lse = Math.log(keys) + 0.5;
  const data = { stats: { kind: "normal", mean: lse, deviation: 0.5 } } as const;
  const attributes = { heads, kv_heads: heads, scale: width ** -0.5, causal: false, softcap: 0 };
  return [
    { name, kernel: attention, shapes, attributes },
    {
      name: `${name}, statistics of the gradient`,
      kernel: attentionGradStats,
      shapes: { y: q, lse: [views, heads, tokens], d_y: q },
      attributes: undefined,
    },
    { name: `${name}, gradient of q`, kernel: attentionGradQ, shapes: saved, attributes, data },
    {
      name: `${name}, gradient of k and v`,
      kernel: attentionGradKv,
      shapes: saved,
      attributes,
      data,
    },
  ];
}

/** Six views on their neighbours at stride 16 of 96x160; an image of 16 x 16 patches. */
export const cases: readonly KernelProblem[] = [
  ...problem("cross-view 6 x 60 on 120, 4 x 32", 6, 60, 120, 4, 32),
  ...problem("tokens 1 x 257, 6 x 64", 1, 257, 257, 6, 64),
];
