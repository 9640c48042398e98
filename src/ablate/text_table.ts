// The table of an ablation as cells of text, and as Markdown.
import { METRIC_NAMES } from "../evaluate/metrics.ts";
import type { AblationTable, TableRow } from "./table.ts";
import { digits, gainText, meanText, MEASURE_NAMES } from "./words.ts";

/** A table of text; the first columns are names. */
export interface TextTable {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** AbsRel with spread and gain, the other metrics, disagreement with its gain, and the seeds. */
export function tableTexts({ rows, reference }: AblationTable): TextTable {
  const axes = axisNames(rows);
  const others = METRIC_NAMES.filter((name) => name !== "abs_rel");
  const head = [
    "row",
    ...axes,
    "AbsRel",
    `gain over ${reference}`,
    ...others.map((name) => MEASURE_NAMES[name]),
    MEASURE_NAMES.disagreement,
    "its gain",
    "seeds",
  ];
  return {
    head,
    rows: rows.map((row) => {
      const mean = (name: keyof typeof row.mean): string => {
        const value = row.mean[name];
        return value === undefined ? "" : digits(value);
      };
      const failed = Object.keys(row.failed).length;
      return [
        row.name,
        ...axes.map((axis) => String(row.axes[axis])),
        meanText(row, "abs_rel"),
        gainText(row.gain.abs_rel),
        ...others.map(mean),
        mean("disagreement"),
        gainText(row.gain.disagreement),
        `${Object.keys(row.seeds).length}${failed > 0 ? `, ${failed} failed` : ""}`,
      ];
    }),
  };
}

function axisNames(rows: readonly TableRow[]): string[] {
  return Object.keys(rows[0]?.axes ?? {});
}

/** The facts around a table. */
export interface AblationAbout {
  readonly title: string;
  /** Terms and their values: data, budget, adapter, date. */
  readonly facts: readonly (readonly [term: string, text: string])[];
}

/** The explanation below every table. */
export function readingNote(reference: string): string {
  return (
    `Mean over seeds ± standard deviation. Gain: change in percent of ${reference} at the same seed, ` +
    `mean over seeds; above 0 is better. In brackets: its 95 % interval (paired t).`
  );
}

/** The whole as Markdown. */
export function markdown(table: AblationTable, { title, facts }: AblationAbout): string {
  const { head, rows } = tableTexts(table);
  const line = (cells: readonly string[]): string => `| ${cells.map(escaped).join(" | ")} |`;
  const rule = head.map((_, i) => (i === 0 ? "---" : "---:"));
  const lines = [
    `# ${escaped(title)}`,
    "",
    ...facts.map(([term, text]) => `* ${term}: ${escaped(text)}`),
    "",
    line(head),
    `| ${rule.join(" | ")} |`,
    ...rows.map(line),
    "",
    readingNote(table.reference),
    ...(table.notes.length > 0 ? ["", ...table.notes.map((note) => `* ${escaped(note)}`)] : []),
  ];
  return `${lines.join("\n")}\n`;
}

/** Text without what Markdown would read as a table, a tag or emphasis. */
function escaped(text: string): string {
  return text.replace(/[\\|<>*`[\]]/g, (character) =>
    character === "<" ? "&lt;" : character === ">" ? "&gt;" : `\\${character}`,
  );
}
