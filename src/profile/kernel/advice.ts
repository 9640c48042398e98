// Why a kernel takes its time, and what to try first: one line for each row, from its place under
// the ceilings and the facts of its text. Pure.
import type { Roofline } from "../../measure/roofline.ts";
import { percentText } from "../../measure/text.ts";
import type { Summary } from "../../measure/summary.ts";
import type { ShaderFacts } from "./shader_facts.ts";

/** The adapter as far as advice depends on it. */
export interface AdviceAdapter {
  readonly software: boolean;
  /** Processor cores, which run the workgroups of a software adapter. */
  readonly cores: number;
  readonly workgroup_storage_bytes: number;
}

// Beyond this share of a ceiling, only less work helps.
const NEAR = 0.7;
// Lanes that run together on most GPUs, and workgroups that a large one runs at once.
const LANES = 32;
const GPU_WORKGROUPS = 256;
const MANY_BARRIERS = 4;

/** The advice on one row; empty if it has no place under the ceilings. */
export function adviceOn(
  roofline: Roofline | null,
  facts: ShaderFacts,
  adapter: AdviceAdapter,
): string {
  if (roofline === null) return "";
  const { bound, memory_share, compute_share } = roofline;
  if (bound === "launch") {
    return "little more than an empty dispatch: give one dispatch more work, or fuse it with its neighbours";
  }
  if (bound === "memory") {
    if (memory_share >= NEAR) {
      return "near the bandwidth of this adapter: only fewer bytes help (fuse with neighbours, store smaller types)";
    }
    return `the bytes take ${percentText(memory_share, false, 0)} of the time: ${loads(facts) ?? waits(facts, adapter) ?? "larger workgroups or several numbers per invocation may keep more loads in flight"}`;
  }
  if (bound === "compute") {
    if (compute_share >= NEAR) {
      return "near the arithmetic of this adapter: only fewer operations help";
    }
    return `the operations take ${percentText(compute_share, false, 0)} of the time: ${waits(facts, adapter) ?? loads(facts) ?? "more independent sums per invocation may fill the pipeline"}`;
  }
  return (
    few(facts, adapter) ??
    waits(facts, adapter) ??
    loads(facts) ??
    "neither ceiling is near and the text shows no cause: try --sweep, other workgroup sizes, or --ir spirv"
  );
}

/** Too little to do at once. */
function few(
  { workgroups, invocations }: ShaderFacts,
  { software, cores }: AdviceAdapter,
): string | null {
  const units = software ? cores : GPU_WORKGROUPS;
  if (workgroups < units) {
    const where = software ? `${cores} cores` : `a GPU that runs ${GPU_WORKGROUPS} or more at once`;
    return `only ${workgroups} ${workgroups === 1 ? "workgroup" : "workgroups"} for ${where}: divide the work further`;
  }
  if (!software && invocations !== null && invocations % LANES !== 0) {
    const last = invocations % LANES;
    return `workgroups of ${invocations} invocations leave ${LANES - last} of ${LANES} lanes idle: use a multiple of ${LANES}`;
  }
  return null;
}

/** The cause that makes invocations wait. */
function waits(facts: ShaderFacts, adapter: AdviceAdapter): string | null {
  const { workgroup_bytes, looped_divisions, divisions, looped_barriers, barriers } = facts;
  const { workgroup_storage_bytes: most, software } = adapter;
  if (looped_divisions > 0) {
    return `${counted(looped_divisions, "integer division")} inside of loops: step an index along instead, or divide by constants`;
  }
  // A processor has no more workgroups in flight than cores.
  if (!software && workgroup_bytes !== null && workgroup_bytes > most / 2) {
    return `${workgroup_bytes} of ${most} bytes of workgroup memory: one workgroup at a time per unit; smaller tiles allow several`;
  }
  if (looped_barriers > 0) {
    return `${counted(looped_barriers, "barrier")} in each turn of a loop: larger tiles per turn need fewer`;
  }
  if (barriers >= MANY_BARRIERS) {
    return `${counted(barriers, "barrier")}: invocations wait for each other`;
  }
  if (divisions > 0) {
    return `${counted(divisions, "integer division")} per invocation: several numbers per invocation share them`;
  }
  return null;
}

/** Loads in an order or width that wastes bandwidth. */
function loads({ strided, has_scalar_loads }: ShaderFacts): string | null {
  if (strided !== null) {
    return `${strided}: neighbouring invocations load from distant places; let the index of the invocation be the last one`;
  }
  return has_scalar_loads
    ? "every load is a single number: vec4 loads need a quarter of the instructions"
    : null;
}

/** The advice of a profile, one line for all rows of a kernel that share it. */
export function adviceLines({ rows }: Pick<Summary, "rows">): string[] {
  const lines = new Map<string, string[]>();
  for (const row of rows) {
    if (row.advice === undefined || row.advice === "") continue;
    const key = `${row.kernel}\n${row.roofline?.bound ?? ""}\n${row.advice}`;
    lines.set(key, [...(lines.get(key) ?? []), row.case]);
  }
  return [...lines].map(([key, cases]) => {
    const [kernel, bound, advice] = key.split("\n");
    const several = cases.length === 1 ? "" : `, ${cases.length} rows`;
    return `${kernel}${several}, bound by ${bound}: ${advice}`;
  });
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
