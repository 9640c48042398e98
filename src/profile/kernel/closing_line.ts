// The last line of a profile: the facts that all of its times share. Pure.
import { percentText } from "../../measure/text.ts";
import type { Summary } from "../../measure/summary.ts";

/**
 * The number of rows that the launch bounds, the time that timestamps add to a pass, and the
 * largest drift.
 */
export function closingLine(summary: Summary): string {
  return closingParts(summary).join("   ");
}

/** The parts of the line, for formats without such a line. */
export function closingParts({ rows, instrumentation_us }: Summary): string[] {
  const timings = rows.flatMap(({ cold, hot }) => [cold, hot]).filter((t) => t !== null);
  const bound = rows.filter(({ roofline }) => roofline?.bound === "launch").length;
  const drift = Math.max(0, ...timings.map((timing) => Math.abs(timing.drift)));
  const launch = bound === 0 ? "none" : `${bound} of ${rows.length} (larger problems show more)`;
  return [
    `launch-bound: ${launch}`,
    ...(instrumentation_us === undefined
      ? []
      : [`instrumentation ${signed(instrumentation_us)} us per pass`]),
    ...(timings.length === 0 ? [] : [`drift at most ${percentText(drift, false)}`]),
  ];
}

function signed(value: number): string {
  return `${value < 0 ? "" : "+"}${value.toFixed(Math.abs(value) < 10 ? 1 : 0)}`;
}
