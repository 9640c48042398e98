// The program starts fast: a command loads its own modules alone, and the bundle of a checkout is that
// of its sources as they are.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { expect, test } from "vitest";
import { cli } from "./run.ts";

/** The modules that a file imports before it runs, and the packages that these import. */
function loadedBy(entry: string): { readonly modules: string[]; readonly packages: string[] } {
  const modules = new Set<string>();
  const packages = new Set<string>();
  const visit = (file: string): void => {
    if (modules.has(file)) return;
    modules.add(file);
    const imports = /^(?:import|export) (?!type\b)[^;]*?from "([^"]+)"/gm;
    for (const [, from] of readFileSync(file, "utf8").matchAll(imports)) {
      if (from.startsWith(".")) visit(resolve(dirname(file), from));
      else if (!from.startsWith("node:")) packages.add(from);
    }
  };
  visit(resolve(entry));
  const names = [...modules].map((file) => relative(process.cwd(), file));
  return { modules: names, packages: [...packages] };
}

test("the program alone loads few modules, no kernel and no library but that of its options", () => {
  const { modules, packages } = loadedBy("src/cli/main.ts");
  expect(packages).toEqual(["commander"]);
  expect(modules.length).toBeLessThan(25);
  expect(modules).toContain("src/cli/terminal/command_list.ts");
  for (const group of ["teacher/teacher", "data/data", "bench"]) {
    expect(loadedBy(`src/cli/${group}.ts`).modules.length, group).toBeLessThan(10);
  }
});

test("each command is listed with its own arguments", async () => {
  const listedIn = (help: string): string[] =>
    [...help.matchAll(/^ {2}(\S.*?) {2,}\S/gm)]
      .map(([, usage]) => usage)
      .filter((usage) => /^\w/.test(usage) && !usage.startsWith("help "));
  let checked = 0;
  const check = async (path: readonly string[]): Promise<void> => {
    const { stdout } = await cli(...path, "--help");
    const commands = stdout.slice(stdout.indexOf("\nCommands:"), stdout.indexOf("\nExit codes:"));
    for (const usage of listedIn(commands)) {
      const own = [...path, usage.split(" ")[0]];
      const help = await cli(...own, "--help");
      const [first] = help.stdout.split("\n");
      const isGroup = !usage.includes("[options]");
      const shown = first.replace(isGroup ? " [options] [command]" : " [command]", "");
      expect(shown, own.join(" ")).toBe(`Usage: ringdepth ${[...path, usage].join(" ")}`);
      checked++;
      if (isGroup) await check(own);
    }
  };
  await check([]);
  expect(checked).toBeGreaterThan(22);
});

test("a checkout runs a bundle of its sources, never a stale one", () => {
  const root = mkdtempSync(join(tmpdir(), "ringdepth-bundle-"));
  const at = (path: string): string => join(root, path);
  try {
    for (const file of ["package.json", "tsconfig.json", "tools/ringdepth.js", "tools/bundled.js"])
      cpSync(file, at(file));
    symlinkSync(resolve("node_modules"), at("node_modules"));
    mkdirSync(at("src/cli"), { recursive: true });
    const run = (): { readonly text: string; readonly bundles: number } => {
      const { stdout, stderr } = spawnSync(process.execPath, [at("tools/ringdepth.js")], {
        encoding: "utf8",
      });
      return { text: stdout + stderr, bundles: readdirSync(at(".cache/program")).length };
    };
    const main =
      'import { word } from "./word.ts";\nconsole.log(word, import.meta.url.slice(-15));\n';
    writeFileSync(at("src/cli/main.ts"), main);
    const write = (text: string): void => writeFileSync(at("src/cli/word.ts"), text);
    write('export const word: string = "one";\n');
    expect(run()).toEqual({ text: "one src/cli/main.ts\n", bundles: 1 });
    expect(run()).toEqual({ text: "one src/cli/main.ts\n", bundles: 1 });
    write('export const word: string = "two";\n'); // the same length, and perhaps the same second
    expect(run()).toEqual({ text: "two src/cli/main.ts\n", bundles: 2 });
    // what cannot be bundled runs from source, which says what is wrong
    write('export const word: string = "three;\n');
    const broken = run();
    expect(broken.text).toContain("word.ts");
    expect(broken.bundles).toBe(2);
  } finally {
    rmSync(root, { recursive: true });
  }
});
