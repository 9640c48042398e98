// Estimates how long an ablation still takes, from the cells that are finished.
import { meanOf } from "./paired.ts";

/** An estimate of the time left. */
export interface TimeLeft {
  /** A cell of this many seconds is finished. */
  readonly finish: (time_s: number) => void;
  /**
   * Seconds left where `cells` cells are not finished, the one in progress is done to `share`, and
   * its steps so far would make a whole cell of `cell_s` seconds; that counts only until a cell is
   * finished.
   */
  readonly left_s: (cells: number, share: number, cell_s: number) => number;
}

/** An estimate without any finished cell yet. */
export function timeLeft(): TimeLeft {
  const times_s: number[] = [];
  return {
    finish: (time_s) => times_s.push(time_s),
    left_s: (cells, share, cell_s) =>
      Math.max(0, cells - share) * (times_s.length === 0 ? cell_s : meanOf(times_s)),
  };
}
