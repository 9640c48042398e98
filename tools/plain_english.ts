// Refuses phrases that have to be read twice (plain_words.ts) in help, errors, comments and pages: in
// every string literal and comment of src/, in the comments of test/support/, and in every page. A
// line may keep its words with a comment on it or above it: `plain-english: REASON`.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { findInCode, findInComments, findInPage } from "./plain_words.ts";

// Written by tools.
const LEFT_OUT = /\.gen\.ts$/;

function filesOf(folder: string, ending: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(ending) && !LEFT_OUT.test(name))
    .toSorted()
    .map((name) => join(folder, name));
}

const read = (file: string): string => readFileSync(file, "utf8");
const pages = [
  "README.md",
  ...["bench", "shaders", "src", "test", "tools"].flatMap((folder) => filesOf(folder, ".md")),
];
const found = [
  ...filesOf("src", ".ts").flatMap((file) =>
    findInCode(read(file)).map((one) => ({ file, ...one })),
  ),
  ...["src", join("test", "support")]
    .flatMap((folder) => filesOf(folder, ".ts"))
    .flatMap((file) => findInComments(read(file)).map((one) => ({ file, ...one }))),
  ...pages.flatMap((file) => findInPage(read(file)).map((one) => ({ file, ...one }))),
];
for (const { file, line, found: words, phrase } of found) {
  console.error(`${file}:${line}: "${words}": ${phrase.reason}; say: "${phrase.plain}"`);
}
if (found.length > 0) process.exitCode = 1;
