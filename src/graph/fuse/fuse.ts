// Fusion: before a graph is lowered for a GPU, nodes that a fused kernel computes together are
// replaced by one. A value is left out only if nothing else reads it and the program does not ask
// for it. The CPU path never fuses: it is what a fused graph is compared with.
import type { Node, Value } from "../value.ts";
import { fuseActivationGradients } from "./activations.ts";
import { fuseConvolutions } from "./convolutions.ts";
import { fuseNorms } from "./norms.ts";
import { fuseResizeGradients } from "./resizes.ts";
import { fuseSums } from "./slices.ts";
import { FusionWork, type Fusion } from "./work.ts";

/** The nodes of a request with those replaced that could be fused, and what each rule did. */
export interface FusedNodes {
  readonly nodes: readonly Node[];
  readonly fusions: readonly Fusion[];
}

/** Fuses the nodes, given in order, that make `targets`. */
export function fuseNodes(nodes: readonly Node[], targets: readonly Value[]): FusedNodes {
  const work = new FusionWork(nodes, targets);
  fuseNorms(work);
  fuseConvolutions(work);
  fuseActivationGradients(work);
  fuseSums(work);
  fuseResizeGradients(work);
  return { nodes: work.nodes, fusions: work.fusions };
}
