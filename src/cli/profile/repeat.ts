// `ringdepth profile ceilings --repeat N`: how far measurements lie apart.
import { type ResultOptions, writeResult } from "../terminal/result.ts";
import type { AdapterFacts } from "../../gpu/device.ts";
import type { Ceilings, MeasuredCeilings } from "../../measure/ceilings.ts";
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
 * a figure is above the lowest by more than is allowed. A figure that still rose in one of them may
 * have come to more: it is named, and never fails.
 */
export async function compareCeilings(
  { gpu, output, surroundings, options }: ProfileRun<ResultOptions>,
  all: readonly Pick<MeasuredCeilings, "ceilings" | "unsettled">[],
  kept: Ceilings,
): Promise<number> {
  const measured = all.map(({ ceilings }) => ceilings);
  const spread = ceilingsSpread(all);
  const most = ceilingsSpread([{ ceilings: kept, unsettled: [] }]);
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
  const above = spread.filter(({ difference }) => difference > allowed);
  const sure = above.filter(({ settled }) => settled).length;
  const bound = `${percentText(allowed, false, 0)} apart in ${measured.length} measurements`;
  const of = (count: number): string =>
    `${count} of ${spread.length} figures ${count === 1 ? "is" : "are"} more than ${bound}`;
  if (sure > 0) output.say(of(sure));
  if (above.length > sure) {
    output.say(
      `${of(above.length - sure)}, AMBIGUOUS: still rising when the time was up; a longer one ` +
        `(--timeout) may settle it`,
    );
  }
  if (above.length === 0) output.say(`no figure is more than ${bound}`);
  return sure === 0 ? EXIT.fine : EXIT.gate;
}
