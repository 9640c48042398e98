// What a gate lets pass, and what people are told of rows that were not compared or are not sure.
import { expect, test } from "vitest";
import { judge } from "../../../src/cli/terminal/gate.ts";
import type { RowComparison } from "../../../src/measure/saved_run.ts";

const row = (verdict: RowComparison["verdict"], name = "one"): RowComparison => ({
  kernel: "gemm",
  case: name,
  caches: "hot",
  verdict,
  change: null,
  further_samples: null,
});

test.each([
  ["SAME", false, false],
  ["FAST", false, false],
  ["SLOW", true, true],
  ["MISSING", true, false],
  ["NEW", true, false],
  ["WRONG", true, false],
  ["AMBIGUOUS", false, false],
  ["UNTRUSTED", false, false],
] as const)("%s fails a gate: %s, a lenient one: %s", (verdict, strict, lenient) => {
  const rows = [row("SAME", "other"), row(verdict)];
  expect(judge(rows, { gate: true }).failed).toBe(strict);
  expect(judge(rows, { gate: true, lenient: true }).failed).toBe(lenient);
  expect(judge(rows, {}).failed).toBe(false);
});

test("rows that are not compared or not sure are named, with a gate or without", () => {
  const rows = [
    row("AMBIGUOUS"),
    ...["a", "b", "c", "d", "e"].map((name) => row("NEW", name)),
    row("MISSING"),
    row("UNTRUSTED"),
  ];
  expect(judge(rows, {}).lines).toEqual([
    "1 MISSING: only in the earlier profile: gemm, one",
    "5 NEW: not in the earlier profile: gemm, a; gemm, b; gemm, c; 2 more",
    "1 AMBIGUOUS: neither clearly the same nor clearly changed; more samples (--time) may settle it: gemm, one",
    "1 UNTRUSTED: too short for the clock to measure: gemm, one",
  ]);
});

test("a gate says how it went, and what would let it pass", () => {
  expect(judge([row("SAME")], { gate: true }).lines).toEqual(["gate passed"]);
  expect(judge([row("NEW")], { gate: true }).lines.at(-1)).toBe(
    "gate failed: 1 NEW; --lenient allows rows that are not compared",
  );
  expect(judge([row("SLOW"), row("NEW")], { gate: true }).lines.at(-1)).toBe(
    "gate failed: 1 SLOW, 1 NEW",
  );
});
