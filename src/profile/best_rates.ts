// What is reached at the best, under whatever else a machine does: forms of the same figure in
// rounds spread in time, until each figure was reached several times. The clock is given.

/** One way to reach a figure; several may have the same. */
export interface Form {
  readonly figure: string;
  /** Measures for a moment; returns the best rate of it. */
  readonly rate: () => Promise<number>;
}

/** When a figure is believed, and when measuring ends all the same. */
export interface RoundSettings {
  /** Rounds there are at least. */
  readonly rounds: number;
  /** Rounds that must come near the best of all. */
  readonly confirmed: number;
  /** How near that is, as a share of the best. */
  readonly within: number;
  readonly timeout_s: number;
}

/**
 * The best rate of each figure. Other work only takes from a rate, and never the same: a best that
 * other rounds come near was not disturbed. Figures found so are left alone, for the sake of others.
 */
export async function bestRates(
  forms: readonly Form[],
  { rounds, confirmed, within, timeout_s }: RoundSettings,
  progress: (line: string) => void,
  clock_ms: () => number = () => performance.now(),
): Promise<Map<string, number>> {
  const reached = new Map<string, number[]>(forms.map(({ figure }) => [figure, []]));
  const isOpen = (figure: string): boolean => {
    const rates = reached.get(figure)!;
    const near = (1 - within) * Math.max(...rates);
    return rates.length < rounds || rates.filter((rate) => rate >= near).length < confirmed;
  };
  const end = clock_ms() + 1000 * timeout_s;
  for (let round = 1; round === 1 || clock_ms() < end; round++) {
    const open = [...reached.keys()].filter(isOpen);
    if (open.length === 0) break;
    progress(`ceilings: round ${round}, ${reached.size - open.length} of ${reached.size} found`);
    for (const figure of open) {
      let best = 0;
      for (const form of forms) {
        if (form.figure === figure) best = Math.max(best, await form.rate());
      }
      reached.get(figure)!.push(best);
    }
  }
  return new Map([...reached].map(([figure, rates]) => [figure, Math.max(...rates)]));
}
