// The best rates that a machine reaches despite its other work: measures several forms of each
// figure in rounds spread over time, until the best of each no longer rises. The clock is passed
// in.

/** One way to reach a figure; several forms may share a figure. */
export interface Form {
  readonly figure: string;
  /** Measures for a moment; returns the best rate in it. */
  readonly rate: () => Promise<number>;
}

/** When figures are trusted, and when measuring ends regardless. */
export interface RoundSettings {
  /** The minimum number of undisturbed rounds in each half of the time. */
  readonly rounds: number;
  /** The largest difference between the bests of the two halves, as a share of the higher. */
  readonly within: number;
  /** For each of several measurements. */
  readonly timeout_s: number;
  /** Starts to watch a round; the result tells whether anything disturbed it. */
  readonly watch: () => () => boolean;
  /** Called before each round; throws if measuring must end without a result. */
  readonly proceed?: (() => void) | undefined;
}

/**
 * The best rates of one measurement, and the figures that were still rising when the time was up.
 */
export interface BestRates {
  readonly rates: ReadonlyMap<string, number>;
  readonly unsettled: readonly string[];
}

/** The results of one round, by figure. */
interface Round {
  readonly rates: ReadonlyMap<string, number>;
  readonly disturbed: boolean;
}

/**
 * The best rate of each figure, for `times` interleaved measurements: they alternate round by round,
 * so that all meet the same state of the machine. Other work can only lower a rate: once the first
 * half of the undisturbed rounds and the second half agree, that is the best rate. All figures are
 * measured until the end, because a processor's speed changes by the minute.
 */
export async function bestRates(
  forms: readonly Form[],
  settings: RoundSettings,
  times: number,
  progress: (line: string) => void,
  clock_ms: () => number = () => performance.now(),
): Promise<BestRates[]> {
  const figures = [...new Set(forms.map(({ figure }) => figure))];
  const runs = Array.from({ length: times }, (): Round[] => []);
  const unsettled = runs.map((): readonly string[] => figures);
  const started_ms = clock_ms();
  const time_s = (): number => (clock_ms() - started_ms) / 1000;
  const most_s = times * settings.timeout_s;
  const isOpen = (): boolean => unsettled.some(({ length }) => length > 0);
  for (let turn = 0; turn < times || (isOpen() && time_s() < most_s); turn++) {
    settings.proceed?.();
    const open = Math.max(...unsettled.map(({ length }) => length));
    const time = `${time_s().toFixed(0)} of at most ${most_s} s`;
    progress(`ceilings: ${time}, ${figures.length - open} of ${figures.length} figures settled`);
    const run = turn % times;
    runs[run].push(await round(forms, settings));
    unsettled[run] = unsettledOf(figures, runs[run], settings);
  }
  return runs.map((rounds, run) => ({
    rates: new Map(figures.map((figure) => [figure, best(rounds, figure)])),
    unsettled: unsettled[run],
  }));
}

/** Measures all forms once. */
async function round(
  forms: readonly Form[],
  { watch }: Pick<RoundSettings, "watch">,
): Promise<Round> {
  const disturbed = watch();
  const rates = new Map<string, number>();
  for (const { figure, rate } of forms) {
    const now = await rate();
    // If the clock cannot measure a time, there is no rate.
    const told = Number.isFinite(now) && now > 0 ? now : 0;
    rates.set(figure, Math.max(rates.get(figure) ?? 0, told));
  }
  return { rates, disturbed: disturbed() };
}

/** The figures whose rates differ between the two halves of the undisturbed rounds. */
function unsettledOf(
  figures: readonly string[],
  all: readonly Round[],
  { rounds, within }: Pick<RoundSettings, "rounds" | "within">,
): readonly string[] {
  const good = all.filter(({ disturbed }) => !disturbed);
  if (good.length < 2 * rounds) return figures;
  const middle = Math.floor(good.length / 2);
  return figures.filter((figure) => {
    const halves = [good.slice(0, middle), good.slice(middle)].map((half) => best(half, figure));
    return Math.min(...halves) < (1 - within) * Math.max(...halves);
  });
}

function best(some: readonly Round[], figure: string): number {
  return Math.max(...some.map(({ rates }) => rates.get(figure)!));
}
