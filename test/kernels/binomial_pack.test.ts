// What the fused kernels of the log-binomial head need of each pixel: against the reference, and
// the table of ln C that goes with it.
import { expect, test } from "vitest";
import { binomialPack } from "../../src/kernels/depth_bins/binomial_pack.ts";
import {
  binomialLogit,
  binomialRow,
  logChoose,
} from "../../src/kernels/depth_bins/binomial_row.ts";
import { logBinomial } from "../../src/kernels/depth_bins/log_binomial.ts";
import { checkKernels } from "../support/check_kernel.ts";

checkKernels(binomialPack);

test.each([1, 2, 16, 64, 257])("ln C of %i bins: two parts that add up, symmetric", (bins) => {
  const table = logChoose(bins);
  const n = bins - 1;
  const x_log_x = (x: number): number => (x === 0 ? 0 : x * Math.log(x));
  for (let k = 0; k < bins; k++) {
    const stirling = x_log_x(n) - x_log_x(k) - x_log_x(n - k);
    expect(Math.abs(table[2 * k] + table[2 * k + 1] - stirling)).toBeLessThan(1e-10);
    expect((table[2 * k] * 1024) % 1).toBe(0);
    expect(table[2 * (n - k)]).toBe(table[2 * k]);
  }
});

test("the table can be made again from its rule, to the bit", () => {
  const n = 63;
  const x_log_x = (x: number): number => (x === 0 ? 0 : x * Math.log(x));
  const made = Array.from({ length: n + 1 }, (_, k) => {
    const whole = x_log_x(n) - x_log_x(k) - x_log_x(n - k);
    const high = Math.floor(whole * 1024 + 0.5) / 1024;
    return [high, Math.fround(whole - high)];
  });
  expect([...logChoose(64)]).toEqual(made.flat());
});

test("logits of a row are those of log_binomial below the highest", () => {
  const bins = 64;
  const table = logChoose(bins);
  for (const pi of [-0.1, 0, 1e-5, 0.003, 0.5, 0.77, 1, 1.1]) {
    for (const t of [0.0212, 1, 50]) {
      const rows = Float64Array.from([...binomialRow(pi, t, table), 1]);
      const { logits } = logBinomial.reference(
        { pi: Float64Array.of(pi), t: Float64Array.of(t) },
        { pi: [1, 1, 1, 1], t: [1, 1, 1, 1] },
        { bins },
      );
      const highest = Math.max(...logits);
      for (let k = 0; k < bins; k++) {
        const apart = binomialLogit(table, rows, 0, k) - (logits[k] - highest);
        expect(Math.abs(apart), `pi ${pi}, t ${t}, bin ${k}`).toBeLessThan(1e-7);
      }
    }
  }
});
