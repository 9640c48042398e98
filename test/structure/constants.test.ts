// Host and shader share a constant by its name, read from WGSL: no twin repeats a number that its
// shaders declare, and the shaders of one twin that declare a name for the host agree on it.
import { readdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { expect, test } from "vitest";
import { readShader } from "../../src/engine/shader_file.ts";

const NUMBER = String.raw`-?\d[\d_.]*(?:e[-+]?\d+)?`;
const TWINS = "src/kernels";
const texts = readdirSync("shaders")
  .filter((file) => file.endsWith(".wgsl"))
  .map((file) => readFileSync(`shaders/${file}`, "utf8"));
const twins = readdirSync(TWINS, { recursive: true, encoding: "utf8" }).filter(
  (file) => file.endsWith(".ts") && !file.endsWith(".gen.ts"),
);

/** The code of the shaders of a twin; of all its folder's, for a file that twins of a folder share. */
function shadersOf(twin: string): string[] {
  const folder = dirname(`${TWINS}/${twin}`);
  return texts.filter((text) => {
    const named = /^\/\/ Twin {2,}(\S+)$/m.exec(text)![1];
    return named === `${TWINS}/${twin}` || (folder !== TWINS && dirname(named) === folder);
  });
}

/** Constants of a twin that its shaders have too: small, large and broken numbers, or one name. */
function repeated(twin: string, code: string, shaderTexts: readonly string[]): string[] {
  const bare = shaderTexts.map((text) => text.replaceAll(/\/\/.*/g, ""));
  const own = code.matchAll(new RegExp(`^(?:export )?const (\\w+)[^=\n]* = (${NUMBER});`, "gm"));
  return [...own].flatMap(([, name, text]) => {
    const value = Number(text.replaceAll("_", ""));
    const isTelling = !Number.isInteger(value) || Math.abs(value) > 1e6;
    const isThere = bare.some((shader) => {
      if (isTelling) {
        return [...shader.matchAll(new RegExp(`(?<![\\w.])${NUMBER}`, "g"))].some(
          ([literal]) => Math.fround(Math.abs(Number(literal))) === Math.fround(Math.abs(value)),
        );
      }
      const declared = new RegExp(`^const (\\w+): \\w+ = (${NUMBER})`, "gm");
      return [...shader.matchAll(declared)].some(
        ([, other, number]) => other === name && Number(number) === value,
      );
    });
    return isThere ? [`${twin}: ${name} = ${text}`] : [];
  });
}

test("no twin repeats a constant of its shaders", () => {
  expect(twins.length).toBeGreaterThan(30);
  const found = twins.flatMap((twin) =>
    repeated(twin, readFileSync(`${TWINS}/${twin}`, "utf8"), shadersOf(twin)),
  );
  expect(found).toEqual([]);
});

test("a repeated constant is found by its name, or by a number that tells it", () => {
  const shader = "const ROWS: u32 = 8u;\nconst FLOOR: f32 = 1e-4;\nlet a = b + 1e-8; // 0.125";
  const twin = "const ROWS = 8;\nconst OTHER = 8;\nexport const LEAST = 0.0001;\nconst B = 1e-8;";
  expect(repeated("x.ts", `${twin}\nconst C = 0.125;`, [shader])).toEqual([
    "x.ts: ROWS = 8",
    "x.ts: LEAST = 0.0001",
    "x.ts: B = 1e-8",
  ]);
});

test("a real number that the shaders of a family declare has one value", () => {
  const known = new Map<string, string>();
  for (const text of texts) {
    const [, twin] = /^\/\/ Twin {2,}(\S+)$/m.exec(text)!;
    for (const [line, name, value] of text.matchAll(/^const (\w+): f32 = (\S+); \/\/ host/gm)) {
      const before = known.get(`${twin} ${name}`) ?? value;
      expect(value, `${twin}: ${line}`).toBe(before);
      known.set(`${twin} ${name}`, value);
    }
  }
  expect(known.size).toBeGreaterThan(4);
});

test("numbers of both types are read from the lines for the host", () => {
  const text = texts.find((one) => one.startsWith("// log_binomial —"))!;
  const read = readShader("log_binomial", `${text}\nconst N: u32 = 12u; // host\n`).constants;
  expect(read).toEqual({ FLOOR: 1e-4, N: 12 });
  expect(() => readShader("log_binomial", `${text}\nconst N = 12u; // host\n`)).toThrow(
    "const NAME: f32 = 1e-4; // host",
  );
});
