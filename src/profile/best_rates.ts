// What is reached at the best, under whatever else a machine does: forms of the same figure in
// rounds spread in time, until each figure was reached several times. The clock is given.

/** One way to reach a figure; several may have the same. */
export interface Form {
  readonly figure: string;
  /** Measures for a moment; returns the best rate of it. */
  readonly rate: () => Promise<number>;
}

/** What a round of a figure came to. */
interface Round {
  readonly rate: number;
  readonly disturbed: boolean;
}

/** When a figure is believed, and when measuring ends all the same. */
export interface RoundSettings {
  /** Rounds there are at least. */
  readonly rounds: number;
  /** Undisturbed rounds that must come near the best of all. */
  readonly confirmed: number;
  /** How near that is, as a share of the best. */
  readonly within: number;
  readonly timeout_s: number;
  /** Starts to watch a round of a figure; tells whether anything disturbed it. */
  readonly watch: () => () => boolean;
}

/**
 * The best rate of each figure. Other work only takes from a rate: a best that other rounds come
 * near, undisturbed, is what can be reached. Figures found so are left alone, for the sake of others.
 */
export async function bestRates(
  forms: readonly Form[],
  { rounds, confirmed, within, timeout_s, watch }: RoundSettings,
  progress: (line: string) => void,
  clock_ms: () => number = () => performance.now(),
): Promise<Map<string, number>> {
  const all = new Map<string, Round[]>(forms.map(({ figure }) => [figure, []]));
  const best = (figure: string): number => Math.max(...all.get(figure)!.map(({ rate }) => rate));
  const isOpen = (figure: string): boolean => {
    const near = (1 - within) * best(figure);
    const found = all.get(figure)!;
    const good = found.filter(({ rate, disturbed }) => rate >= near && !disturbed);
    return found.length < rounds || good.length < confirmed;
  };
  const end = clock_ms() + 1000 * timeout_s;
  for (let round = 1; round === 1 || clock_ms() < end; round++) {
    const open = [...all.keys()].filter(isOpen);
    if (open.length === 0) break;
    progress(`ceilings: round ${round}, ${all.size - open.length} of ${all.size} found`);
    for (const figure of open) {
      const disturbed = watch();
      let rate = 0;
      for (const form of forms) {
        if (form.figure === figure) rate = Math.max(rate, await form.rate());
      }
      all.get(figure)!.push({ rate, disturbed: disturbed() });
    }
  }
  return new Map([...all.keys()].map((figure) => [figure, best(figure)]));
}
