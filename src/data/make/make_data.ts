// Writes the built-in rig in the files of other data sets: to try their readers without a download, and
// as fixtures of tests. Read back at the same size, the LiDAR depth is the built-in rig's bit for bit.
import { readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { writeFileAtomically } from "../../formats/atomic_file.ts";
import { makeFolder } from "../../formats/make_folder.ts";
import { makeOutFolder } from "../../formats/own_files.ts";
import { InputError } from "../../tensor/error.ts";
import { rigMoment } from "../builtin_rig.ts";
import type { ImageSize } from "../camera.ts";
import type { Split } from "../data_source.ts";
import { ddadFiles } from "./make_ddad.ts";
import { folderFiles } from "./make_folder_data.ts";
import { nuscenesFiles } from "./make_nuscenes.ts";
import type { MadeFile, Maker } from "./maker.ts";

/** The formats that can be made; `rig` is a folder of images with a rig.json. */
export const MADE_KINDS = ["rig", "nuscenes", "ddad"] as const;

/** A format that can be made. */
export type MadeKind = (typeof MADE_KINDS)[number];

/** The moments to write. */
export interface MakeOptions {
  readonly moments: { readonly [split in Split]: number };
  /** Size of the images and of the cameras. */
  readonly size: ImageSize;
  readonly seed: number;
  /** Told how many moments are done. */
  readonly onMoment?: (done: number, total: number) => void;
}

const MAKERS: { readonly [kind in MadeKind]: () => Maker } = {
  rig: folderFiles,
  nuscenes: nuscenesFiles,
  ddad: ddadFiles,
};

/**
 * Writes the built-in rig into the new or empty folder `out`; returns the number of files. The tables
 * of the set come last, so a set that was interrupted does not open. Throws InputError if `out` has
 * files already or cannot be written.
 */
export async function makeData(kind: MadeKind, out: string, options: MakeOptions): Promise<number> {
  const { moments, size, seed, onMoment } = options;
  await makeOutFolder(out, true);
  const [first] = await readdir(out);
  if (first !== undefined) {
    throw new InputError(`${out}: has files already, such as ${first}; choose a new --out`);
  }
  const maker = MAKERS[kind]();
  const total = moments.train + moments["held-out"];
  let [done, files] = [0, 0];
  const write = async ({ name, bytes }: MadeFile): Promise<void> => {
    const file = join(out, name);
    await makeFolder(dirname(file));
    await writeFileAtomically(file, bytes);
    files++;
  };
  for (const split of ["train", "held-out"] as const) {
    for (let index = 0; index < moments[split]; index++) {
      const moment = rigMoment({ split, seed }, index, size);
      for (const file of await maker.moment(moment, split, index)) await write(file);
      onMoment?.(++done, total);
    }
  }
  for (const file of maker.rest()) await write(file);
  return files;
}
