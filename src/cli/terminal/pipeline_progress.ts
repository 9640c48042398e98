// The progress of compiling kernels as one line.
import type { PipelineWatch } from "../../gpu/pipelines.ts";
import type { Output } from "./surroundings.ts";

// Nothing is shown of what takes less.
const SILENT_MS = 1000;
// Plain lines per stage.
const LINES = 4;

/** Shows how many kernels are compiled, and how many have run once; `now_ms` is the clock. */
export function pipelineProgress(
  output: Output,
  now_ms: () => number = () => performance.now(),
): PipelineWatch {
  let current: string | null = null;
  let [began_ms, last, shown] = [0, 0, 0];
  return (stage, ready, all) => {
    if (stage !== current || ready < last) {
      [current, began_ms, shown] = [stage, now_ms(), 0];
    }
    last = ready;
    if (now_ms() - began_ms < SILENT_MS) return;
    const part = Math.floor((LINES * ready) / all);
    const isMilestone = part > shown;
    shown = part;
    const text = stage === "compiled" ? "compiling kernels" : "first step, which compiles kernels";
    output.progress(`${text}: ${ready} of ${all}`, isMilestone);
  };
}
