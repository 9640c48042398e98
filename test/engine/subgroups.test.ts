// Kernels whose workgroup is one subgroup: right at every width, chosen only where the width is
// known, compiled with and without an attribute that sets it.
import { create, globals } from "webgpu";
import { describe, expect, test } from "vitest";
import type { AnyKernel } from "../../src/engine/kernel.ts";
import type { Problem } from "../../src/engine/problem.ts";
import { prepareKernel } from "../../src/engine/run.ts";
import { specialize } from "../../src/engine/specialize.ts";
import { subgroupWidth, WIDTHS } from "../../src/engine/subgroups.ts";
import type { AdapterFacts } from "../../src/gpu/device.ts";
import { canRun } from "../../src/engine/mapping.ts";
import { checkCase } from "../../src/kernels/check/check.ts";
import { caseInputs } from "../../src/kernels/check/random_inputs.ts";
import { gemmSubgroup } from "../../src/kernels/gemm.ts";
import { kernels } from "../../src/kernels/kernels.ts";
import { NVIDIA } from "../support/adapters.ts";
import { expectRight } from "../support/check_kernel.ts";
import { emulated } from "../support/emulated_subgroups.ts";
import { gpu } from "../support/gpu.ts";

const mapped = kernels.filter(
  ({ shader }) =>
    shader.features.includes("subgroups") && shader.overrides.some(({ name }) => name === "LANES"),
);
const named = mapped.map((kernel) => [kernel.shader.name, kernel] as const);

/** An adapter with subgroups of several widths, and what else it offers. */
function ranging(low: number, high: number, ...more: readonly string[]): AdapterFacts {
  return {
    ...NVIDIA,
    subgroup_size: low === high ? low : 0,
    subgroup_min_size: low,
    subgroup_max_size: high,
    features: new Set(["subgroups", ...more]),
  };
}

test("a width is relied on only where it is known", () => {
  const control = "subgroup-size-control";
  expect(WIDTHS.map((lanes) => subgroupWidth(ranging(lanes, lanes)).lanes)).toEqual(WIDTHS);
  expect(subgroupWidth(ranging(32, 64)).lanes).toBe(0);
  expect(subgroupWidth(ranging(32, 64)).reason).toBe(
    "the width is not fixed (32 to 64) and subgroup-size-control is missing",
  );
  expect(subgroupWidth(ranging(8, 32, control)).lanes).toBe(32);
  expect(subgroupWidth(ranging(64, 128, control)).lanes).toBe(64);
  expect(subgroupWidth(ranging(4, 16, control)).lanes).toBe(16);
  expect(subgroupWidth(ranging(128, 256, control)).lanes).toBe(0);
  expect(subgroupWidth(ranging(128, 128)).lanes).toBe(0);
  expect(subgroupWidth({ ...ranging(8, 8), features: new Set() }).lanes).toBe(0);
});

test("a shader sets its width where the adapter has several, and only there", () => {
  const [kernel] = mapped;
  const source = (facts: AdapterFacts): ReturnType<typeof specialize>["source"] => {
    const [{ shapes, attributes }] = kernel.cases;
    return specialize(kernel, shapes, attributes, false, facts).source;
  };
  const set = source(ranging(8, 64, "subgroup-size-control"));
  expect(set.constants["LANES"]).toBe(32);
  expect(set.code).toContain("enable subgroups, subgroup_size_control;\n");
  expect(set.code).toContain("@workgroup_size(LANES) @subgroup_size(LANES)\n");
  const fixed = source(ranging(16, 16, "subgroup-size-control"));
  expect(fixed.constants["LANES"]).toBe(16);
  expect(fixed.code).not.toContain("subgroup_size");
});

test("every text compiles at every width, with and without an attribute that sets it", async () => {
  Object.assign(globalThis, globals);
  const nothing = create(["backend=null", "enable-dawn-features=allow_unsafe_apis"]);
  const adapter = await nothing.requestAdapter();
  const requiredFeatures = ["subgroups", "subgroup-size-control"] as GPUFeatureName[];
  const device = await adapter!.requestDevice({ requiredFeatures });
  for (const kernel of mapped) {
    for (const lanes of WIDTHS) {
      for (const facts of [
        ranging(lanes, lanes),
        ranging(lanes, lanes * 2, "subgroup-size-control"),
      ]) {
        const [{ shapes, attributes }] = kernel.cases;
        const { name, code, constants } = specialize(
          kernel,
          shapes,
          attributes,
          true,
          facts,
        ).source;
        const module = device.createShaderModule({ code });
        await device.createComputePipelineAsync({
          layout: "auto",
          compute: { module, entryPoint: name, constants },
        });
      }
    }
  }
  device.destroy();
});

/** The outputs of a kernel on a problem. */
async function outputsOf(
  kernel: AnyKernel,
  problem: Problem,
): Promise<Record<string, Float32Array>> {
  const { shapes, attributes } = problem;
  const inputs = caseInputs(kernel, problem);
  const prepared = await prepareKernel(gpu, kernel, inputs, shapes, attributes);
  try {
    return await prepared.run();
  } finally {
    prepared.destroy();
  }
}

/** Those cases of a kernel that an adapter with subgroups of this width can run. */
function runnable(kernel: AnyKernel, wide: number): readonly Problem[] {
  return kernel.cases.filter(({ shapes, attributes }) =>
    canRun(kernel, ranging(wide, wide), shapes, attributes),
  );
}

const { lanes } = subgroupWidth(gpu.facts);
test.skipIf(lanes === 0)("an emulated subgroup gives the bits of the adapter's own", async () => {
  for (const problem of gemmSubgroup.cases) {
    const own = await outputsOf(gemmSubgroup, problem);
    expect(await outputsOf(emulated(gemmSubgroup, lanes), problem)).toEqual(own);
  }
});

describe.each([32, 64])("with an emulated subgroup of %i", (wide) => {
  // lavapipe compiles the exchanges of one of these kernels for seconds: at one width
  const slow = /^(?:attention|layer_norm|softmax)/u;
  const some = named.filter(
    ([name, kernel]) => runnable(kernel, wide).length > 0 && (wide === 64 || !slow.test(name)),
  );
  test.each(some)("%s equals its reference", async (name, kernel) => {
    // a `_broadcast` shader is compiled for each width of rows, for seconds: at one of them
    const most = name.endsWith("_broadcast") ? 1 : Infinity;
    for (const problem of runnable(kernel, wide).slice(0, most)) {
      expectRight(problem, await checkCase(gpu, emulated(kernel, wide), problem));
    }
  });
});
