// What is reached at the best, under whatever else a machine does: forms of the same figure in
// rounds spread in time, until the best of each does not rise any more. The clock is given.

/** One way to reach a figure; several may have the same. */
export interface Form {
  readonly figure: string;
  /** Measures for a moment; returns the best rate of it. */
  readonly rate: () => Promise<number>;
}

/** When figures are believed, and when measuring ends all the same. */
export interface RoundSettings {
  /** Undisturbed rounds that there are at least, in each half of the time. */
  readonly rounds: number;
  /** How far the best of the two halves may lie apart, as a share of the higher. */
  readonly within: number;
  readonly timeout_s: number;
  /** Starts to watch a round; tells whether anything disturbed it. */
  readonly watch: () => () => boolean;
}

/** The best rates, and the figures whose best still changed when the time was up. */
export interface BestRates {
  readonly rates: ReadonlyMap<string, number>;
  readonly unsettled: readonly string[];
}

/** What one round came to, by figure. */
interface Round {
  readonly rates: ReadonlyMap<string, number>;
  readonly disturbed: boolean;
}

/**
 * The best rate of each figure. Other work only takes from a rate: once the first half of the
 * undisturbed rounds and the second came to the same, that is what can be reached. All figures are
 * measured to the end, since what a processor reaches changes by the minute.
 */
export async function bestRates(
  forms: readonly Form[],
  { rounds, within, timeout_s, watch }: RoundSettings,
  progress: (line: string) => void,
  clock_ms: () => number = () => performance.now(),
): Promise<BestRates> {
  const figures = [...new Set(forms.map(({ figure }) => figure))];
  const all: Round[] = [];
  const best = (some: readonly Round[], figure: string): number =>
    Math.max(...some.map(({ rates }) => rates.get(figure)!));
  const unsettled = (): string[] => {
    const good = all.filter(({ disturbed }) => !disturbed);
    if (good.length < 2 * rounds) return figures;
    const middle = Math.floor(good.length / 2);
    return figures.filter((figure) => {
      const halves = [good.slice(0, middle), good.slice(middle)].map((half) => best(half, figure));
      return Math.min(...halves) < (1 - within) * Math.max(...halves);
    });
  };
  const started_ms = clock_ms();
  const time_s = (): number => (clock_ms() - started_ms) / 1000;
  let open = figures;
  do {
    const settled = figures.length - open.length;
    const time = `${time_s().toFixed(0)} of at most ${timeout_s} s`;
    progress(`ceilings: ${time}, ${settled} of ${figures.length} figures settled`);
    const disturbed = watch();
    const rates = new Map<string, number>();
    for (const { figure, rate } of forms) {
      rates.set(figure, Math.max(rates.get(figure) ?? 0, await rate()));
    }
    all.push({ rates, disturbed: disturbed() });
    open = unsettled();
  } while (open.length > 0 && time_s() < timeout_s);
  return { rates: new Map(figures.map((figure) => [figure, best(all, figure)])), unsettled: open };
}
