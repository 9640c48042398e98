// `ringdepth profile ceilings --repeat N`: how much repeated measurements differ.
import type { AdapterFacts } from "../../gpu/device.ts";
import type { Ceilings, MeasuredCeilings } from "../../measure/ceilings.ts";
import { ceilingsSpread } from "../../measure/ceilings_spread.ts";
import { percentText, rateText } from "../../measure/text.ts";
import type { Table } from "../terminal/table.ts";

/**
 * Allowed difference between measurements; larger for a software adapter, which shares its
 * processor with other programs.
 */
function allowedSpread({ software }: Pick<AdapterFacts, "software">): number {
  return software ? 0.1 : 0.05;
}

/** The differences between measurements as a result and in words, and whether they are too large. */
export interface ComparedCeilings {
  readonly result: { readonly value: unknown; readonly table: Table; readonly csv: Table };
  readonly lines: readonly string[];
  readonly failed: boolean;
}

/**
 * Compares ceilings of interleaved measurements; it fails if the highest value of a figure exceeds
 * the lowest by more than allowed. A figure that was still rising when a measurement ended is named
 * but never fails.
 */
export function compareCeilings(
  facts: Pick<AdapterFacts, "software">,
  all: readonly Pick<MeasuredCeilings, "ceilings" | "unsettled">[],
  kept: Ceilings,
): ComparedCeilings {
  const measured = all.map(({ ceilings }) => ceilings);
  const spread = ceilingsSpread(all);
  const most = ceilingsSpread([{ ceilings: kept, unsettled: [] }]);
  const allowed = allowedSpread(facts);
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
  const above = spread.filter(({ difference }) => difference > allowed);
  const sure = above.filter(({ settled }) => settled).length;
  const bound = `${percentText(allowed, false, 0)} apart in ${measured.length} measurements`;
  const of = (count: number): string =>
    `${count} of ${spread.length} figures ${count === 1 ? "is" : "are"} more than ${bound}`;
  const rising =
    `${of(above.length - sure)}, AMBIGUOUS: still rising when the time was up; a longer one ` +
    `(--timeout) may settle it`;
  const lines = [
    ...(sure > 0 ? [of(sure)] : []),
    ...(above.length > sure ? [rising] : []),
    ...(above.length === 0 ? [`no figure is more than ${bound}`] : []),
  ];
  return { result: { value, table, csv: table }, lines, failed: sure > 0 };
}
