// A network as a graph of values: what is put in, what is trained, what is computed from what.
import { formatShape, size, type Shape } from "../tensor/shape.ts";
import { gradients } from "./backward.ts";
import { arenaLayout } from "./layout.ts";
import type { Graph, Node, Source, Value } from "./value.ts";

export type { Graph } from "./value.ts";

/** Most step scalars a graph may have: one 256-byte uniform. */
export const MAX_SCALARS = 64;

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
