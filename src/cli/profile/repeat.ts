// `ringdepth profile ceilings --repeat N`: how far measurements lie apart, each by itself.
import { type ResultOptions, writeResult } from "../terminal/result.ts";
import type { AdapterFacts } from "../../gpu/device.ts";
import type { Ceilings } from "../../measure/ceilings.ts";
import { ceilingsSpread } from "../../measure/ceilings_spread.ts";
import { percentText, rateText } from "../../measure/text.ts";
import { EXIT } from "../terminal/exit_code.ts";
import type { Table } from "../terminal/profile_table.ts";
import type { ProfileRun } from "./run.ts";

/** What measurements may lie apart: a software adapter shares its processor with all else. */
function allowedSpread({ software }: Pick<AdapterFacts, "software">): number {
  return software ? 0.1 : 0.05;
}

/**
 * Compares ceilings that were measured in turn; the exit code is 1 where the highest measurement of
 * a figure is above the lowest by more than is allowed.
 */
export async function compareCeilings(
  { gpu, output, surroundings, options }: ProfileRun<ResultOptions>,
  measured: readonly Ceilings[],
  kept: Ceilings,
): Promise<number> {
  const spread = ceilingsSpread(measured);
  const most = ceilingsSpread([kept]);
  const allowed = allowedSpread(gpu.facts);
  const table: Table = {
    head: ["figure", "lowest", "highest", "apart", "kept", "unit"],
    rows: spread.map(({ figure, unit, lowest, highest, difference }, i) => [
      figure,
      rateText(lowest),
      rateText(highest),
      percentText(difference, false),
      rateText(most[i].highest),
      unit,
    ]),
  };
  const value = { measured, kept, spread, allowed };
  await writeResult(surroundings, output, options, { value, table, csv: table });
  const above = spread.filter(({ difference }) => difference > allowed).length;
  const bound = `${percentText(allowed, false, 0)} apart in ${measured.length} measurements`;
  output.say(
    above === 0
      ? `no figure is more than ${bound}`
      : `${above} of ${spread.length} figures ${above === 1 ? "is" : "are"} more than ${bound}`,
  );
  return above === 0 ? EXIT.fine : EXIT.gate;
}
