// The frame that every page of a report has: one self-contained HTML text in the common style, with
// sections on cards. What a page shows is in the file of that page.
import { escapeMarkup } from "./escape.ts";
import { PAGE_STYLE } from "./html_style.ts";

/** The parts of a page; all but the title are HTML already. */
export interface Page {
  readonly title: string;
  /** Content security policy: what the page may load and run. */
  readonly policy: string;
  /** Style in addition to the common one. */
  readonly style: string;
  /** Parts of the body; empty ones are left out. */
  readonly parts: readonly string[];
}

/** The text of a page. */
export function renderPage({ title, policy, style, parts }: Page): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>${escapeMarkup(title)} \u00b7 ringdepth</title>
<link rel="icon" href="data:,">
<style>${PAGE_STYLE}${style}</style>
</head>
<body>
${parts.filter((text) => text !== "").join("\n")}
</body>
</html>
`;
}

/** Terms and their descriptions on a card; the descriptions are HTML. */
export function factCard(facts: readonly (readonly [term: string, html: string])[]): string {
  const items = facts.map(([term, html]) => `<div><dt>${term}</dt><dd>${html}</dd></div>`);
  return `<dl class="card facts">${items.join("")}</dl>`;
}

/** The headline numbers, each with its label; plain text. */
export function headlineNumbers(
  items: readonly (readonly [value: string, label: string])[],
): string {
  const text = items.map(
    ([value, label]) => `<div><b>${escapeMarkup(value)}</b>${escapeMarkup(label)}</div>`,
  );
  return `<div class="headline">${text.join("")}</div>`;
}

/** A card with a title; empty if there is nothing to show. */
export function section(title: string, content: string): string {
  return content && `<section class="card"><h2>${title}</h2>\n${content}</section>`;
}

/** A remark in plain text. */
export function remark(text: string): string {
  return `<p class="faint">${escapeMarkup(text)}</p>`;
}
