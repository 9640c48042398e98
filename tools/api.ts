// Writes the pages of docs/api, one for each entry point, from the declarations that the build emits
// and their docstrings; `--check` fails when one is not current.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

const FOLDER = "docs/api";
/** The stem of each entry point in src, in an order in which none repeats an earlier one. */
const ENTRIES: readonly (readonly [stem: string, name: string])[] = [
  ["graph", "ringdepth/graph"],
  ["profile", "ringdepth/profile"],
  ["formats", "ringdepth/formats"],
  ["index", "ringdepth"],
];
const EXPORT = /export (?:type )?\{([^}]*)\} from "([^"]+)";/g;
/** A docstring, if there is one, and the statement below it, which ends where the next one begins. */
const STATEMENT =
  /(?:\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n)?(export (?:declare )?(?:abstract )?(?:function|const|interface|type|class) (\w+)[\s\S]*?)(?=\n(?:\/\*\*|export |declare |import |interface |type |\/\/#)|$)/g;

interface Exported {
  readonly name: string;
  readonly from: string;
  readonly local: string;
}

/** The names that an entry point exports, with their files. */
function exportsOf(text: string): Exported[] {
  return [...text.matchAll(EXPORT)].flatMap(([, list, from]) =>
    list
      .split(",")
      .map((one) => one.replace(/\btype\b/, "").trim())
      .filter((one) => one !== "")
      .map((one) => {
        const [local, name = local] = one.split(/\s+as\s+/);
        return { name, local, from };
      }),
  );
}

/** The text of a docstring without its frame, one line for each paragraph. */
function docText(doc: string): string {
  const lines = doc.split("\n").map((line) => line.replace(/^\s*\*? ?/, "").trimEnd());
  return lines
    .join("\n")
    .trim()
    .replaceAll(/\n(?!\n)/g, " ")
    .replaceAll(/ ?\n ?/g, "\n\n");
}

/** The docstring and the declaration of each name in a file of declarations. */
function statementsOf(file: string): Map<string, readonly [doc: string, code: string]> {
  const found = new Map<string, readonly [string, string]>();
  for (const [, doc = "", code, name] of readFileSync(file, "utf8").matchAll(STATEMENT)) {
    const [first, before] = [found.get(name), docText(doc)];
    // overloads belong together
    found.set(name, first === undefined ? [before, code] : [first[0], `${first[1]}\n${code}`]);
  }
  return found;
}

function declarationFile(from: string): string {
  return from.replace(/\.[jt]s$/, ".d.ts");
}

/** A page: each name with its docstring and its declaration, in order of the alphabet. */
function page(name: string, exported: readonly Exported[], folder: string): string {
  const sections = exported
    .toSorted((a, b) => (a.name.toLowerCase() < b.name.toLowerCase() ? -1 : 1))
    .map(({ name: shown, local, from }) => {
      const statement = statementsOf(join(folder, declarationFile(from))).get(local);
      if (statement === undefined) throw new Error(`${from} does not declare ${local}`);
      const [doc, code] = statement;
      if (doc === "") throw new Error(`${from}: ${local} has no docstring`);
      const declared = code
        .replace(/^export (declare )?/gm, "")
        .replace(new RegExp(`\\b(function|const) ${local}\\b`, "g"), `$1 ${shown}`)
        .replaceAll(/^ +/gm, (indent) => indent.slice(indent.length / 2))
        .trimEnd();
      return `## ${shown}\n\n${doc}\n\n\`\`\`ts\n${declared}\n\`\`\`\n`;
    });
  const first = `# ${name}\n\nGenerated from the docstrings by \`npm run api\`.\n`;
  return [first, ...sections].join("\n");
}

/** All pages by file. */
function pages(): Map<string, string> {
  const folder = mkdtempSync(join(tmpdir(), "ringdepth-api-"));
  try {
    const tsc = resolve("node_modules/typescript/bin/tsc");
    const options = ["--emitDeclarationOnly", "--noCheck", "--outDir", folder];
    const built = spawnSync(process.execPath, [tsc, "-p", "tools/tsconfig.build.json", ...options]);
    if (built.status !== 0) throw new Error(String(built.stdout));
    const known = new Set<string>();
    return new Map(
      ENTRIES.map(([stem, name]) => {
        const all = exportsOf(readFileSync(`src/${stem}.ts`, "utf8"));
        const own = all.filter((one) => !known.has(one.name));
        for (const one of own) known.add(one.name);
        const file = `${FOLDER}/${stem === "index" ? "ringdepth" : stem}.md`;
        return [file, page(name, own, folder)] as const;
      }),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

for (const [file, text] of pages()) {
  if (!process.argv.includes("--check")) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  } else if (readFileSync(file, "utf8") !== text) {
    console.error(`${file} is not current: run npm run api`);
    process.exitCode = 1;
  }
}
