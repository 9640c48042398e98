// How `ringdepth check` shows a kernel that is wrong.
import { expect, test } from "vitest";
import { checkKernels } from "../../../src/cli/check/check_kernels.ts";
import { makeOutput } from "../../../src/cli/terminal/output.ts";
import { activation } from "../../../src/kernels/activation.ts";
import { scaleBy } from "../../../src/kernels/scale_by.ts";
import type { AnyKernel } from "../../../src/engine/kernel.ts";
import { doctored } from "../../support/doctored.ts";
import { gpu } from "../../support/gpu.ts";

const STORE = "y[i] = apply(x[i]);";

/** What `check` prints about activation with another store, and about a kernel that is right. */
async function checked(
  store: string,
  json: boolean,
  cases: number,
): Promise<{ code: number; stdout: string; stderr: string }> {
  const written = { stdout: "", stderr: "" };
  const output = makeOutput(
    {
      stdout: { write: (text) => (written.stdout += text) },
      stderr: { write: (text) => (written.stderr += text) },
      openGpu: async () => await Promise.resolve(gpu),
    },
    json,
  );
  const problems = Array.from({ length: cases }, (_, i) => ({
    name: `case ${i}`,
    shapes: { x: [3, 70] },
    attributes: { kind: "relu", alpha: 0 },
    seed: i,
  }));
  const wrong: AnyKernel = { ...doctored(activation, STORE, store), cases: problems };
  const code = await checkKernels(gpu, [wrong, scaleBy], output);
  return { code, ...written };
}

test("a wrong kernel has a table of its first wrong case under its row", async () => {
  const { code, stdout, stderr } = await checked(
    `${STORE} if (i >= 137u && i < 140u) { y[i] += 1e-3; }`,
    false,
    2,
  );
  expect(code).toBe(3);
  const lines = stdout.split("\n");
  expect(lines[1]).toMatch(/^activation +2 +2 /);
  expect(lines.slice(2, 9)).toEqual([
    "",
    "activation, case case 0",
    "  shapes      x [3, 70]",
    '  attributes  kind "relu", alpha 0',
    "  seed        0",
    expect.stringMatching(
      /^ {2}y \[3, 70\]: 3 of 210 bad, first \[1, 67\], last \[1, 69\], worst \[1, 6[789]\]$/,
    ),
    expect.stringMatching(/^ +index +got +want +ulps +abs error$/),
  ]);
  expect(lines.slice(9, 17).map((line) => line.slice(0, 16).trim())).toEqual([
    "[1, 64]",
    "[1, 65]",
    "[1, 66]",
    "xx     [1, 67]",
    "xx     [1, 68]",
    "xx     [1, 69]",
    "[2, 0]",
    expect.stringMatching(/^worst {2}\[1, 6[789]\]$/),
  ]);
  expect(lines.slice(17, 19)).toEqual(["  wrong in 2 cases; --json has the tables of all", ""]);
  expect(lines[19]).toMatch(/^scale_by +\d+ +0 /);
  expect(stderr).toMatch(/^ringdepth: activation, case case 0: y: 3 of 210 elements differ; worst/);
});

test("JSON has the numbers of every wrong case, what is not finite in words", async () => {
  const { stdout } = await checked(
    "if (i != 0u) { y[i] = apply(x[i]); } if (i == 5u) { y[i] = sqrt(-1.0 - abs(x[i])); }",
    true,
    2,
  );
  const { kernels } = JSON.parse(stdout) as { kernels: Record<string, unknown>[] };
  for (const seed of [0, 1]) {
    expect(kernels[seed]).toMatchObject({
      ok: false,
      shapes: { x: [3, 70] },
      attributes: { kind: "relu", alpha: 0 },
      seed,
      failures: [
        {
          tensor: "y",
          shape: [3, 70],
          elements: 210,
          bad: 2,
          unwritten: 1,
          first: [0, 0],
          last: [0, 5],
          worst: { index: [0, 5], got: "NaN", ulps: null, abs_error: null, bad: true },
        },
      ],
    });
    const [{ around }] = kernels[seed]["failures"] as [{ around: unknown[] }];
    expect(around).toHaveLength(7);
    expect(around[0]).toMatchObject({ got: -999, unwritten: true, bad: true, ulps: null });
    expect(around[1]).toMatchObject({ index: [0, 1], unwritten: false, bad: false, ulps: 0 });
  }
  expect(kernels[2]).not.toHaveProperty("failures");
});

test("a case without a tensor to show has its numbers under the row", async () => {
  const { stdout } = await checked(`${STORE} y[i + 7u] = 0.0;`, false, 1);
  expect(stdout.split("\n").slice(2, 8)).toEqual([
    "",
    "activation, case case 0",
    "  shapes      x [3, 70]",
    '  attributes  kind "relu", alpha 0',
    "  seed        0",
    "",
  ]);
});
