// The description of an operator for the source `own`, and the shapes from which defaults are
// computed.
import type { Shape } from "../../../src/tensor/shape.ts";
import type { Value } from "../../../src/graph/value.ts";
import type { Workbench } from "../workbench.ts";
import type { At, Attributes } from "./attributes.ts";

/** How the page shows an operator and how a case calls it. */
export interface OwnOp {
  /** What it computes, in one sentence. */
  readonly says: string;
  /** Shapes of inputs and outputs; axis letters as in the page. */
  readonly shapes: string;
  readonly attributes: Attributes;
  /** Last touches: negative axes, sorted lists. */
  readonly finish?: (at: At) => Readonly<Record<string, unknown>>;
}

/** An operator that is built from several ops. */
export interface Composite extends OwnOp {
  /**
   * Names of the inputs; a trailing "?" marks one that may be left out, "..." any number of more.
   */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** A longer description: how it is built. */
  readonly notes?: string;
  readonly build: (bench: Workbench, attributes: never) => Readonly<Record<string, Value>>;
}

/** No attributes. */
export const NONE: Attributes = {};

/** Shape of an input; [0] if it was left out. */
export function shapeOf({ shapes }: At, name: string): Shape {
  return shapes[name] ?? [0];
}
