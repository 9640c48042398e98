// What a ratio of times says for sure. Pure.

/** A ratio of times with its interval, and whether the clock can tell the time. */
interface MeasuredRatio {
  readonly ratio: { readonly low: number; readonly high: number } | null;
  readonly time: { readonly trusted: boolean } | null;
}

/**
 * Whether a way is faster or slower than the first one: its whole interval lies above 1 or below.
 * AMBIGUOUS where it holds 1, or where the time is too short for the clock.
 */
export function ratioVerdict({ ratio, time }: MeasuredRatio): "faster" | "slower" | "AMBIGUOUS" {
  if (ratio === null || time?.trusted === false) return "AMBIGUOUS";
  if (ratio.low > 1) return "faster";
  return ratio.high < 1 ? "slower" : "AMBIGUOUS";
}
