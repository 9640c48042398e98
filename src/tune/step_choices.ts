// Which choices a whole step keeps: what wins alone may lose among others, by caches or by clocks.
// Pure; the steps run in tune_step.ts.
import type { Estimate } from "../measure/statistics.ts";

/**
 * Whether a change of time says that a step is no slower: its middle is no rise, and its interval
 * rules a rise of `threshold` out.
 */
export function isNoSlower({ median, high }: Estimate, threshold: number): boolean {
  return median <= 0 && high <= threshold;
}

/**
 * The choices that a step keeps: all of them where `keeps` says so, else by halves, each half beside
 * those kept before it, down to single ones. Once the time `isOver`, what was not tried is left out.
 */
export async function keptChoices<T>(
  choices: readonly T[],
  keeps: (kept: readonly T[], more: readonly T[]) => Promise<boolean>,
  isOver: () => boolean,
): Promise<T[]> {
  const kept: T[] = [];
  const visit = async (part: readonly T[]): Promise<void> => {
    if (part.length === 0 || (part.length < choices.length && isOver())) return;
    if (await keeps(kept, part)) {
      kept.push(...part);
    } else if (part.length > 1) {
      const half = Math.ceil(part.length / 2);
      await visit(part.slice(0, half));
      await visit(part.slice(half));
    }
  };
  await visit(choices);
  return kept;
}
