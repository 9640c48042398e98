// The account of a step as text. Formats only; account.ts computes.
import { boundText, percentText, timeText } from "../../measure/text.ts";
import type { closure, StepAccount } from "../../profile/step/account.ts";
import type { Table } from "../terminal/table.ts";

const BAR = 40;
const SHOWN_KERNELS = 15;

/** The line above the account and those below it. */
export function stepLines(account: StepAccount): {
  readonly title: string;
  readonly remarks: readonly string[];
} {
  const { target, what, steps, overlapped, gpu_busy, bound } = account;
  const { instrumentation, stamps, drift, unaccounted, clock_uncertainty_ms } = account;
  const idle_ms = (1 - gpu_busy) * overlapped.median;
  return {
    title: `${target}  ${what}  ${steps} steps  clocks within ${timeText(clock_uncertainty_ms)}`,
    remarks: [
      `instrumentation ${percentText(instrumentation, true)} (two stamps alone ${percentText(stamps, true)})` +
        `  drift ${percentText(drift, true)}  unaccounted ${percentText(unaccounted, true)} of step  ${bound}-bound`,
      `in the loop a step takes ${timeText(overlapped.median)} ` +
        `[${timeText(overlapped.low)}, ${timeText(overlapped.high)}]: ` +
        `GPU busy ${percentText(gpu_busy, false)}, idle for ${timeText(idle_ms)}`,
      `host times are with the data in memory; the first read of a moment takes ${timeText(account.first_read_ms)}`,
    ],
  };
}

/** The verdict of a gate on an account; an uncertain one never fails. */
export function gateLine(verdict: ReturnType<typeof closure>): string {
  const open = { closed: "at most 5 %", open: "over 5 %", AMBIGUOUS: "about 5 %" }[verdict];
  const result = verdict === "open" ? "gate failed" : "gate passed";
  const hint = verdict === "AMBIGUOUS" ? "; AMBIGUOUS: more steps (--steps) may settle it" : "";
  return `${result}: ${open} of the step is unaccounted for${hint}`;
}

/** Where the time of a step goes, in the order of the step. */
export function stepPartTable({ parts, wall }: StepAccount): Table {
  // The sum of the parts, over half of the steps; the median is over all of them.
  const whole_ms = parts.reduce((sum, { time_ms }) => sum + time_ms, 0);
  const median = `median ${timeText(wall.median)} [${timeText(wall.low)}, ${timeText(wall.high)}]`;
  return {
    head: ["part", "time", "share", ""],
    rows: [
      ...parts.map(({ name, time_ms, share }) => [
        name,
        timeText(time_ms),
        percentText(share, false),
        bar(share),
      ]),
      ["step", timeText(whole_ms), percentText(1, false), median.padEnd(BAR)],
    ],
  };
}

/** GPU time by kernel: the longest, and the others together. */
export function stepKernelTable({ kernels }: StepAccount): Table {
  const rest = kernels.slice(SHOWN_KERNELS);
  const sum = (field: "dispatches" | "time_ms" | "share"): number =>
    rest.reduce((total, kernel) => total + kernel[field], 0);
  const others = [
    `${rest.length} others`,
    String(sum("dispatches")),
    timeText(sum("time_ms")),
    percentText(sum("share"), false),
    "",
    "",
    "",
  ];
  return {
    head: ["kernel", "dispatches", "time", "share", "GFLOP/s", "GB/s", "bound"],
    rows: [
      ...kernels
        .slice(0, SHOWN_KERNELS)
        .map(({ kernel, dispatches, time_ms, share, roofline }) => [
          kernel,
          String(dispatches),
          timeText(time_ms),
          percentText(share, false),
          roofline?.gflops.toPrecision(3) ?? "?",
          roofline?.gbytes.toPrecision(3) ?? "?",
          boundText({ ok: true, roofline }),
        ]),
      ...(rest.length > 0 ? [others] : []),
    ],
  };
}

/** The account for programs that read CSV: parts and kernels in one table. */
export function stepCsv({ parts, kernels }: StepAccount): Table {
  return {
    head: ["of", "name", "dispatches", "time_ms", "share", "flops", "bytes", "gflops", "gbytes"],
    rows: [
      ...parts.map(({ name, time_ms, share }) => [
        "step",
        name,
        "",
        time_ms,
        share,
        "",
        "",
        "",
        "",
      ]),
      ...kernels.map(({ kernel, dispatches, time_ms, share, flops, bytes, roofline }) => [
        "gpu",
        kernel,
        dispatches,
        time_ms,
        share,
        flops,
        bytes,
        roofline?.gflops ?? "",
        roofline?.gbytes ?? "",
      ]),
    ].map((row) => row.map(String)),
  };
}

function bar(share: number): string {
  return "#".repeat(Math.round(BAR * Math.min(1, Math.max(0, share)))).padEnd(BAR);
}
