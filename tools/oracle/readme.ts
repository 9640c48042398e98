// Writes the generated parts of test/oracle/README.md, each between two marks: results, predicates,
// operators of `own`.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { ownPage } from "./own/page.ts";
import { predicateText, type Offers } from "./offer.ts";
import type { Judged } from "./report.ts";
import { mergedRows, readRows, resultsText, rowsOf } from "./results.ts";
import { OFFERS } from "./sources/offers.ts";

/** The page, from the root of the repository. */
export const README = "test/oracle/README.md";

type Part = "results" | "predicates" | "own";

/**
 * The offers of each published source, one row per operator; sources with equal offers share their
 * rows.
 */
function predicateTable(): string {
  const sources = new Map<Offers, string[]>();
  for (const [source, offers] of Object.entries(OFFERS)) {
    if (source !== "own") sources.set(offers, [...(sources.get(offers) ?? []), source]);
  }
  const rows = [...sources].flatMap(([offers, names]) =>
    Object.entries(offers).map(([operator, one]) => [
      names.join(", "),
      operator,
      predicateText(one),
    ]),
  );
  return [
    "| source | operator | offered when |",
    "| --- | --- | --- |",
    ...rows.map((row) => `| ${row.join(" | ")} |`),
  ].join("\n");
}

/** A part that does not need a run. */
export type StaticPart = Exclude<Part, "results">;

/** The text of the parts that do not need a run. */
export const STATIC_PARTS: Readonly<Record<StaticPart, () => string>> = {
  predicates: predicateTable,
  own: ownPage,
};

/** Text without what the formatter may change: blanks, and the width of columns. */
export function unformatted(text: string): string {
  return text.replaceAll(/\s+|-{3,}/g, "").replaceAll("\\", "");
}

/** The text between the marks of a part; throws when a mark is missing. */
export function partOf(text: string, part: Part): string {
  const [, rest] = text.split(begin(part));
  const inside = rest?.split(end(part))[0];
  if (inside === undefined) throw new Error(`${README}: the marks of ${part} are missing`);
  return inside.trim();
}

const begin = (part: Part): string => `<!-- begin ${part} -->`;
const end = (part: Part): string => `<!-- end ${part} -->`;

/** Puts new text into a part of the page. */
function withPart(text: string, part: Part, inside: string): string {
  const old = partOf(text, part);
  return text.replace(
    `${begin(part)}\n\n${old}\n\n${end(part)}`,
    () => `${begin(part)}\n\n${inside}\n\n${end(part)}`,
  );
}

/** Rewrites parts that do not need a run. */
export function writeStaticParts(parts: readonly StaticPart[]): void {
  let text = readFileSync(README, "utf8");
  for (const part of parts) text = withPart(text, part, STATIC_PARTS[part]());
  writePage(text);
}

/** Replaces the results of the operators that ran; those of the others stay. */
export function writeResults(judged: readonly Judged[]): void {
  const text = readFileSync(README, "utf8");
  const rows = mergedRows(readRows(partOf(text, "results")), rowsOf(judged));
  writePage(withPart(text, "results", resultsText(rows)));
}

function writePage(text: string): void {
  writeFileSync(README, text);
  execFileSync("npx", ["oxfmt", README]);
}
