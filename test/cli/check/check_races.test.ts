// `ringdepth check --races`: kernels are searched for data races on their small cases.
import { expect, test } from "vitest";
import { checkKernelRaces } from "../../../src/cli/check/check_races.ts";
import { makeOutput } from "../../../src/cli/terminal/output.ts";
import type { AnyKernel } from "../../../src/engine/kernel.ts";
import { adamw } from "../../../src/kernels/adamw.ts";
import { maskedMean } from "../../../src/kernels/masked_mean.ts";
import { doctored } from "../../support/doctored.ts";
import { gpu } from "../../support/gpu.ts";
import { cli } from "../run.ts";

/** The output of `check --races` on the first case of each kernel. */
async function searched(
  ...kernels: AnyKernel[]
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  const written = { stdout: "", stderr: "" };
  const output = makeOutput(
    {
      stdout: { write: (text) => (written.stdout += text) },
      stderr: { write: (text) => (written.stderr += text) },
      openGpu: async () => await Promise.resolve(gpu),
    },
    false,
  );
  const short = kernels.map((kernel) => ({ ...kernel, cases: kernel.cases.slice(0, 1) }));
  return { code: await checkKernelRaces(gpu, short, output), ...written };
}

test("a kernel without one of its barriers has its race", async () => {
  const racy = doctored(maskedMean as AnyKernel, "workgroupBarrier();", "");
  const { code, stdout, stderr } = await searched(
    racy,
    maskedMean as AnyKernel,
    adamw as AnyKernel,
  );
  expect(code).toBe(3);
  expect(stderr).toMatch(
    /RACE: workgroup wg_sum\[1\]\.x: invocation 1 wrote at shaders\/masked_mean\.wgsl:41, invocation 0 read at :46, no barrier between/,
  );
  expect(stdout).toMatch(/masked_mean +1 +1\nmasked_mean +1 +0\nadamw +1 +0\n/);
  expect(stdout).toContain("3 cases of 3 kernels, 1 with races; 0 cases left out");
});

test("is asked for by name, and not together with a network", async () => {
  const { code, stdout } = await cli("check", "--races", "argmax", "masked_mean_gr*", "--json");
  const { kernels } = JSON.parse(stdout) as { readonly kernels: { readonly name: string }[] };
  expect(code).toBe(0);
  expect(new Set(kernels.map(({ name }) => name))).toEqual(new Set(["argmax", "masked_mean_grad"]));
  const both = await cli("check", "--races", "--network", "nano");
  expect([both.code, both.stderr]).toEqual([2, expect.stringContaining("not both")]);
});
