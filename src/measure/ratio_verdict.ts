// The certain conclusion from a ratio of times. Pure.

/** A ratio of times with its interval, and whether the clock can measure the time. */
interface MeasuredRatio {
  readonly ratio: { readonly low: number; readonly high: number } | null;
  readonly time: { readonly trusted: boolean } | null;
}

/**
 * Whether a candidate is faster or slower than the first one: its whole interval must lie above or
 * below 1. AMBIGUOUS if the interval contains 1, or if the time is too short for the clock.
 */
export function ratioVerdict({ ratio, time }: MeasuredRatio): "faster" | "slower" | "AMBIGUOUS" {
  if (ratio === null || time?.trusted === false) return "AMBIGUOUS";
  if (ratio.low > 1) return "faster";
  return ratio.high < 1 ? "slower" : "AMBIGUOUS";
}
