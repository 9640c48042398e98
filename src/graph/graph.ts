// A network as a graph of values: what is put in, what is trained, what is computed from what.
import { formatShape, size, type Shape } from "../tensor/shape.ts";
import { gradients } from "./backward.ts";
import { arenaLayout } from "./layout.ts";
import type { ArenaName, GraphCore, Initializer, Node, Source, Value } from "./value.ts";

/** Most step scalars a graph may have: one 256-byte uniform. */
export const MAX_SCALARS = 64;

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
   * A trained tensor; `decays` says whether weight decay applies (not to norms and biases). Throws
   * once an arena has been taken, which would be too short for it.
   */
  readonly parameter: (name: string, shape: Shape, initial: Initializer, decays?: boolean) => Value;
  /** A tensor that kernels keep up to date themselves (running statistics), not trained. */
  readonly state: (name: string, shape: Shape, fill: number) => Value;
  /** A tensor of these numbers; throws where they do not fill the shape. */
  readonly constant: (name: string, shape: Shape, data: Float32Array) => Value;
  /** The slot of a number that the host sets anew each step (learning rate, loss weights). */
  readonly scalar: (name: string) => number;
  /** All 64 step scalars as a tensor, for the ops that read slots of it. */
  readonly scalars: () => Value;
  /** A flat arena over all parameters, which must be declared by now. */
  readonly arena: (name: ArenaName) => Value;
  /**
   * Gradient of a scalar loss by each parameter (or by `wrt`); throws where the loss does not
   * depend on one.
   */
  readonly gradients: (loss: Value, wrt?: readonly Value[]) => Map<Value, Value>;
}

/** An empty graph. */
export function graph(): Graph {
  const values: Value[] = [];
  const nodes: Node[] = [];
  const scalarNames: string[] = [];
  const named = new Set<string>();
  let scalars: Value | null = null;
  let arenaTaken = false;
  const add = (name: string, shape: Shape, source: Source): Value => {
    const value: Value = { id: values.length, graph: self, name, shape, source };
    values.push(value);
    return value;
  };
  const addNamed = (name: string, shape: Shape, source: Source): Value => {
    const key = `${source.kind}:${name}`;
    if (named.has(key)) throw new Error(`the graph already has a ${source.kind} called ${name}`);
    named.add(key);
    return add(name, shape, source);
  };
  const ofKind = (kind: Source["kind"]): Value[] => values.filter((v) => v.source.kind === kind);
  const self: Graph = {
    values,
    nodes,
    scalarNames,
    add,
    get parameters() {
      return ofKind("parameter");
    },
    get states() {
      return ofKind("state");
    },
    get inputs() {
      return ofKind("input");
    },
    input: (name, shape) => addNamed(name, shape, { kind: "input" }),
    parameter: (name, shape, initial, decays = true) => {
      if (arenaTaken) {
        throw new Error(`parameter ${name}: declare it before the arenas over all parameters`);
      }
      return addNamed(name, shape, { kind: "parameter", initial, decays });
    },
    state: (name, shape, fill) => addNamed(name, shape, { kind: "state", fill }),
    constant: (name, shape, data) => {
      if (data.length !== size(shape)) {
        throw new Error(
          `constant ${name}${formatShape(shape)}: ${data.length} numbers do not fill it`,
        );
      }
      return addNamed(name, shape, { kind: "constant", data });
    },
    scalar: (name) => {
      const known = scalarNames.indexOf(name);
      if (known >= 0) return known;
      if (scalarNames.length === MAX_SCALARS) {
        throw new Error(`scalar ${name}: a graph has at most ${MAX_SCALARS} step scalars`);
      }
      return scalarNames.push(name) - 1;
    },
    scalars: () => (scalars ??= add("scalars", [MAX_SCALARS], { kind: "scalars" })),
    arena: (name) => {
      arenaTaken = true;
      return add(name, [arenaLayout(ofKind("parameter")).floats], { kind: "arena", arena: name });
    },
    gradients: (loss, wrt = ofKind("parameter")) => gradients(self, loss, wrt),
  };
  return self;
}
