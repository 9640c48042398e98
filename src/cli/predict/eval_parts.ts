// The protocol of `ringdepth eval`: a preset, and options that replace its parts.
import { Option, type Command } from "commander";
import { AFFINE_FORMS, type AffineForm } from "../../evaluate/affine.ts";
import {
  CROPS,
  OWN_PARTS,
  presetNamed,
  PRESETS,
  type Crop,
  type EvaluationParts,
  type Preset,
} from "../../evaluate/parts.ts";
import { InputError } from "../../tensor/error.ts";
import { positiveNumber, wholeNumber } from "../terminal/options.ts";

/** Options that determine the protocol; those left out keep the preset's parts. */
export interface PartOptions {
  readonly protocol?: Preset;
  readonly resolution?: EvaluationParts["resolution"];
  readonly resize?: "half-pixel" | "corners";
  readonly min?: number;
  readonly cap?: number;
  readonly clamp?: EvaluationParts["clamp"];
  readonly crop?: Crop | "none";
  readonly mask?: boolean;
  readonly median?: EvaluationParts["median"];
  readonly group?: EvaluationParts["group"];
  readonly batch?: number;
  readonly dropLast?: boolean;
  readonly average?: EvaluationParts["average"];
  readonly flip?: boolean;
  readonly affine?: AffineForm;
}

/** The chosen protocol. */
export interface ChosenParts {
  /** Null if neither a preset nor a part was given. */
  readonly name: string | null;
  readonly parts: EvaluationParts;
}

/** Adds the options. */
export function partOptions(command: Command): Command {
  const choice = (flags: string, text: string, values: readonly string[]): Option =>
    new Option(flags, text).choices(values);
  const names = PRESETS.map(({ name, letter }) => `${name} (${letter})`).join(", ");
  return command
    .option("--protocol <name>", `published protocol: ${names}`, presetNamed)
    .addOption(
      choice("--resolution <at>", "compare at the size of the truth or of the prediction", [
        "truth",
        "prediction",
      ]),
    )
    .addOption(
      choice("--resize <how>", "how a prediction is resized: half-pixel, or corners aligned", [
        "half-pixel",
        "corners",
      ]),
    )
    .option("--min <metres>", "count only true depths above this", metres)
    .option("--cap <metres>", "count only true depths below this", positiveNumber("--cap"))
    .addOption(
      choice("--clamp <when>", "clamp predictions after scaling, or before the median too", [
        "after",
        "before",
      ]),
    )
    .option("--crop <part>", "none, garg, eigen, or shares TOP,BOTTOM,LEFT,RIGHT", crop)
    .option("--mask", "leave out pixels on the vehicle's own body")
    .option("--no-mask", "count pixels on the vehicle's own body")
    .addOption(
      choice(
        "--median <kind>",
        "median of an even count: mean of the middle two, or the lower one",
        ["mean", "lower"],
      ),
    )
    .addOption(
      choice("--group <pixels>", "pixels that share a median and a set of metrics", [
        "image",
        "batch",
      ]),
    )
    .option("--batch <n>", "moments per batch", wholeNumber("--batch", 1))
    .option("--drop-last", "leave out moments that do not fill the last batch")
    .option("--no-drop-last", "count moments that do not fill the last batch")
    .addOption(
      choice("--average <over>", "mean over cameras, over all images alike, or over batches", [
        "cameras",
        "images",
        "batches",
      ]),
    )
    .option("--flip", "predict mirrored images too and fuse both")
    .option("--no-flip", "do not predict mirrored images")
    .addOption(
      choice("--affine <form>", "also align each image by a scale and a shift", AFFINE_FORMS),
    );
}

/** The protocol that the options describe. */
export function chosenParts(options: PartOptions): ChosenParts {
  const { protocol, resize, min, cap, dropLast, crop: part, ...rest } = options;
  const { resolution, clamp, mask, median, group, batch, average, flip } = rest;
  const given = {
    resolution,
    resize: resize === "half-pixel" ? ("half_pixel" as const) : resize,
    min_m: min,
    cap_m: cap,
    clamp,
    crop: part === "none" ? null : part,
    mask,
    median,
    group,
    batch,
    drop_last: dropLast,
    average,
    flip,
  };
  const changed = Object.entries(given).filter(([, value]) => value !== undefined);
  const parts = { ...(protocol?.parts ?? OWN_PARTS), ...Object.fromEntries(changed) };
  if (protocol === undefined && changed.length === 0) return { name: null, parts };
  const base = protocol === undefined ? "own" : `${protocol.letter} (${protocol.name})`;
  const names = changed.map(([key]) => key).join(", ");
  return { name: changed.length === 0 ? base : `${base}, changed: ${names}`, parts };
}

function metres(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && value >= 0 && value < Infinity) return value;
  throw new InputError(`--min ${text}: expected metres, at least 0`);
}

function crop(text: string): Crop | "none" {
  if (Object.hasOwn(CROPS, text)) return CROPS[text] ?? "none";
  const shares = text.split(",").map((share) => (share.trim() === "" ? Number.NaN : Number(share)));
  const [top, bottom, left, right] = shares;
  if (shares.length === 4 && shares.every(Number.isFinite)) return { top, bottom, left, right };
  throw new InputError(
    `--crop ${text}: expected ${Object.keys(CROPS).join(", ")} or TOP,BOTTOM,LEFT,RIGHT as shares`,
  );
}
