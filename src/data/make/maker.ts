// The part of a made set that depends on its format: moments become files.
import type { RigMoment } from "../builtin_rig.ts";
import type { Split } from "../data_source.ts";

/** A file below the folder of a set. */
export interface MadeFile {
  /** With slashes. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Turns moments into files. */
export interface Maker {
  /** The files of a moment; `index` counts within the split. */
  readonly moment: (moment: RigMoment, split: Split, index: number) => Promise<MadeFile[]>;
  /** The files of the whole set. */
  readonly rest: () => MadeFile[];
}
