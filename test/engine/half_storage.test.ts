// Storage as f16 by rewriting the text of a shader: which uses are rewritten, and which are refused.
import { expect, test } from "vitest";
import { canStoreHalf, storedAsHalf } from "../../src/engine/half_storage.ts";
import { shaderText } from "../../src/engine/shader_text.ts";
import { shaders } from "../../src/kernels/shaders.gen.ts";

const shader = {
  bindings: [
    { name: "x", binding: 0, access: "read", uniform: false },
    { name: "y", binding: 1, access: "write", uniform: false },
  ],
} as const;
const text = (body: string, more = ""): string => `// made_up — nothing
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
${more}fn made_up(i: u32) {
    ${body}
}
`;
const line = (body: string, names: readonly string[]): string =>
  storedAsHalf(text(body), names).split("\n")[4].trim();

test("loads widen, stores round, and every line keeps its number", () => {
  expect(line("y[i] = x[i] + 1.0; // x[i]", ["x"])).toBe("y[i] = f32(x[i]) + 1.0;");
  expect(line("y[i] = x[i] + 1.0;", ["x", "y"])).toBe("y[i] = f16(f32(x[i]) + 1.0);");
  expect(line("let v = x[u32(x[x[i]])];", ["x"])).toBe("let v = f32(x[u32(f32(x[f32(x[i])]))]);");
  expect(line("if (x[i] == y[i]) { y[i] = f(x[i], 2.0); }", ["x", "y"])).toBe(
    "if (f32(x[i]) == f32(y[i])) { y[i] = f16(f(f32(x[i]), 2.0)); }",
  );
  const rewritten = storedAsHalf(text("y[i] = x[i];"), ["y"]).split("\n");
  expect(rewritten).toHaveLength(text("").split("\n").length);
  expect(rewritten[0]).toBe("enable f16;");
  expect(rewritten[2]).toContain("y: array<f16>;");
  expect(rewritten[1]).toContain("x: array<f32>;");
});

test("another thing of the same name is left alone", () => {
  const helper = "fn cube(x: f32) -> f32 { return x * x * x; }\n";
  const got = storedAsHalf(text("y[i] = cube(x[i]) + p.x;", helper), ["x"]);
  expect(got).toContain("fn cube(x: f32) -> f32 { return x * x * x; }");
  expect(got).toContain("y[i] = cube(f32(x[i])) + p.x;");
  expect(canStoreHalf(shader, text("let x = 1.0; y[i] = x;"), "x")).toBe(true);
});

test.each([
  ["an address", "load(&x, i);"],
  ["a sum in place", "y[i] += 1.0;"],
  ["a product in place", "y[i] *= x[i];"],
  ["a part of an element", "y[i].x = 1.0;"],
  ["a variable of its name beside it", "let y = 1.0; y[i] = 2.0;"],
])("%s is refused", (_, body) => {
  expect(canStoreHalf(shader, text(body), "y") && canStoreHalf(shader, text(body), "x")).toBe(
    false,
  );
});

test("a binding that is changed in place, or is no array of floats, stays f32", () => {
  expect(canStoreHalf(shaders.adamw, shaderText(shaders.adamw), "norm")).toBe(false);
  expect(canStoreHalf(shaders.adamw, shaderText(shaders.adamw), "scalars")).toBe(false);
  expect(canStoreHalf(shader, text("y[i] = x[i];"), "z")).toBe(false);
});
