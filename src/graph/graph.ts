// A network as a graph of values: inputs, trained parameters, and the values computed from them.
import { InputError } from "../tensor/error.ts";
import { checkShape, type Shape } from "../tensor/shape.ts";
import { gradients } from "./backward.ts";
import { hostFloats } from "./host_numbers.ts";
import { arenaLayout } from "./layout.ts";
import { isFrozen, type Graph, type Node, type Source, type Value } from "./value.ts";

export type { Graph } from "./value.ts";

/** The most step scalars that a graph may have: one 256-byte uniform. */
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
    checkShape(name, shape);
    const value: Value = { id: values.length, graph: self, name, shape, source };
    values.push(value);
    return value;
  };
  const addNamed = (name: string, shape: Shape, source: Source): Value => {
    const key = `${source.kind}:${name}`;
    if (named.has(key))
      throw new InputError(`the graph already has a ${source.kind} called ${name}`);
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
    parameter: (name, shape, initial, decays = true, frozen = false) => {
      if (arenaTaken) {
        throw new InputError(`parameter ${name}: declare it before the arenas over all parameters`);
      }
      return addNamed(name, shape, {
        kind: "parameter",
        initial,
        decays: decays && !frozen,
        frozen,
      });
    },
    state: (name, shape, fill) => addNamed(name, shape, { kind: "state", fill }),
    constant: (name, shape, data) => {
      checkShape(`constant ${name}`, shape);
      const floats = hostFloats({ kind: "constant", name, shape }, data);
      return addNamed(name, shape, { kind: "constant", data: floats });
    },
    scalar: (name) => {
      const known = scalarNames.indexOf(name);
      if (known >= 0) return known;
      if (scalarNames.length === MAX_SCALARS) {
        throw new InputError(`scalar ${name}: a graph has at most ${MAX_SCALARS} step scalars`);
      }
      return scalarNames.push(name) - 1;
    },
    scalars: () => (scalars ??= add("scalars", [MAX_SCALARS], { kind: "scalars" })),
    arena: (name) => {
      arenaTaken = true;
      return add(name, [arenaLayout(ofKind("parameter")).floats], { kind: "arena", arena: name });
    },
    gradients: (loss, wrt = ofKind("parameter").filter((one) => !isFrozen(one))) =>
      gradients(self, loss, wrt),
  };
  return self;
}
