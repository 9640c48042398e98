// Gradient checks are part of a kernel's problems: every kernel that has a gradient asks for some,
// and no test of a kernel repeats them.
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { kernels } from "../../src/kernels/kernels.ts";

test("every kernel with a kernel for its gradient asks for checks of it", () => {
  const names = kernels.map(({ shader }) => shader.name);
  const differentiated = kernels.filter(({ shader: { name } }) =>
    names.some((other) => other.startsWith(`${name}_grad`)),
  );
  expect(differentiated.length).toBeGreaterThan(20);
  for (const { shader, cases } of differentiated) {
    const checks = cases.flatMap(({ gradients = [] }) => gradients);
    expect(checks.length, `${shader.name}: gradient checks in its cases`).toBeGreaterThan(0);
  }
});

test("the checks name inputs of the kernel, or shapes that they add", () => {
  for (const { shader, cases } of kernels) {
    const inputs = shader.bindings.filter(({ access }) => access !== "write");
    for (const { name, gradients = [] } of cases) {
      for (const { wrt, shapes = {} } of gradients) {
        const known = [...inputs.map((input) => input.name), ...Object.keys(shapes)];
        expect(known, `${shader.name}, ${name}`).toEqual(expect.arrayContaining([...wrt]));
        expect(wrt.length, `${shader.name}, ${name}`).toBeGreaterThan(0);
      }
    }
  }
});

// Seeds of bin centres are softplus and cumulative sum: two ops.
const COMPOSITIONS = new Set(["bin_centers.test.ts"]);

test("no test of a kernel states a gradient check of its own, but for compositions of ops", () => {
  const folder = "test/kernels";
  const stating = readdirSync(folder).filter((file) =>
    /\bcheckGradient\(/.test(readFileSync(`${folder}/${file}`, "utf8")),
  );
  expect(new Set(stating)).toEqual(COMPOSITIONS);
});
