// The source `own`: cases in the engine's own names, written by outsiders from test/oracle/README.md.
// Inputs are matched by name, or by position if no name is known; absent attributes take their
// default; anything else is refused in words.
import { apply } from "../../../src/graph/apply.ts";
import { byInput } from "../../../src/graph/named_inputs.ts";
import type { Op, Value } from "../../../src/graph/value.ts";
import type { Shape } from "../../../src/tensor/shape.ts";
import { clause, offer, type Clause, type Offer, type Offers, type Result } from "../offer.ts";
import type { VectorCase } from "../vectors.ts";
import type { Workbench } from "../workbench.ts";
import { ALL_OPS } from "./all_ops.ts";
import { resolve, type At } from "./attributes.ts";
import { COMPOSITES, resultsOf } from "./composites.ts";
import { OWN_OPS } from "./ops.ts";
import type { OwnOp } from "./own_op.ts";

/** Names of an operator's inputs, or null if there is no such operator. */
function inputNames(operator: string): readonly string[] | null {
  const known = ALL_OPS[operator] ?? COMPOSITES[operator];
  return known?.inputs ?? null;
}

const bare = (name: string): string => name.replace(/\?$/, "");

/** Positions of an operator's inputs among those of a case (null: left out), or their fault. */
function placed(names: readonly string[], given: VectorCase): readonly (number | null)[] | string {
  const known = names.map(bare);
  const own = given.inputs.map((tensor) => tensor?.name ?? "");
  const byName = own.some((name) => known.includes(name));
  const stranger = own.find((name) => name !== "" && !known.includes(name));
  if (byName && stranger !== undefined)
    return `no input ${stranger}; there are ${known.join(", ")}`;
  if (own.length > known.length) return `${own.length} inputs, at most ${known.length} are known`;
  const places = known.map((name, i) => {
    const place = byName ? own.indexOf(name) : i;
    return place >= 0 && (given.inputs[place] ?? null) !== null ? place : null;
  });
  const missing = names.find((name, i) => !name.endsWith("?") && places[i] === null);
  return missing === undefined ? places : `input ${missing} is left out`;
}

/**
 * A case with its inputs in the order and under the names of its operator; unchanged if they are
 * not understood.
 */
export function plainOwn(given: VectorCase): VectorCase {
  const names = inputNames(given.operator);
  if (names === null || names.includes("...")) return given;
  const places = placed(names, given);
  if (typeof places === "string") return given;
  const renamed = new Map<string, string>();
  const inputs = places.map((place, i) => {
    if (place === null) return null;
    const tensor = given.inputs[place]!;
    renamed.set(tensor.name, bare(names[i]));
    return { ...tensor, name: bare(names[i]) };
  });
  const gradients = given.gradients.map((want) => ({
    ...want,
    name: renamed.get(want.name) ?? want.name,
  }));
  return { ...given, inputs, gradients };
}

/** Shapes of the inputs by name, [0] for one that was left out. */
function shapesOf(names: readonly string[], given: VectorCase): Record<string, Shape> {
  const shapes = given.inputs.flatMap((one) =>
    one === null ? [] : [[one.name, one.shape] as const],
  );
  return {
    ...Object.fromEntries(names.map((name) => [bare(name), [0]])),
    ...Object.fromEntries(shapes),
  };
}

/** A clause that states in words why a case fails it. */
function understood(text: string, why: (given: VectorCase) => string | null): Clause {
  return { ...clause(text, (given) => why(given) === null), why };
}

function attributesKnown({ attributes }: OwnOp, inputs: readonly string[]): Clause {
  const names = Object.keys(attributes).join(", ");
  return understood(names === "" ? "no attributes" : `attributes ${names}`, (given) => {
    const resolved = resolve(attributes, given.attributes, shapesOf(inputs, given));
    return typeof resolved === "string" ? resolved : null;
  });
}

function inputsKnown(names: readonly string[]): Clause {
  return understood(`inputs ${names.join(", ")}`, (given) => {
    const places = placed(names, given);
    return typeof places === "string" ? places : null;
  });
}

/** The attributes as the op takes them; nothing for ops without any. */
function attributesFor(own: OwnOp, inputs: readonly string[], given: VectorCase): unknown {
  const shapes = shapesOf(inputs, given);
  const attributes = resolve(own.attributes, given.attributes, shapes);
  if (typeof attributes === "string") throw new Error(attributes);
  const at: At = { shapes, attributes };
  return own.finish?.(at) ?? attributes;
}

/** Inputs that kernels change in place, by op. */
const CHANGED: Readonly<Record<string, readonly string[]>> = {
  batch_norm: ["running_mean", "running_variance"],
  loss_scale: ["norm", "scale", "steps"],
  adamw: ["parameters", "first_moments", "second_moments"],
  sgd: ["parameters", "first_moments"],
};

function opOffer(name: string, op: Op<unknown>, own: OwnOp): Offer {
  const build = (bench: Workbench): Result[] => {
    const changed = CHANGED[name] ?? [];
    const values = op.inputs.map((input, i): Value | null => {
      if (input === "scalars") return bench.scalars(i);
      return changed.includes(input) ? bench.state(i) : bench.optional(i);
    });
    const outputs = apply(op, byInput(op, values), attributesFor(own, op.inputs, bench.given));
    const after = op.inputs.flatMap((input, i): Result[] =>
      changed.includes(input) ? [{ name: input, value: values[i]! }] : [],
    );
    return [...outputs.map((value, i) => ({ name: op.outputs[i], value })), ...after];
  };
  return offer([inputsKnown(op.inputs), attributesKnown(own, op.inputs)], build);
}

function compositeOffer(name: string): Offer {
  const own = COMPOSITES[name];
  const open = own.inputs.includes("...");
  const needed = own.inputs.filter((input) => input !== "...");
  const inputs = open
    ? understood(`inputs ${own.inputs.join(", ")}`, (given) => {
        const lacks = needed.find((input) => !given.inputs.some((one) => one?.name === input));
        return lacks === undefined ? null : `input ${lacks} is left out`;
      })
    : inputsKnown(own.inputs);
  return offer([inputs, attributesKnown(own, needed)], (bench) =>
    resultsOf(own.build(bench, attributesFor(own, needed, bench.given) as never)),
  );
}

/** Every op and every composite. */
export const ownOffers: Offers = {
  ...Object.fromEntries(
    Object.entries(OWN_OPS).map(([name, own]) => [name, opOffer(name, ALL_OPS[name], own)]),
  ),
  ...Object.fromEntries(Object.keys(COMPOSITES).map((name) => [name, compositeOffer(name)])),
};
