// `npm run new-kernel NAME`: writes the files of a kernel family that works element by element, and
// puts it into every list that has all kernels or ops. The files pass all checks as they are;
// replace the placeholder formula with yours.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import {
  benchText,
  opText,
  ownText,
  shaderText,
  testText,
  twinText,
  type Family,
} from "./texts.ts";

const HELP = `Usage: npm run new-kernel NAME [NUMBER ...]

Writes shader, gradient shader, twin, op, test and bench of a function that works element by element,
and lists it where all kernels are listed. NUMBERs are what the function depends on beside x
(default: alpha).

Example: npm run new-kernel huber delta`;

const WORD = /^[a-z][a-z\d]*(_[a-z\d]+)*$/;

/** A line to insert among similar ones, in order of the word that `like` captures. */
interface Insertion {
  readonly file: string;
  /** Where the list begins. */
  readonly after: string;
  readonly like: RegExp;
  readonly line: string;
}

function insertionsFor({ stem, camel }: Family): Insertion[] {
  const list = "src/kernels/kernels.ts";
  const own = "tools/oracle/own/elementwise_ops.ts";
  const base = { file: list, after: "const BASES", like: /^ {2}(\w+),$/gm };
  return [
    {
      file: list,
      after: "",
      like: /^import \{ [^}]+ \} from "\.\/(\w+)\.ts";$/gm,
      line: `import { ${camel}, ${camel}Grad } from "./${stem}.ts";`,
    },
    { ...base, line: `  ${camel},` },
    { ...base, line: `  ${camel}Grad,` },
    {
      file: own,
      after: "",
      like: /^import type \{ \w+Ops \} from ".*graph\/ops\/(\w+)\.ts";$/gm,
      line: `import type { ${camel}Ops } from "../../../src/graph/ops/${stem}.ts";`,
    },
    {
      file: own,
      after: "type Name",
      like: /^ {2}\| keyof typeof (\w+)Ops;?$/gm,
      line: `  | keyof typeof ${camel}Ops`,
    },
  ];
}

function insert({ file, after, like, line }: Insertion): void {
  const text = readFileSync(file, "utf8");
  const start = text.indexOf(after);
  const word = [...line.matchAll(like)][0]?.[1];
  const places = [...text.slice(start).matchAll(like)];
  if (start < 0 || word === undefined || places.length === 0) {
    throw new Error(`${file}: there is no place for "${line.trim()}"`);
  }
  // the last line of some lists ends differently: nothing is inserted after it
  const { index } = places.find(([, other]) => other > word) ?? places.at(-1)!;
  const at = start + index;
  writeFileSync(file, `${text.slice(0, at)}${line}\n${text.slice(at)}`);
}

/** Puts the ops on the oracle's page, after the other functions of one tensor. */
function describeOps(family: Family): void {
  const file = "tools/oracle/own/elementwise_ops.ts";
  const text = readFileSync(file, "utf8");
  const at = text.indexOf("  binary: {\n");
  if (at < 0) throw new Error(`${file}: there is no place for ${family.stem}`);
  writeFileSync(file, `${text.slice(0, at)}${ownText(family)}${text.slice(at)}`);
}

function familyOf([stem, ...numbers]: readonly string[]): Family | string {
  const attributes = numbers.length === 0 ? ["alpha"] : numbers;
  for (const word of [stem, ...attributes]) {
    if (!WORD.test(word)) return `"${word}" is not a name: lower-case words joined by _`;
  }
  if (attributes.some((one) => ["n", "x", "y", "v"].includes(one))) {
    return "n, v, x and y have a meaning in the shader: choose another name for the number";
  }
  if (new Set(attributes).size < attributes.length) return "the numbers need different names";
  const camel = stem.replaceAll(/_(.)/g, (_, letter: string) => letter.toUpperCase());
  const pascal = camel.replace(/^./, (letter) => letter.toUpperCase());
  return { stem, camel, pascal, attributes };
}

function run(command: string, ...args: string[]): void {
  execFileSync(command, args, { stdio: "inherit" });
}

function write(family: Family): void {
  const { stem } = family;
  const files: Readonly<Record<string, string>> = {
    [`shaders/${stem}.wgsl`]: shaderText(family, false),
    [`shaders/${stem}_grad.wgsl`]: shaderText(family, true),
    [`src/kernels/${stem}.ts`]: twinText(family),
    [`src/graph/ops/${stem}.ts`]: opText(family),
    [`test/kernels/${stem}.test.ts`]: testText(family),
    [`bench/kernels/${stem}.bench.ts`]: benchText(family),
  };
  const taken = Object.keys(files).find((file) => existsSync(file));
  if (taken !== undefined) throw new Error(`${taken} is already there: nothing was written`);
  for (const [file, text] of Object.entries(files)) writeFileSync(file, text);
  insertionsFor(family).forEach(insert);
  describeOps(family);
  run("npx", "oxfmt", ...Object.keys(files).filter((file) => file.endsWith(".ts")), "src", "tools");
  run("npm", "run", "--silent", "shaders");
  run("npm", "run", "--silent", "oracle", "--", "--own", "--write");
  console.log(
    [
      "wrote",
      ...Object.keys(files).map((file) => `  ${file}`),
      `Now change value and slope in both shaders and in src/kernels/${stem}.ts, then:`,
      "  npm run shaders",
      `  npx ringdepth check '${stem}*'`,
      `  npx vitest run test/kernels/${stem}.test.ts`,
      "  npm run check",
    ].join("\n"),
  );
}

const words = process.argv.slice(2);
if (words.length === 0 || words.includes("--help") || words.includes("-h")) {
  console.log(HELP);
  process.exitCode = words.length === 0 ? 2 : 0;
} else {
  const family = familyOf(words);
  if (typeof family === "string") {
    console.error(`new-kernel: ${family}`);
    process.exitCode = 2;
  } else {
    try {
      write(family);
    } catch (error) {
      console.error(`new-kernel: ${(error as Error).message}`);
      process.exitCode = 1;
    }
  }
}
