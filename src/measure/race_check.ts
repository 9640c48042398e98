// The result of a search for data races in a shader. The search itself is in profile/races.

/** One of the two accesses of a race. */
export interface RaceAccess {
  readonly kind: "read" | "write" | "update";
  readonly invocation: number;
  readonly workgroup: readonly [number, number, number];
  readonly line: number;
}

/** Two accesses to one place that nothing orders. */
export interface Race {
  readonly space: "workgroup" | "storage";
  readonly variable: string;
  /** The place in the variable, such as `[17].y`. */
  readonly place: string;
  /** The first one writes. */
  readonly accesses: readonly [RaceAccess, RaceAccess];
  readonly kind: "write-write" | "read-write";
  /** The missing order; only another dispatch orders two workgroups. */
  readonly missing: "barrier" | "workgroupBarrier" | "storageBarrier" | "dispatch";
  /** The race as a sentence. */
  readonly text: string;
}

/** The result of a search. */
export interface RaceCheck {
  /** One race for each pair of lines. */
  readonly races: readonly Race[];
  /** Workgroups whose accesses were recorded, of all that were dispatched. */
  readonly workgroups: number;
  readonly of_workgroups: number;
  /** Remarks: what was not recorded, and why. */
  readonly notes: readonly string[];
}

const SHOWN = 4;

/** The races as lines, the first of them; empty if there are none. */
export function raceText({ races }: Pick<RaceCheck, "races">): string {
  const more = races.length - SHOWN;
  const lines = races.slice(0, SHOWN).map(({ text }) => text);
  return [...lines, ...(more > 0 ? [`${more} more pairs of lines race`] : [])].join("\n");
}
