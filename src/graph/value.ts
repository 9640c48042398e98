// The nouns of the graph: values, nodes, ops. Data only; the ops, the plan and the CPU interpreter
// give them meaning.
import type { AdapterFacts } from "../gpu/device.ts";
import type { AnyKernel, Bindings, Kernel, ShaderInfo } from "../engine/kernel.ts";
import type { RandomStream } from "../tensor/random.ts";
import type { Shape } from "../tensor/shape.ts";

/** Draws the initial value of a parameter. */
export type Initializer = (shape: Shape, random: RandomStream) => Float32Array;

/** The flat arenas over all parameters, as the optimiser sees them. */
export type ArenaName = "parameters" | "gradients" | "first_moments" | "second_moments";

/** The origin of a value. */
export type Source =
  /** Written by the host before each run. */
  | { readonly kind: "input" }
  /** Lives in the parameter arena; trained unless it is frozen. */
  | {
      readonly kind: "parameter";
      readonly initial: Initializer;
      readonly decays: boolean;
      readonly frozen: boolean;
    }
  /**
   * Kept from run to run and changed by kernels (batch-norm running statistics, in `inout`
   * bindings).
   */
  | { readonly kind: "state"; readonly fill: number }
  | { readonly kind: "constant"; readonly data: Float32Array<ArrayBuffer> }
  /** The 64 step scalars, one 256-byte uniform. */
  | { readonly kind: "scalars" }
  | { readonly kind: "result"; readonly node: Node; readonly index: number }
  /** The same numbers in another shape; `stopped`: no gradient passes. */
  | { readonly kind: "view"; readonly of: Value; readonly stopped?: boolean }
  | { readonly kind: "arena"; readonly arena: ArenaName };

/** A tensor of the graph. */
export interface Value {
  readonly id: number;
  readonly graph: GraphCore;
  readonly name: string;
  readonly shape: Shape;
  readonly source: Source;
}

/** Whether a value is a parameter that no step changes. */
export function isFrozen({ source }: Value): boolean {
  return source.kind === "parameter" && source.frozen;
}

/** One application of an op. */
export interface Node {
  // oxlint-disable-next-line typescript/no-explicit-any -- a list of nodes of all ops
  readonly op: Op<any, any>;
  /** In the order of the op's names. */
  readonly inputs: readonly (Value | null)[];
  readonly attributes: unknown;
  readonly outputs: readonly Value[];
}

/** The part of a graph that ops need: adding values and nodes. */
export interface GraphCore {
  readonly values: Value[];
  readonly nodes: Node[];
  readonly add: (name: string, shape: Shape, source: Source) => Value;
}

/** A graph under construction. Names are unique within inputs, parameters and states. */
export interface Graph extends GraphCore {
  /** Trained tensors in declared order. */
  readonly parameters: readonly Value[];
  /** Tensors kept from run to run, in declared order. */
  readonly states: readonly Value[];
  readonly inputs: readonly Value[];
  /** Names of the step scalars by slot. */
  readonly scalarNames: readonly string[];
  /** A tensor that the host writes before each run. */
  readonly input: (name: string, shape: Shape) => Value;
  /**
   * A trained tensor; `decays` says whether weight decay applies (not to norms and biases). A
   * `frozen` one has no gradient, so that updates leave it as it is. Throws once an arena has been
   * taken, because it would be too short for the new tensor.
   */
  readonly parameter: (
    name: string,
    shape: Shape,
    initial: Initializer,
    decays?: boolean,
    frozen?: boolean,
  ) => Value;
  /** A tensor that kernels update themselves (running statistics), not trained. */
  readonly state: (name: string, shape: Shape, fill: number) => Value;
  /** A tensor of these numbers; throws if they do not fill the shape. */
  readonly constant: (name: string, shape: Shape, data: Float32Array) => Value;
  /** The slot of a number that the host sets in each step (learning rate, loss weights). */
  readonly scalar: (name: string) => number;
  /** All 64 step scalars as a tensor, for the ops that read slots of it. */
  readonly scalars: () => Value;
  /** A flat arena over all parameters, which must be declared by now. */
  readonly arena: (name: ArenaName) => Value;
  /**
   * Gradient of a scalar loss with respect to each parameter that is not frozen (or `wrt`); throws if the loss does
   * not depend on one of them.
   */
  readonly gradients: (loss: Value, wrt?: readonly Value[]) => Map<Value, Value>;
}

/** A tensor as kernel calls see it: a value of the graph, or a temporary of one lowering. */
export interface Tensor {
  readonly name: string;
  readonly shape: Shape;
  /** The value it stores, views resolved; null for temporaries. */
  readonly value: Value | null;
}

/**
 * Tensors that several processes merge once a call is done. `mean`: each number becomes its mean over
 * all processes. `moments`: mean and variance of equally many numbers in each process become those of
 * all numbers together.
 */
export interface Merge {
  readonly kind: "mean" | "moments";
  readonly tensors: readonly Tensor[];
}

/** One kernel dispatch of the lowered graph. */
export interface Call {
  readonly kernel: AnyKernel;
  /** The kernel that the op asked for, of which `kernel` is a mapping. */
  readonly base: AnyKernel;
  readonly bindings: Readonly<Record<string, Tensor>>;
  readonly attributes: unknown;
  /** The op that it belongs to, for profiles and error texts. */
  readonly op: string;
  /** Numbers that several processes merge once it is done; absent in a process of its own. */
  readonly merge?: Merge;
}

/** A dispatch that is made a second time, for late readers of its result. */
export interface Repeat {
  readonly op: string;
  readonly kernel: string;
  /** The tensor that it computes again. */
  readonly at: string;
  /** Bytes of this tensor, which are free between its early and its late readers. */
  readonly freed_bytes: number;
}

/** The results that a plan computes again so that they need not be kept. */
export interface Recomputation {
  /** In the order in which they run. */
  readonly repeats: readonly Repeat[];
  /** Bytes that all arenas of intermediates would have together if nothing were repeated. */
  readonly arena_bytes_kept: number;
}

/** The inputs and methods for lowering an op with inputs `I`. */
export interface Lowering<A, I extends string = string> {
  /** By name; an input that was left out has shape [0]. */
  readonly inputs: Readonly<Record<I, Tensor>>;
  readonly outputs: readonly Tensor[];
  readonly attributes: A;
  readonly facts: AdapterFacts;
  /** Whether convolutions may run as Winograd's, which rounds more than a direct sum. */
  readonly winograd: boolean;
  /** A tensor that lives only between the calls of this op. */
  readonly temporary: (name: string, shape: Shape) => Tensor;
  /** Processes that train together, each on its share of the batch; 1 for a process of its own. */
  readonly ranks: number;
  /** Merges tensors that describe the whole batch with those of the other processes. */
  readonly merge: (kind: Merge["kind"], tensors: readonly Tensor[]) => void;
  /** The same numbers in another shape. */
  readonly view: (tensor: Tensor, shape: Shape) => Tensor;
  /**
   * Adds a dispatch. The kernel's type states the bindings, all of which must be given: an absent
   * input as the `[0]` tensor it came as.
   */
  readonly call: <S extends ShaderInfo, K>(
    kernel: Kernel<S, K>,
    bindings: NoInfer<Readonly<Record<Bindings<S>, Tensor>>>,
    attributes: NoInfer<K>,
  ) => void;
}

/** An operator with inputs `I`: names, shapes, the kernels that compute it, and its gradient. */
export interface Op<A, I extends string = string> {
  readonly name: string;
  /** Names of the inputs in order; a trailing "?" marks one that may be left out. */
  readonly inputs: readonly (I | `${I}?`)[];
  readonly outputs: readonly string[];
  /**
   * Shapes of the outputs (an absent input has shape [0]); throws with the numbers if the inputs do
   * not fit.
   */
  shapes(inputs: Readonly<Record<I, Shape>>, attributes: A): readonly Shape[];
  lower(at: Lowering<A, I>): void;
  /** Null for an op that cannot be differentiated: a gradient itself, or an update. */
  readonly gradient: GradientRule<A, I> | null;
}

/** The inputs of a gradient rule. */
export interface GradientAt<A, I extends string = string> {
  readonly inputs: Readonly<Record<I, Value | null>>;
  readonly outputs: readonly Value[];
  readonly attributes: A;
  /** Gradient of the loss with respect to each output; null where the loss does not depend on it. */
  readonly d_outputs: readonly (Value | null)[];
  /** Which inputs' gradients are wanted; the others may be null. */
  readonly wants: Readonly<Record<I, boolean>>;
}

/**
 * Gradient of the loss with respect to each input in order, as values made of other ops; null where
 * it is zero or not wanted.
 */
export type GradientRule<A, I extends string = string> = (
  at: GradientAt<A, I>,
) => readonly (Value | null)[];
