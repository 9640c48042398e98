// Conflicts as sentences: the variable and element, the two invocations, and their lines. Pure.
import type { Race, RaceAccess } from "../../measure/race_check.ts";
import type { Conflict, ConflictSide } from "./conflicts.ts";
import type { SharedVariable } from "./places.ts";
import type { Site } from "./record_writer.ts";
import { placeName } from "./types.ts";

/** The shader and run that conflicts belong to. */
export interface RaceContext {
  readonly file: string;
  /** The workgroups that were recorded. */
  readonly box: readonly [number, number, number];
  readonly sites: readonly Site[];
  readonly variables: readonly SharedVariable[];
}

/** The races that conflicts stand for, one for each pair of lines and variable. */
export function racesOf(conflicts: readonly Conflict[], context: RaceContext): Race[] {
  const found = new Map<string, Race>();
  for (const conflict of conflicts) {
    const race = raceOf(conflict, context);
    const lines = race.accesses.map(({ line }) => line).toSorted((a, b) => a - b);
    const key = [race.variable, race.kind, race.missing, ...lines].join(" ");
    if (!found.has(key)) found.set(key, race);
  }
  return [...found.values()];
}

function raceOf(conflict: Conflict, { file, box, sites, variables }: RaceContext): Race {
  const [a, b] = conflict.sides.map(({ site, invocation, group }: ConflictSide): RaceAccess => {
    const { kind, line } = sites[site];
    return { kind, invocation, line, workgroup: groupAt(group, box) };
  });
  const { space } = sites[conflict.sides[0].site];
  const variable = variables.findLast((one) => one.space === space && one.first <= conflict.place)!;
  const own = space === "storage" ? "storageBarrier" : "workgroupBarrier";
  const isApart = conflict.sides[0].group !== conflict.sides[1].group;
  const race: Omit<Race, "text"> = {
    space,
    variable: variable.name,
    place: placeName(variable.type, conflict.place - variable.first),
    accesses: a.kind === "read" ? [b, a] : [a, b],
    kind: a.kind === "read" || b.kind === "read" ? "read-write" : "write-write",
    missing: isApart ? "dispatch" : conflict.hasOtherBarrier ? own : "barrier",
  };
  return { ...race, text: sentence(race, file) };
}

function groupAt(group: number, [x, y]: readonly number[]): [number, number, number] {
  return [group % x, Math.floor(group / x) % y, Math.floor(group / (x * y))];
}

const VERBS = { read: "read", write: "wrote", update: "updated" } as const;
const MISSING = {
  barrier: "no barrier between",
  workgroupBarrier:
    "no workgroupBarrier() between; storageBarrier() does not order workgroup memory",
  storageBarrier: "no storageBarrier() between; workgroupBarrier() does not order storage",
  dispatch: "nothing orders two workgroups of a dispatch",
} as const;

function sentence(
  { space, variable, place, accesses, missing }: Omit<Race, "text">,
  file: string,
): string {
  const isApart = missing === "dispatch";
  const [first, second] = accesses.map(({ kind, invocation, workgroup, line }, i) => {
    const own = isApart ? ` of workgroup (${workgroup.join(", ")})` : "";
    return `invocation ${invocation}${own} ${VERBS[kind]} at ${i === 0 ? file : ""}:${line}`;
  });
  const [{ workgroup }] = accesses;
  const where =
    isApart || workgroup.every((n) => n === 0) ? "" : ` (workgroup ${workgroup.join(", ")})`;
  return `RACE: ${space} ${variable}${place}${where}: ${first}, ${second}, ${MISSING[missing]}`;
}
