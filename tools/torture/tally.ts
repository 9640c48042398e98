// What a kind of attack came to: how often it was tried, and what did not hold.

/** One kind of attack. */
export interface Tally {
  readonly kind: string;
  /** What was counted, in the plural: "kills", "flipped bits". */
  readonly unit: string;
  tries: number;
  /** One line for each try that did not hold. */
  readonly faults: string[];
  /** A figure beside the count, such as the longest time. */
  note: string;
}

/** How much is done, and by which random numbers. */
export interface TortureOptions {
  readonly isLarge: boolean;
  /** Tries instead of those of the form; where every call of a disk is tried, it has no meaning. */
  readonly count: number | undefined;
  readonly seed: number;
  /** An empty folder for files. */
  readonly root: string;
}

/** A tally with nothing in it yet. */
export function newTally(kind: string, unit: string): Tally {
  return { kind, unit, tries: 0, faults: [], note: "" };
}
