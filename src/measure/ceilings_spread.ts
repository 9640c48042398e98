// How much measurements of the same ceilings differ, figure by figure. Pure.
import { accessFigure, FIGURE } from "./ceiling_forms.ts";
import type { Ceilings, MeasuredCeilings } from "./ceilings.ts";

/** One figure of several measurements. */
export interface FigureSpread {
  readonly figure: string;
  readonly unit: string;
  readonly lowest: number;
  readonly highest: number;
  /** The highest divided by the lowest, minus 1. */
  readonly difference: number;
  /** Whether no measurement was still rising when its time was up. */
  readonly settled: boolean;
}

/**
 * The spread of each figure over several measurements of one adapter; empty without measurements.
 */
export function ceilingsSpread(
  measured: readonly Pick<MeasuredCeilings, "ceilings" | "unsettled">[],
): FigureSpread[] {
  const rates = measured.map(({ ceilings }) => figures(ceilings));
  return (rates[0] ?? []).map(({ figure, unit, key }, i) => {
    const values = rates.map((list) => list[i].rate);
    const [lowest, highest] = [Math.min(...values), Math.max(...values)];
    const settled = !measured.some(({ unsettled }) => unsettled.includes(key));
    return { figure, unit, lowest, highest, difference: highest / lowest - 1, settled };
  });
}

/** A figure of one measurement; `key` is its name in the measurement. */
interface Figure {
  readonly figure: string;
  readonly key: string;
  readonly unit: string;
  readonly rate: number;
}

function figures({ bandwidth, gflops, f16_gflops }: Ceilings): Figure[] {
  const access = bandwidth.flatMap((b) => {
    const { working_set_bytes: bytes } = b;
    return (["copy", "read", "triad"] as const).map((kind) => ({
      figure: `${kind} ${bytes / 2 ** 20} MiB`,
      key: accessFigure(kind, bytes),
      unit: "GB/s",
      rate: b[`${kind}_gbytes`],
    }));
  });
  const arithmetic = (key: "f16" | "f32", rate: number): Figure => ({
    figure: key,
    key: FIGURE[key],
    unit: "GFLOP/s",
    rate,
  });
  const f16 = f16_gflops === null ? [] : [arithmetic("f16", f16_gflops)];
  return [...access, arithmetic("f32", gflops), ...f16];
}
