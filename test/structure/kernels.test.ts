// The layout rules of kernels, executed: one name finds the shader, its twin, test and bench; the
// generated table is current; every kernel is in the list that `check` and the README use.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { expect, test } from "vitest";
import { mappingsOf } from "../../src/engine/mapping.ts";
import { kernels } from "../../src/kernels/kernels.ts";
import { shaders } from "../../src/kernels/shaders.gen.ts";
import { allBenchProblems } from "../../src/profile/kernel/targets.ts";

const stems = readdirSync("shaders")
  .filter((file) => file.endsWith(".wgsl"))
  .map((file) => file.slice(0, -".wgsl".length));
const textOf = (stem: string): string => readFileSync(`shaders/${stem}.wgsl`, "utf8");
/** The stem of the twin that a shader names in its header. */
const twinOf = (stem: string): string | undefined =>
  /^\/\/ Twin {2,}src\/kernels\/([\w/]+)\.ts$/m.exec(textOf(stem))?.[1];

test("the generated table of shaders is current", () => {
  execFileSync(process.execPath, ["--import", "tsx", "tools/shaders.ts", "--check"]);
});

test.each(stems)("%s: twin, test and bench are found by its name", (stem) => {
  const path = twinOf(stem);
  expect(path, "the header's Twin line").toBeDefined();
  const twin = basename(path!);
  expect(stem === twin || stem.startsWith(`${twin}_`), `${stem} begins with ${twin}`).toBe(true);
  for (const file of [
    `src/kernels/${path}.ts`,
    `test/kernels/${twin}.test.ts`,
    `bench/kernels/${twin}.bench.ts`,
  ]) {
    expect(existsSync(file), file).toBe(true);
  }
});

test("every shader is used by exactly one kernel of the list", () => {
  const used = kernels.map(({ shader }) => shader.name).toSorted();
  expect(used).toEqual(Object.keys(shaders).toSorted());
});

test("every kernel has cases, and names of cases are unique", () => {
  for (const { shader, cases } of kernels) {
    expect(cases.length, shader.name).toBeGreaterThan(0);
    const names = cases.map(({ name }) => name);
    expect(new Set(names).size, `${shader.name}: ${names.join(", ")}`).toBe(names.length);
  }
});

test("every kernel has a problem in bench/, its own or that of the kernel it is a mapping of", async () => {
  const timed = (await allBenchProblems()).flatMap(({ kernel }) => mappingsOf(kernel));
  const names = new Set(timed.map(({ shader }) => shader.name));
  expect(kernels.map(({ shader }) => shader.name).filter((name) => !names.has(name))).toEqual([]);
});

test("a variant has the bindings of its base, in its order", () => {
  for (const base of kernels) {
    for (const variant of base.variants?.() ?? []) {
      const bindings = (kernel: typeof base): string[] =>
        kernel.shader.bindings.map(({ name, access }) => `${access} ${name}`);
      expect(bindings(variant), variant.shader.name).toEqual(bindings(base));
    }
  }
});

test("the mappings of a kernel add the same numbers: slabs and tiles of one size", () => {
  for (const base of kernels) {
    for (const { shader } of base.variants?.() ?? []) {
      for (const name of ["SLAB", "TILE"]) {
        const own = base.shader.constants[name];
        expect(shader.constants[name] ?? own, `${shader.name}, ${name}`).toBe(own);
      }
    }
  }
});
