// How far measurements of the same ceilings lie apart, figure by figure. Pure.
import type { Ceilings } from "./ceilings.ts";

/** One figure of several measurements. */
export interface FigureSpread {
  readonly figure: string;
  readonly unit: string;
  readonly lowest: number;
  readonly highest: number;
  /** The highest by the lowest, less 1. */
  readonly difference: number;
}

/** The spread of each figure of ceilings of one adapter; of none, there is none. */
export function ceilingsSpread(measured: readonly Ceilings[]): FigureSpread[] {
  const rates = measured.map(figures);
  return (rates[0] ?? []).map(({ figure, unit }, i) => {
    const values = rates.map((list) => list[i].rate);
    const [lowest, highest] = [Math.min(...values), Math.max(...values)];
    return { figure, unit, lowest, highest, difference: highest / lowest - 1 };
  });
}

function figures({
  bandwidth,
  gflops,
  f16_gflops,
}: Ceilings): { figure: string; unit: string; rate: number }[] {
  const access = bandwidth.flatMap((b) => {
    const name = (kind: string): string => `${kind} ${b.working_set_bytes / 2 ** 20} MiB`;
    return [
      { figure: name("copy"), unit: "GB/s", rate: b.copy_gbytes },
      { figure: name("read"), unit: "GB/s", rate: b.read_gbytes },
      { figure: name("triad"), unit: "GB/s", rate: b.triad_gbytes },
    ];
  });
  const f16 = f16_gflops === null ? [] : [{ figure: "f16", unit: "GFLOP/s", rate: f16_gflops }];
  return [...access, { figure: "f32", unit: "GFLOP/s", rate: gflops }, ...f16];
}
