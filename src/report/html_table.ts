// A table as HTML text: the first column names the row and stays visible, numbers are
// right-aligned.
import { percentText } from "../measure/text.ts";
import { escapeMarkup } from "./escape.ts";

/**
 * A cell: text, with or without attributes, which is escaped here, or HTML that is escaped already.
 */
export type Cell =
  | string
  | { readonly text: string; readonly attributes: string }
  | { readonly html: string; readonly attributes?: string };

/** One row of a table. */
export interface Row {
  readonly kind?: "total" | "other";
  /** The first names the row. */
  readonly cells: readonly Cell[];
}

/** The table of some rows. */
export function htmlTable(head: readonly Cell[], rows: readonly Row[]): string {
  const heads = head
    .map((cell) => `<th scope="col"${attributesOf(cell)}>${htmlOf(cell)}</th>`)
    .join("");
  const body = rows.map(({ kind, cells: [name, ...values] }) => {
    const open = kind ? `<tr class="${kind}">` : "<tr>";
    const data = values.map((cell) => `<td${attributesOf(cell)}>${htmlOf(cell)}</td>`);
    return `${open}<th scope="row">${htmlOf(name)}</th>${data.join("")}</tr>`;
  });
  return `<div class="scroll"><table>
<thead><tr>${heads}</tr></thead>
<tbody>
${body.join("\n")}
</tbody>
</table></div>`;
}

/** A share with a proportional bar. */
export function shareCell(share: number): Cell {
  const text = percentText(share, false);
  return { text, attributes: `class="share" style="--share: ${(100 * share).toFixed(1)}%"` };
}

/** A name with places to break it after its underscores. */
export function breakable(name: string): string {
  return escapeMarkup(name).replaceAll("_", "_<wbr>");
}

function htmlOf(cell: Cell): string {
  if (typeof cell === "string") return escapeMarkup(cell);
  return "html" in cell ? cell.html : escapeMarkup(cell.text);
}

function attributesOf(cell: Cell): string {
  return typeof cell === "string" || !cell.attributes ? "" : ` ${cell.attributes}`;
}
