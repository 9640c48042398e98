// Layer norm: kernels against their references, gradients against differences; many rows.
import {
  layerNormGradInput,
  layerNormGradInputSubgroup,
  layerNormGradPartial,
  layerNormGradPartialVec4,
  layerNormRows,
  layerNormSlabs,
  layerNormSubgroup,
} from "../../src/kernels/layer_norm.ts";
import { expect, test } from "vitest";
import { layerNorm } from "../../src/graph/ops/norm.ts";
import { withOp } from "../support/check_gradient.ts";
import { checkKernels } from "../support/check_kernel.ts";

checkKernels(
  withOp(layerNormRows, ({ x, gamma, beta }, attributes) => layerNorm(x, gamma, beta, attributes)),
  layerNormSubgroup,
  layerNormGradInput,
  layerNormGradInputSubgroup,
  layerNormGradPartial,
  layerNormGradPartialVec4,
);

test("slices of rows depend on the shape alone, and no more than 256 are added at the end", () => {
  expect(layerNormSlabs([0, 8])).toEqual({ slab: 32, slabs: 1 });
  expect(layerNormSlabs([6, 960, 128])).toEqual({ slab: 32, slabs: 180 });
  expect(layerNormSlabs([100_000, 1])).toEqual({ slab: 391, slabs: 256 });
});
