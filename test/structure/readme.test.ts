// The pages of the repository, compared with it: the generated kernel table is current, links and
// pictures lead somewhere, commands and npm scripts that are named exist.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { cli } from "../cli/run.ts";

const FOLDERS = ["bench", "shaders", "src", "test", "tools"];
const PAGES = [
  "README.md",
  ...FOLDERS.flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".md") && !name.includes("node_modules"))
      .map((name) => join(folder, name)),
  ),
];

/** Every match of the first group of `pattern` in a page, each once. */
function mentions(page: string, pattern: RegExp): string[] {
  return [...new Set([...readFileSync(page, "utf8").matchAll(pattern)].map(([, name]) => name))];
}

test("the kernel table of shaders/README.md is current", () => {
  execFileSync(process.execPath, ["--import", "tsx", "tools/readme.ts", "--check"]);
});

test("the pages of docs/api are current", () => {
  execFileSync(process.execPath, ["--import", "tsx", "tools/api.ts", "--check"]);
});

test.each(PAGES)("%s: every relative link and picture is there", (page) => {
  const targets = mentions(page, /\]\((?!https?:|#)([^)#\s]+)/g);
  expect(targets.filter((target) => !existsSync(join(dirname(page), target)))).toEqual([]);
});

test.each(PAGES)("%s: every file of this repository that it names is there", (page) => {
  const files = mentions(page, /`((?:src|shaders|test|bench|tools)\/[\w./-]+\.\w+)`/g);
  // X stands for any kernel, huber is the one that the README adds
  const absent = files.filter((file) => !/\bX\b|\bX\.|\bhuber/.test(file) && !existsSync(file));
  expect(absent).toEqual([]);
});

test.each(PAGES)("%s: every npm script that it names exists", (page) => {
  const { scripts } = JSON.parse(readFileSync("package.json", "utf8")) as {
    readonly scripts: Readonly<Record<string, string>>;
  };
  const named = mentions(page, /\bnpm (?:run )?(start|test|(?<=run )[\w-]+)/g);
  expect(named.filter((name) => scripts[name] === undefined)).toEqual([]);
});

test("every command that the README names is one of the program", async () => {
  const { stdout } = await cli("--help");
  for (const name of mentions("README.md", /ringdepth ([a-z]+)/g)) {
    expect(stdout).toMatch(new RegExp(`^ {2}${name} `, "m"));
  }
});
