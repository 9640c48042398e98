// Which mapping of a kernel an adapter gets by rule, and why, in words.
import type { AdapterFacts } from "../gpu/device.ts";
import type { Shape } from "../tensor/shape.ts";
import type { AnyKernel } from "./kernel.ts";
import { canRun, mappingsOf, ruleMapping } from "./mapping.ts";
import { subgroupWidth } from "./subgroups.ts";

/** The mapping that an adapter gets by rule. */
export interface ReasonedMapping {
  /** The base kernel, which names the family. */
  readonly family: string;
  readonly kernel: string;
  /** The method of the mapping: the part of its name after that of the base; `base` for the base. */
  readonly method: string;
  /** The reason, such as "8 lanes, fixed width". */
  readonly reason: string;
}

/** The mapping of `base` that an adapter gets by rule on a problem, and why. */
export function reasonedMapping(
  base: AnyKernel,
  facts: AdapterFacts,
  inputs: Readonly<Record<string, Shape>>,
  attributes: unknown,
): ReasonedMapping {
  const family = base.shader.name;
  const kernel = ruleMapping(base, facts, inputs, attributes).shader.name;
  const method = kernel === family ? "base" : kernel.slice(family.length + 1);
  const { lanes, reason } = subgroupWidth(facts);
  if (method === "subgroup") return { family, kernel, method, reason: `${lanes} lanes, ${reason}` };
  const subgroup = mappingsOf(base).find(({ shader }) => shader.name === `${family}_subgroup`);
  const place = facts.software ? "barriers are slow on a software adapter" : "this is a GPU";
  if (subgroup === undefined) return { family, kernel, method, reason: place };
  if (lanes === 0) return { family, kernel, method, reason };
  if (!canRun(subgroup, facts, inputs, attributes)) {
    return { family, kernel, method, reason: "subgroup cannot run" };
  }
  const other = facts.software
    ? `subgroup was not faster at ${lanes} lanes`
    : `${place}; ringdepth tune also tries subgroup (${lanes} lanes, ${reason})`;
  return { family, kernel, method, reason: other };
}

/** A reasoned mapping as one line, such as "gemm: subgroup (8 lanes, fixed width)". */
export function mappingLine({ family, method, reason }: ReasonedMapping): string {
  return method === "subgroup"
    ? `${family}: ${method} (${reason})`
    : `${family}: ${method}, because ${reason}`;
}
