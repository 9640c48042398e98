// The names of a folder of predictions: one folder per moment, one stem per camera. `predict` writes
// them, `eval --predictions` reads them.
import { OWN_FILES } from "../formats/own_files.ts";
import { pathName, pathNames, type PathNames } from "../formats/path_name.ts";

/** The lock in a folder of predictions: the name that a run folder's lock has too. */
export const PREDICTION_LOCK = "ringdepth.lock";

/** Files of a moment that belong to no camera. */
export const RIG_FILES = ["points.ply", "panorama.png"] as const;

/** The folders of moments, by sample id, in the order of the moments. */
export function momentFolders(): PathNames {
  return pathNames([OWN_FILES, PREDICTION_LOCK]);
}

/** The stem of each camera's files in the folder of a moment. */
export function cameraStems(cameras: readonly { readonly name: string }[]): string[] {
  const names = pathNames([OWN_FILES, ...RIG_FILES], [".png", "_color.png", ".npy"]);
  return cameras.map(({ name }) => names.of(name, pathName(name)));
}
