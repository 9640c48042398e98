// The changes that `npm run mutants` makes, and that a process which never ends does not stop it.
import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { shaderText } from "../../src/engine/shader_text.ts";
import { shaders } from "../../src/kernels/shaders.gen.ts";
import { mutationsOf } from "../../tools/mutants/mutations.ts";

const SHADER = `// y = x + 1 - 2
override WG: u32 = 64u;
struct Params {
    n: u32, // 3u
}
@compute @workgroup_size(WG)
fn made_up(@builtin(global_invocation_id) id: vec3u) {
    let i = id.x + 1u; // a + b
    if (i < params.n) {
        y[i] = max(x[i], 0.5);
    }
}
`;

test("a change is of one operator, number or statement of a function, never of a comment", () => {
  expect(mutationsOf(SHADER).map(({ line, change }) => `${line}: ${change}`)).toEqual([
    "8: let i = id.x« +  →  - »1u;",
    "8: let i = id.x + «1u → 2u»;",
    "9: if (i« <  →  <= »params.n) {",
    "10: y[i] = «max( → min(»x[i], 0.5);",
    "10: y[i] = max(x[i], «0.5 → 0.875»);",
    "10: «        y[i] = max(x[i], 0.5); → »",
  ]);
});

test("the text differs in that place alone, and lines keep their numbers", () => {
  const text = shaderText(shaders.argmax);
  const lines = text.split("\n");
  for (const { line, code } of mutationsOf(text)) {
    const differing = code.split("\n").flatMap((one, i) => (one === lines[i] ? [] : [i + 1]));
    expect(differing).toEqual([line]);
  }
});

test("the tool counts what the cases of a kernel find, and lists the rest by file and line", () => {
  const said = execFileSync(
    process.execPath,
    ["--import", "tsx", "tools/mutants/main.ts", "--count", "6", "scale_by"],
    { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] },
  );
  expect(said).toMatch(/^scale_by: \d of \d caught/);
  expect(said).toMatch(/\n\d caught, \d not, \d that do not compile\n$/);
}, 60_000);
