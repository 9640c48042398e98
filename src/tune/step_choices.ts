// Selects the choices that a whole step keeps: a choice that wins alone may lose among others,
// because of caches or clocks. Pure; the steps run in tune_step.ts.
import type { Estimate } from "../measure/statistics.ts";

/**
 * Whether a change of time shows that a step is no slower: its median is not a rise, and its
 * interval excludes a rise of `threshold`.
 */
export function isNoSlower({ median, high }: Estimate, threshold: number): boolean {
  return median <= 0 && high <= threshold;
}

/**
 * The choices that a step keeps: all of them if `keeps` accepts them, else by halves, each half
 * together with those kept before it, down to single choices. Once the time `isOver`, untried
 * choices are left out.
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
