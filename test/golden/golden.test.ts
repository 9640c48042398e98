// The engine against an implementation of the same mathematics in PyTorch (write_vectors.py):
// results and gradients by autograd, layers, bins, losses, pieces of networks and the optimiser, on
// the f64 path and on the adapter.
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { readSource } from "../../tools/oracle/vectors.ts";
import { gpu } from "../support/gpu.ts";
import { adamwOnCpu, adamwOnGpu } from "./adamw_steps.ts";
import { BUILDERS } from "./builders.ts";
import { errorsOnCpu, errorsOnGpu, type Errors } from "./golden_case.ts";

// Another order of sums in f64.
const CPU_TOLERANCE = 1e-12;
// Sums of some hundreds of terms in f32; observed up to 9e-6 on lavapipe, where logits of -27,000
// are decoded.
const GPU_TOLERANCE = 2e-5;
/** Cases that f32 cannot hold to that, by id. */
const GPU_EXCEPTIONS: Readonly<Record<string, number>> = {
  // depths within 1e-3 of the truth: a ratio near 1 keeps 6e-8 of its logarithm; observed 5e-5
  "silog/nearly right": 2e-4,
};

const cases = readSource(fileURLToPath(new URL(".", import.meta.url)), "own");

function expectBelow(errors: Errors, tolerance: number): void {
  const beyond = Object.entries(errors).filter(([, error]) => !(error <= tolerance));
  expect(beyond, `relative errors beyond ${tolerance}`).toEqual([]);
}

describe.each([...new Set(cases.map(({ operator }) => operator))])(
  "%s equals PyTorch",
  (operator) => {
    for (const given of cases.filter((one) => one.operator === operator)) {
      const build = BUILDERS[operator];
      test(`${given.id} in f64`, () => {
        expectBelow(
          build === undefined ? adamwOnCpu(given) : errorsOnCpu(given, build),
          CPU_TOLERANCE,
        );
      });
      test(`${given.id} on the adapter`, async () => {
        expectBelow(
          build === undefined ? await adamwOnGpu(gpu, given) : await errorsOnGpu(gpu, given, build),
          GPU_EXCEPTIONS[given.id] ?? GPU_TOLERANCE,
        );
      });
    }
  },
);
