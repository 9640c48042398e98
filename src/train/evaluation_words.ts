// Remarks that accompany the numbers of an evaluation: which moments were evaluated, how metres
// were determined, and what was left out. Only moments not trained on are called "held-out".
import type { DataSource, Split } from "../data/data_source.ts";
import type { Evaluation } from "./evaluation.ts";
import type { TrainedStudent } from "./trained/student_bytes.ts";

/** The moments of an evaluation, such as `12 held-out moments`. */
export function describeMoments(
  split: Split,
  { moments, trained_on }: Pick<Evaluation, "moments" | "trained_on">,
): string {
  const counted = moments === 1 ? "1 moment" : `${moments} moments`;
  if (trained_on === null)
    return `${counted}; it is not known whether the student was trained on them`;
  if (trained_on > 0) {
    return `${trained_on} of ${counted} ${trained_on === 1 ? "was" : "were"} trained on`;
  }
  if (split === "held-out") return counted.replace(" ", " held-out ");
  return `${counted} of the train split, none trained on`;
}

/** The rule that turned images into metres, and the difference of the opened source. */
export interface MetresBy {
  readonly focal_reference_px: number;
  readonly depth_max_m: number;
  /** The data that the student was trained on, as its configuration names it. */
  readonly trained_with: string;
}

/** The rule for a student's metres, whichever source is opened. */
export function metresBy({ config, depth_max_m, origin }: TrainedStudent): MetresBy {
  const { focalReference_px } = origin.scale;
  return { focal_reference_px: focalReference_px, depth_max_m, trained_with: config.data };
}

/** The same as a line, which names the opened source's rule if that differs. */
export function describeMetres(student: TrainedStudent, source: DataSource): string {
  const { focal_reference_px, depth_max_m, trained_with } = metresBy(student);
  const { protocol } = source;
  const others = [
    ...(source.focalReference_px === focal_reference_px ? [] : [`${source.focalReference_px} px`]),
    ...(protocol.cap_m === depth_max_m ? [] : [`${protocol.cap_m} m`]),
  ];
  return (
    `Metres use the student's own focal reference, ${focal_reference_px} px, and depths up to ` +
    `${depth_max_m} m, from its training on ${trained_with}` +
    (others.length === 0 ? "" : ` (training on this data would use ${others.join(" and ")})`)
  );
}

/** True depths that a mask leaves out, such as `1,200 true depths are masked and left out`. */
export function describeMasked(pixels: number): string {
  const counted =
    pixels === 1 ? "1 true depth is" : `${pixels.toLocaleString("en-US")} true depths are`;
  return `${counted} masked and left out`;
}

/**
 * Lines about the limits of an evaluation: moments that were trained on, masked pixels, images and
 * cameras without true depth in range.
 */
export function evaluationRemarks({
  moments,
  trained_on,
  masked_pixels,
  result,
}: Pick<Evaluation, "moments" | "trained_on" | "masked_pixels" | "result">): string[] {
  const { ring, images, skipped_images } = result;
  const some = ring.filter((name) => skipped_images[name] > 0 && images[name] > 0);
  const none = ring.filter((name) => images[name] === 0);
  const lines: string[] = [];
  if (trained_on !== null && trained_on > 0) {
    const part = trained_on === moments ? "these moments" : "some of these moments";
    lines.push(`the student was trained on ${part}: it may be worse on new ones`);
  }
  if (masked_pixels !== null) lines.push(describeMasked(masked_pixels));
  if (some.length > 0) {
    const counts = some.map((name) => `${name} ${skipped_images[name]}`).join(", ");
    lines.push(`images without true depth in range, left out: ${counts}`);
  }
  if (none.length > 0) {
    lines.push(`cameras without true depth in range, not in the mean of all: ${none.join(", ")}`);
  }
  return lines;
}
