// Holds the one direction of imports: each folder of src imports only from folders before it. Reads
// the import statements itself, so that a gap in the lint rules shows; then holds the lint rules
// against the same order.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const ORDER = [
  "tensor",
  "formats",
  "gpu",
  "engine",
  "kernels",
  "graph",
  "measure",
  "tune",
  "data",
  "bins",
  "student",
  "teacher",
  "distill",
  "evaluate",
  "report",
  "train",
  "ablate",
  "profile",
  "page",
  "cli",
];
/** What a folder must not know although it comes earlier. */
const STRANGERS: Readonly<Record<string, readonly string[]>> = {
  student: ["gpu", "formats"],
  teacher: ["student"],
};
const IMPORT = /(?:\bfrom\s+|\bimport\s+|\bimport\s*\(\s*)["'](\.[^"']+)["']/g;

function isAllowed(from: string, to: string): boolean {
  if (from === to) return true;
  return (
    ORDER.indexOf(to) < ORDER.indexOf(from) && ORDER.includes(to) && !STRANGERS[from]?.includes(to)
  );
}

/** Relative imports of a source text that its folder of src may not have. */
function forbiddenImports(path: string, code: string): string[] {
  const src = join(ROOT, "src");
  const folder = relative(src, path).split(sep)[0];
  return [...code.matchAll(IMPORT)].flatMap(([, specifier]) => {
    const target = relative(src, join(dirname(path), specifier)).split(sep)[0];
    return isAllowed(folder, target) ? [] : [`src/${relative(src, path)} imports ${specifier}`];
  });
}

function sourceFiles(): string[] {
  const names = readdirSync(join(ROOT, "src"), { recursive: true, encoding: "utf8" });
  return names
    .filter((name) => name.endsWith(".ts") && name.includes(sep))
    .map((name) => join(ROOT, "src", name));
}

describe("imports", () => {
  test("every folder of src has its place in the order", () => {
    const entries = readdirSync(join(ROOT, "src"), { withFileTypes: true });
    const folders = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
    expect(folders.filter((name) => !ORDER.includes(name))).toEqual([]);
  });

  test("no folder has more than 40 files", () => {
    const counts = new Map<string, number>();
    for (const path of sourceFiles()) {
      const folder = relative(ROOT, dirname(path));
      counts.set(folder, (counts.get(folder) ?? 0) + 1);
    }
    expect([...counts].filter(([, count]) => count > 40)).toEqual([]);
  });

  test("every file imports only from folders before its own", () => {
    const files = sourceFiles();
    expect(files.length).toBeGreaterThan(10);
    expect(files.flatMap((path) => forbiddenImports(path, readFileSync(path, "utf8")))).toEqual([]);
  });

  test("the commands of src/cli do not import each other", () => {
    const cli = join(ROOT, "src", "cli");
    const shared = ["terminal", "settings"];
    const strays = sourceFiles().flatMap((path) => {
      const [folder, ...rest] = relative(cli, path).split(sep);
      // The program itself and src outside of cli.
      if (rest.length === 0 || folder === "..") return [];
      const allowed = shared.includes(folder) ? shared : [folder, ...shared];
      return [...readFileSync(path, "utf8").matchAll(IMPORT)]
        .map(([, specifier]) => relative(cli, join(dirname(path), specifier)))
        .filter((target) => !target.startsWith("..") && !allowed.includes(target.split(sep)[0]))
        .map((target) => `${relative(cli, path)} imports ${target}`);
    });
    expect(strays).toEqual([]);
  });

  test("a wrong import of any form is seen", () => {
    const path = join(ROOT, "src", "kernels", "families", "x.ts");
    const code = `import { a } from "../../graph/a.ts";
import type { b } from "../../tensor/b.ts";
export * from "../../cli/c.ts";
import "../../index.ts";
const d = await import("../../train/d.ts");
import {
  e,
} from "../../student/e.ts";
import { f } from "../kernel.ts";`;
    expect(forbiddenImports(path, code).map((line) => line.split(" imports ")[1])).toEqual([
      "../../graph/a.ts",
      "../../cli/c.ts",
      "../../index.ts",
      "../../train/d.ts",
      "../../student/e.ts",
    ]);
  });
});

interface LintConfig {
  overrides: { files: string[]; rules: Record<string, unknown> }[];
}

describe("the lint rules", () => {
  const text = readFileSync(join(ROOT, ".oxlintrc.json"), "utf8").replaceAll(/^\s*\/\/.*$/gm, "");
  const { overrides } = JSON.parse(text) as LintConfig;

  test.each(ORDER)("of src/%s forbid exactly what the order forbids", (from) => {
    const override = overrides.find(({ files }) => files.includes(`src/${from}/**`));
    const rule = override?.rules["no-restricted-imports"] as [
      string,
      { patterns: { regex: string }[] },
    ];
    expect(rule[0]).toBe("error");
    const forbidden = new RegExp(rule[1].patterns[0].regex);
    for (const to of ORDER) {
      if (to === from) continue;
      expect(forbidden.test(`../${to}/x.ts`), `${from} -> ${to}`).toBe(!isAllowed(from, to));
      expect(forbidden.test(`../../${to}/x.ts`), `${from}/deeper -> ${to}`).toBe(
        !isAllowed(from, to),
      );
      expect(forbidden.test(`./${to}/x.ts`), `${from}/${to} is its own`).toBe(false);
    }
    expect(forbidden.test("../index.ts")).toBe(true);
  });
});
