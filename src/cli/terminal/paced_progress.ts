// Progress for terminals and for pipes.
import type { Output } from "./surroundings.ts";

// Between two lines of progress where no terminal shows it in place.
const PACE_MS = 5000;

/** Progress that a terminal shows in place; elsewhere it is a line every few seconds. */
export function pacedProgress({ progress }: Output): (line: string) => void {
  let last = performance.now();
  return (line) => {
    const due = performance.now() - last >= PACE_MS;
    if (due) last = performance.now();
    progress(line, due);
  };
}
