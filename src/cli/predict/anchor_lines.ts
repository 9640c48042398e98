// What anchoring did, as lines for people.
import type { EvaluationResult } from "../../evaluate/protocol.ts";
import type { AnchoredView } from "../../train/anchored.ts";
import type { AnchoredEvaluation } from "../../train/evaluation.ts";

/** The corrections of one moment, such as `CAM_FRONT scale 1.19 from 31 points`. */
export function momentLine(views: readonly AnchoredView[]): string {
  const said = views.map(({ camera, kind, points, factor }) =>
    kind === "none"
      ? `${camera} keeps its depth: too few LiDAR points`
      : `${camera} ${kind} ${factor.toFixed(2)} from ${points} points`,
  );
  return `anchored: ${said.join(", ")}`;
}

/** The metrics with and without the correction, and the cameras that some moment left as they are. */
export function anchorLines(
  { points_per_view, moments, without }: AnchoredEvaluation,
  result: EvaluationResult,
): string[] {
  const kept = new Map<string, number>();
  for (const { camera, kind } of moments.flatMap(({ views }) => views)) {
    if (kind === "none") kept.set(camera, (kept.get(camera) ?? 0) + 1);
  }
  const counts = [...kept].map(([camera, count]) => `${camera} ${count}`).join(", ");
  return [
    `anchored to at most ${points_per_view} LiDAR points per view, evaluated on the other pixels: ` +
      `AbsRel ${result.all.abs_rel.toFixed(3)}, without anchors ${without.all.abs_rel.toFixed(3)}`,
    ...(counts === "" ? [] : [`images not corrected, too few LiDAR points: ${counts}`]),
  ];
}
