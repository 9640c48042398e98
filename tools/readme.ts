// Writes the kernel table of shaders/README.md from the headers of the shaders; `--check` fails when
// it is not current.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";

const README = "shaders/README.md";
const REGION = /(<!-- kernels -->\n)[\s\S]*?(<!-- \/kernels -->)/;

/** One line per shader: its name, the summary in its header, and its family. */
function rows(): string {
  const families = new Map<string, string[]>();
  for (const file of readdirSync("shaders").toSorted()) {
    if (!file.endsWith(".wgsl")) continue;
    const text = readFileSync(`shaders/${file}`, "utf8");
    const stem = file.slice(0, -".wgsl".length);
    const clause = new RegExp(`^// ${stem} — (.+?)\\.?$`, "m").exec(text)?.[1] ?? "";
    const family = /^\/\/ Twin {2,}src\/kernels\/([\w/]+)\.ts$/m.exec(text)?.[1] ?? stem;
    const list = families.get(family) ?? [];
    list.push(`| | [\`${stem}\`](${file}) | ${clause.replaceAll("|", "\\|")} |`);
    families.set(family, list);
  }
  const lines = ["| family | kernel | computes |", "| --- | --- | --- |"];
  const name = (family: string): string => family.slice(family.lastIndexOf("/") + 1);
  const order = (a: string, b: string): number => (name(a) < name(b) ? -1 : 1);
  for (const [family, list] of [...families].toSorted(([a], [b]) => order(a, b))) {
    lines.push(
      list[0].replace("| |", `| [${name(family)}](../src/kernels/${family}.ts) |`),
      ...list.slice(1),
    );
  }
  return `${lines.join("\n")}\n`;
}

const text = readFileSync(README, "utf8");
if (!REGION.test(text)) throw new Error(`${README} has no <!-- kernels --> region`);
const table = rows();
const next = text.replace(REGION, (_, start: string, end: string) => `${start}\n${table}\n${end}`);
if (!process.argv.includes("--check")) writeFileSync(README, next);
else if (next !== text) {
  console.error(`${README}: the kernel table is not current: run npm run shaders`);
  process.exitCode = 1;
}
