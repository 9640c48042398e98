// The parts of one step's time, as HTML: headline, bars of its parts, and tables.
import { intervalTimeText, percentText, timeText } from "../../measure/text.ts";
import type { StepAccount } from "../step/account.ts";
import { escapeMarkup } from "../../report/escape.ts";
import { headlineNumbers, remark } from "../../report/html_page.ts";
import { partsHtml } from "./tables.ts";

// A part too small for its name is only in the table.
const NAMED_SHARE = 0.16;

/** The account of a step without its kernels. */
export function accountHtml(account: StepAccount): string {
  const { wall, overlapped, unaccounted, bound, gpu_busy, what, steps, drift } = account;
  const numbers = headlineNumbers([
    [timeText(wall.median), `a step by itself ${intervalTimeText(wall)}`],
    [timeText(overlapped.median), `in the loop ${intervalTimeText(overlapped)}`],
    [bound, `is what the loop waits for: GPU busy ${percentText(gpu_busy, false, 0)}`],
    [percentText(unaccounted, false), "unaccounted for"],
  ]);
  const notes = [
    `${what}, ${steps} steps measured`,
    `stamps ${percentText(account.stamps, true)}`,
    `one pass per kernel instead of one for all ${percentText(account.instrumentation, true)}`,
    `GPU and host clocks agree within ${timeText(account.clock_uncertainty_ms)}`,
    `drift ${percentText(drift, true)}`,
  ];
  return `${numbers}
${bars(account)}
<div class="parts">${partsHtml(account, (name) => colorOf(account, name))}</div>
${remark(`${notes.join("; ")}.`)}`;
}

/** A single step and one of the loop, on one scale; the first in its parts. */
function bars(account: StepAccount): string {
  const { wall, overlapped, parts } = account;
  const longest = Math.max(wall.median, overlapped.median);
  const pieces = parts
    .filter(({ share }) => share > 0)
    .map(({ name, time_ms, share }) => {
      const width = (share * wall.median) / longest;
      const label = share >= NAMED_SHARE ? escapeMarkup(name) : "";
      return piece(width, colorOf(account, name), `${name} ${timeText(time_ms)}`, label);
    });
  const loop = timeText(overlapped.median);
  const whole = piece(overlapped.median / longest, "var(--faint)", `in the loop ${loop}`, loop);
  const label = parts.map(({ name, share }) => `${name} ${percentText(share, false)}`).join(", ");
  return `<div class="bars">
<span>by itself</span><div class="stack" role="img" aria-label="${escapeMarkup(label)}">${pieces.join("")}</div>
<span>in the loop</span><div class="stack">${whole}</div>
</div>`;
}

function piece(width: number, color: string, title: string, label: string): string {
  const style = `width:${(100 * width).toFixed(2)}%;background:${color}`;
  return `<i style="${style}" title="${escapeMarkup(title)}">${label || "&nbsp;"}</i>`;
}

/** The colour of a part by its position; the remainder is grey. */
function colorOf({ parts }: StepAccount, name: string): string {
  const i = parts.findIndex((part) => part.name === name);
  return i === parts.length - 1 ? "var(--curve-8)" : `var(--curve-${(i % 7) + 1})`;
}
