// `ringdepth profile ceilings --repeat N`: whether ceilings that are measured again are the same.
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

/**
 * Measures ceilings `times` times, each raising what is kept; the exit code is 1 where a figure was
 * raised by more than is allowed.
 */
export async function repeatCeilings(
  { gpu, output, surroundings, options }: ProfileRun<ResultOptions>,
  times: number,
  measure: () => Promise<Ceilings>,
): Promise<number> {
  const measured: Ceilings[] = [];
  for (let i = 0; i < times; i++) measured.push(await measure());
  const spread = ceilingsSpread(measured);
  const allowed = allowedSpread(gpu.facts);
  const table = spreadTable(spread);
  const value = { measured, spread, allowed };
  await writeResult(surroundings, output, options, { value, table, csv: table });
  const above = spread.filter(({ difference }) => difference > allowed).length;
  const bound = `${percentText(allowed, false, 0)} between ${times} measurements`;
  output.say(
    above === 0
      ? `no figure differs by more than ${bound}`
      : `${above} of ${spread.length} figures differ by more than ${bound}`,
  );
  return above === 0 ? EXIT.fine : EXIT.gate;
}

function spreadTable(spread: readonly FigureSpread[]): Table {
  return {
    head: ["figure", "lowest", "highest", "unit", "difference"],
    rows: spread.map(({ figure, unit, lowest, highest, difference }) => [
      figure,
      rateText(lowest),
      rateText(highest),
      unit,
      percentText(difference, false),
    ]),
  };
}
