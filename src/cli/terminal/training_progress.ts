// The progress of training as one line: step, loss, rigs per second, wait for data, time left.
import type { StepRecord } from "../../train/run_folder.ts";
import type { Output } from "./surroundings.ts";

// Approximate number of plain lines per run.
const LINES = 20;
// The rate is computed over this many steps, because the first ones of a run compile pipelines.
const WINDOW = 20;

/** Shows each step as it comes, which takes `moments` rigs; `now_ms` is the clock. */
export function trainingProgress(
  output: Output,
  steps: number,
  now_ms: () => number = () => performance.now(),
  moments = 1,
): (record: StepRecord) => void {
  const every = Math.max(1, Math.round(steps / LINES));
  const times_ms = [now_ms()];
  const waits_ms: number[] = [];
  return ({ step, loss, wait_ms }) => {
    times_ms.push(now_ms());
    waits_ms.push(wait_ms ?? 0);
    if (times_ms.length > WINDOW + 1) times_ms.shift();
    if (waits_ms.length > WINDOW) waits_ms.shift();
    const window_ms = times_ms.at(-1)! - times_ms[0];
    const rate = (1000 * (times_ms.length - 1)) / Math.max(1, window_ms);
    const rigs = moments * rate;
    const share = Math.min(1, waits_ms.reduce((a, b) => a + b, 0) / Math.max(1, window_ms));
    const parts = [
      `step ${String(step).padStart(String(steps).length)}/${steps}`,
      `loss ${loss.toFixed(4)}`,
      `${rigs.toFixed(rigs < 10 ? 2 : 1)} rigs/s`,
      ...(wait_ms === undefined ? [] : [`waits ${(100 * share).toFixed(0)} %`]),
      step < steps ? `${clock((steps - step) / rate)} left` : "done",
    ];
    output.progress(parts.join("  "), step % every === 0 || step === steps);
  };
}

/** Seconds as `m:ss`, hours as `h:mm:ss`. */
export function clock(time_s: number): string {
  const total = Math.round(time_s);
  const two = (value: number): string => String(value).padStart(2, "0");
  const [hours, minutes, seconds] = [
    Math.floor(total / 3600),
    Math.floor(total / 60) % 60,
    total % 60,
  ];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds)}` : `${minutes}:${two(seconds)}`;
}
