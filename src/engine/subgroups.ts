// The width of subgroups: whether an adapter has one that kernels can rely on, and the constant and
// attribute that shaders get for it.
import type { AdapterFacts } from "../gpu/device.ts";
import type { ShaderInfo } from "./kernel.ts";

/** The widths that the `_subgroup` shaders are written for. */
export const WIDTHS: readonly number[] = [4, 8, 16, 32, 64];
/** The override of a shader whose workgroup is exactly one subgroup: the lanes of that subgroup. */
const LANES = "LANES";
const CONTROL = "subgroup-size-control";

/** The width that subgroups have in our kernels, 0 if kernels cannot rely on one, and why. */
export interface SubgroupWidth {
  readonly lanes: number;
  readonly reason: string;
}

/**
 * The width of the subgroups of our kernels on an adapter. An adapter with one width has that one;
 * one with several runs at a width that the shader sets, where it can: at 32 if that is among them,
 * else at the widest. A shader cannot rely on any other width.
 */
export function subgroupWidth(facts: AdapterFacts): SubgroupWidth {
  const { features, subgroup_size, subgroup_min_size: low, subgroup_max_size: high } = facts;
  if (!features.has("subgroups")) return { lanes: 0, reason: "there are no subgroups" };
  if (subgroup_size > 0) {
    if (WIDTHS.includes(subgroup_size)) return { lanes: subgroup_size, reason: "fixed width" };
    return { lanes: 0, reason: `no mapping is written for subgroups of ${subgroup_size}` };
  }
  const range = `${low} to ${high}`;
  if (!features.has(CONTROL)) {
    return { lanes: 0, reason: `the width is not fixed (${range}) and ${CONTROL} is missing` };
  }
  const possible = WIDTHS.filter((lanes) => lanes >= low && lanes <= high);
  const lanes = possible.includes(32) ? 32 : possible.at(-1);
  if (lanes === undefined) return { lanes: 0, reason: `no mapping is written for ${range} lanes` };
  return { lanes, reason: `set by ${CONTROL}, from ${range}` };
}

/** For `runs`: mappings whose workgroup is one subgroup. */
export function inSubgroups(facts: AdapterFacts): boolean {
  return subgroupWidth(facts).lanes > 0;
}

/** The most vectors of four numbers that a lane holds of a row, in shaders that hold whole rows. */
const MOST_FOURS = 8;

/** Vectors per lane, 2, 4 or 8, in which a row of `length` numbers has room in any subgroup. */
export function heldFours(length: number): { readonly FOURS: number } {
  const needed = length / 4 / WIDTHS[0];
  return { FOURS: [2, 4].find((few) => few >= needed) ?? MOST_FOURS };
}

/** For `runs`: whether a row of `length` numbers has room in the lanes of this adapter's subgroups. */
export function holdsRow(facts: AdapterFacts, length: number): boolean {
  const room = 4 * heldFours(length).FOURS * subgroupWidth(facts).lanes;
  return length > 0 && length % 4 === 0 && length <= room;
}

/** The constants that a shader gets from the adapter: the width of its subgroups, if it asks. */
export function adapterConstants(shader: ShaderInfo, facts: AdapterFacts): Record<string, number> {
  const { lanes } = subgroupWidth(facts);
  const asks =
    shader.features.includes("subgroups") && shader.overrides.some(({ name }) => name === LANES);
  return asks && lanes > 0 ? { [LANES]: lanes } : {};
}

/**
 * The text of a shader for an adapter: where its subgroups have several widths, the shader sets
 * the width. Line numbers stay the same.
 */
export function withSubgroupWidth(code: string, facts: AdapterFacts): string {
  if (facts.subgroup_size > 0 || !inSubgroups(facts)) return code;
  return code
    .replace(/^enable subgroups;/m, "enable subgroups, subgroup_size_control;")
    .replace(/@workgroup_size\(LANES\)/, "$& @subgroup_size(LANES)");
}
