// `ringdepth profile ceilings --repeat N`: how far measurements lie apart, each by itself, and whether
// what is kept of them is the same after each.
import type { AdapterFacts } from "../gpu/device.ts";
import type { Ceilings } from "../profile/ceilings.ts";
import { ceilingsSpread, type FigureSpread } from "../profile/ceilings_spread.ts";
import { percentText, rateText } from "../profile/profile_text.ts";
import { EXIT } from "./exit_code.ts";
import type { ResultOptions } from "./profile_options.ts";
import { writeResult } from "./profile_result.ts";
import type { Table } from "./profile_table.ts";
import type { ProfileRun } from "./profile_work.ts";

/** What measurements may lie apart: a software adapter shares its processor with all else. */
function allowedSpread({ software }: Pick<AdapterFacts, "software">): number {
  return software ? 0.1 : 0.05;
}

/** Ceilings as they were just measured, and the most that was reached so far. */
export interface KeptCeilings {
  readonly measured: Ceilings;
  readonly kept: Ceilings;
}

/**
 * Measures ceilings `times` times, each raising what is kept; the exit code is 1 where a figure that
 * is kept was raised by more than is allowed.
 */
export async function repeatCeilings(
  { gpu, output, surroundings, options }: ProfileRun<ResultOptions>,
  times: number,
  measure: () => Promise<KeptCeilings>,
): Promise<number> {
  const all: KeptCeilings[] = [];
  for (let i = 0; i < times; i++) all.push(await measure());
  const alone = ceilingsSpread(all.map(({ measured }) => measured));
  const kept = ceilingsSpread(all.map((one) => one.kept));
  const allowed = allowedSpread(gpu.facts);
  const table = spreadTable(alone, kept);
  const value = { measurements: all, alone, kept, allowed };
  await writeResult(surroundings, output, options, { value, table, csv: table });
  const above = kept.filter(({ difference }) => difference > allowed).length;
  const bound = `${percentText(allowed, false, 0)} by ${times} measurements`;
  output.say(
    above === 0
      ? `no figure that is kept was raised by more than ${bound}`
      : `${above} of ${kept.length} figures that are kept were raised by more than ${bound}`,
  );
  return above === 0 ? EXIT.fine : EXIT.gate;
}

function spreadTable(alone: readonly FigureSpread[], kept: readonly FigureSpread[]): Table {
  return {
    head: ["figure", "lowest alone", "highest alone", "kept", "unit", "kept raised by"],
    rows: alone.map(({ figure, unit, lowest, highest }, i) => [
      figure,
      rateText(lowest),
      rateText(highest),
      rateText(kept[i].highest),
      unit,
      percentText(kept[i].difference, false),
    ]),
  };
}
