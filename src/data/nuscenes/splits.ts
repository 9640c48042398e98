// The official splits of nuScenes by scene, and how its versions name them. Source: the devkit's
// `utils/splits.py`; train_detect and train_track, halves of train, are not included.
import { InputError } from "../../tensor/error.ts";
import type { Split } from "../data_source.ts";

/** The official splits. */
export const OFFICIAL_SPLITS = ["train", "val", "test", "mini_train", "mini_val"] as const;

/** An official split. */
export type OfficialSplit = (typeof OFFICIAL_SPLITS)[number];

// Numbers of scenes, with ranges.
const TRAIN =
  "0001-0002 0004-0011 0019-0034 0041-0076 0120-0135 0138-0139 0149-0152 0154-0155 0157-0168 " +
  "0170-0185 0187-0188 0190-0196 0199-0200 0202-0204 0206-0214 0218-0220 0222 0224-0264 " +
  "0283-0306 0315-0318 0321 0323-0324 0328 0347-0386 0388-0403 0405-0408 0410-0459 0461-0465 " +
  "0467-0469 0471-0472 0474-0480 0499-0502 0504-0515 0517-0518 0525-0539 0541-0546 0566 0568 " +
  "0570-0578 0580 0582-0600 0639-0679 0681 0683-0689 0695-0698 0700-0701 0703-0719 0726-0728 " +
  "0730-0731 0733-0741 0744 0746-0747 0749-0752 0757-0765 0767-0769 0786-0787 0789-0792 " +
  "0803-0806 0808-0813 0815-0817 0819-0822 0847-0856 0858 0860-0866 0868-0873 0875-0878 0880 " +
  "0882-0903 0945 0947 0949 0952-0953 0955-0961 0975-0984 0988-0992 0994-1025 1044-1058 " +
  "1074-1102 1104-1110";
const VAL =
  "0003 0012-0018 0035-0036 0038-0039 0092-0110 0221 0268-0278 0329-0332 0344-0346 0519-0524 " +
  "0552-0565 0625-0627 0629-0630 0632-0638 0770-0771 0775 0777-0778 0780-0784 0794-0800 0802 " +
  "0904-0917 0919-0931 0962-0963 0966-0969 0971-0972 1059-1073";
const TEST =
  "0077-0091 0111-0119 0140 0142-0148 0265-0266 0279-0282 0307-0314 0333-0343 0481-0498 " +
  "0547-0551 0601-0604 0606-0624 0827-0831 0833-0842 0844-0846 0932-0933 0935-0943 1026-1043";
const MINI_TRAIN = "0061 0553 0655 0757 0796 1077 1094 1100";
const MINI_VAL = "0103 0916";

const SCENES: { readonly [split in OfficialSplit]: ReadonlySet<string> } = {
  train: scenes(TRAIN),
  val: scenes(VAL),
  test: scenes(TEST),
  mini_train: scenes(MINI_TRAIN),
  mini_val: scenes(MINI_VAL),
};

// The ending of a version's name whose tables have the scenes of the split, as the devkit demands.
const ENDINGS: { readonly [split in OfficialSplit]: string } = {
  train: "trainval",
  val: "trainval",
  test: "test",
  mini_train: "mini",
  mini_val: "mini",
};

/** Names of the scenes of an official split, such as `scene-0061`. */
export function officialScenes(split: OfficialSplit): ReadonlySet<string> {
  return SCENES[split];
}

/** Whether a name is that of an official split. */
export function isOfficialSplit(name: string): name is OfficialSplit {
  return (OFFICIAL_SPLITS as readonly string[]).includes(name);
}

/** The official splits of a version, such as mini_train and mini_val of v1.0-mini. */
export function splitsOfVersion(version: string): OfficialSplit[] {
  return OFFICIAL_SPLITS.filter((split) => version.endsWith(ENDINGS[split]));
}

/**
 * The official split of a version to train on or to hold out; v1.0-test has one for both. Null for a
 * version that is not official.
 */
export function usualSplit(version: string, split: Split): OfficialSplit | null {
  const own = splitsOfVersion(version);
  return own[split === "train" ? 0 : own.length - 1] ?? null;
}

/** Throws InputError, naming `where`, if a version does not have the scenes of an official split. */
export function checkVersion(split: OfficialSplit, version: string, where: string): void {
  if (version.endsWith(ENDINGS[split])) return;
  const own = splitsOfVersion(version);
  throw new InputError(
    `${where}: split ${split} belongs to v1.0-${ENDINGS[split]}, not to ${version}` +
      (own.length === 0 ? "" : `, which has ${own.join(" and ")}`),
  );
}

function scenes(ranges: string): ReadonlySet<string> {
  const names = new Set<string>();
  for (const range of ranges.split(" ")) {
    const [first, last = first] = range.split("-");
    for (let number = Number(first); number <= Number(last); number++) {
      names.add(`scene-${String(number).padStart(4, "0")}`);
    }
  }
  return names;
}
