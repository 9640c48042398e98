// The engine against implementations of the same mathematics: layers, bins, losses, pieces of networks
// and the optimiser in PyTorch with gradients by autograd (write_vectors.py), every choice of the
// losses in NumPy with gradients by complex steps (choices.py). On the f64 path and on the adapter.
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { LOSS_TERMS } from "../../src/distill/losses.ts";
import { balanceOf } from "../../src/train/balance.ts";
import { readSource, type VectorCase } from "../../tools/oracle/vectors.ts";
import { gpu } from "../support/gpu.ts";
import { adamwOnCpu, adamwOnGpu } from "./adamw_steps.ts";
import { BUILDERS } from "./builders.ts";
import { trainingLossIn } from "./choice_builders.ts";
import { errorsOnCpu, errorsOnGpu, relativeErrors, type Errors } from "./golden_case.ts";

// Another order of sums in f64.
const CPU_TOLERANCE = 1e-12;
// A table of ln C(K - 1, k) in two f32 numbers, exact to 1e-10.
const TABLED: Readonly<Record<string, number>> = { training_loss: 1e-9, distilled_bins: 1e-9 };
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

/** The cases of an operator, each with its name for `test.each`. */
const casesOf = (operator: string): (readonly [string, VectorCase])[] =>
  cases.filter((one) => one.operator === operator).map((one) => [one.id, one]);
// The operator `balance` is of the host alone.
const operators = new Set(cases.map(({ operator }) => operator).filter((op) => op !== "balance"));

describe.each([...operators])("%s equals what was recorded", (operator) => {
  const build = BUILDERS[operator];
  test.each(casesOf(operator))("%s in f64", (_, one) => {
    expectBelow(
      build === undefined ? adamwOnCpu(one) : errorsOnCpu(one, build),
      TABLED[operator] ?? CPU_TOLERANCE,
    );
  });
  test.each(casesOf(operator))("%s on the adapter", async (id, one) => {
    expectBelow(
      build === undefined ? await adamwOnGpu(gpu, one) : await errorsOnGpu(gpu, one, build),
      GPU_EXCEPTIONS[id] ?? GPU_TOLERANCE,
    );
  });
});

test.each(casesOf("training_loss"))("%s with stored bins and relations in f64", (_, one) =>
  expectBelow(errorsOnCpu(one, trainingLossIn("stored")), CPU_TOLERANCE),
);

test.each(casesOf("balance"))("%s", (_, one) => {
  const [silog, ...lengths] = one.inputs[0]!.values;
  const terms = Object.fromEntries(lengths.map((length, i) => [LOSS_TERMS[i + 1], length]));
  const { target } = one.attributes as { target: number };
  const { factors } = balanceOf({ silog, ...terms }, target)!;
  const found = Float64Array.from(Object.values(factors));
  expectBelow(
    relativeErrors([["factors", one.outputs[0]!]], () => found),
    CPU_TOLERANCE,
  );
});
