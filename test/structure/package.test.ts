// The package as a program meets it: its exports are enough to train a network, its manifest names
// what is there.
import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import {
  adamw,
  compile,
  createStore,
  gradNorm,
  graph,
  heNormal,
  initialStore,
  linear,
  multiply,
  reduce,
  subtract,
} from "../../src/index.ts";
import { gpu } from "../support/gpu.ts";

test("a network is built, compiled and trained with the exports of the package alone", async () => {
  const g = graph();
  const weight = g.parameter("weight", [1, 2], heNormal);
  const error = subtract(linear(g.input("x", [4, 2]), weight), g.input("target", [4, 1]));
  const loss = reduce(multiply(error, error), "mean");
  const gradients = g.gradients(loss);
  const settings = { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weight_decay: 0 };
  adamw(g, gradNorm(g.arena("gradients"), { max_norm: 10 }), settings);
  const store = createStore(gpu, g, initialStore(g, 1));
  const plan = await compile(gpu, g, { outputs: { loss }, gradients }, store);

  const x = Float32Array.of(1, 0, 0, 1, 1, 1, 2, -1);
  const target = Float32Array.of(3, -2, 1, 8); // of the weight [3, -2]
  const losses: number[] = [];
  for (let step = 1; step <= 60; step++) {
    const scalars = {
      learning_rate: 0.2,
      correction1: 1 / (1 - 0.9 ** step),
      correction2: 1 / (1 - 0.99 ** step),
    };
    losses.push((await plan.run({ x, target }, scalars))["loss"][0]);
  }
  expect(losses.at(-1)!).toBeLessThan(0.02 * losses[0]);
  plan.destroy();
  store.destroy();
});

interface Manifest {
  readonly engines: { readonly node: string };
  readonly license: string;
  readonly bin: Readonly<Record<string, string>>;
  readonly files: readonly string[];
  readonly exports: Readonly<Record<string, string | Record<"types" | "default", string>>>;
}

test("the manifest names what is there, and what the build makes", () => {
  const manifest = JSON.parse(readFileSync("package.json", "utf8")) as Manifest;
  for (const file of [...Object.values(manifest.bin), ...manifest.files]) {
    expect(file === "dist" || existsSync(file), file).toBe(true);
  }
  const source = (built: string): string => built.replace("./dist/", "src/");
  for (const at of Object.values(manifest.exports)) {
    if (typeof at === "string") continue;
    const { types, default: code } = at;
    if (code === "./dist/shaders.js") continue; // Made by tools/shader_module.ts.
    expect(existsSync(source(types).replace(".d.ts", ".ts")), types).toBe(true);
    expect(existsSync(source(code).replace(".js", ".ts")), code).toBe(true);
  }
  expect(readFileSync("LICENSE", "utf8")).toContain("Apache License");
  expect(manifest.license).toBe("Apache-2.0");
  const [, version] = /^>=([\d.]+)$/.exec(manifest.engines.node) ?? [];
  expect(readFileSync("README.md", "utf8")).toContain(`Node ${version} or later`);
});
