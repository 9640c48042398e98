// The result of a kind of attack: how often it was tried, and which tries failed.

/** One kind of attack. */
export interface Tally {
  readonly kind: string;
  /** The unit of the count, in the plural: "kills", "flipped bits". */
  readonly unit: string;
  tries: number;
  /** One line for each failed try. */
  readonly faults: string[];
  /** A figure in addition to the count, such as the longest time. */
  note: string;
}

/** The size of the test and its random seed. */
export interface TortureOptions {
  readonly isLarge: boolean;
  /** Number of tries instead of the default; unused where every call of a disk is tried. */
  readonly count: number | undefined;
  readonly seed: number;
  /** An empty folder for files. */
  readonly root: string;
}

/** A tally with nothing in it yet. */
export function newTally(kind: string, unit: string): Tally {
  return { kind, unit, tries: 0, faults: [], note: "" };
}
