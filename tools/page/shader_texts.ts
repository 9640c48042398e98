// The texts of all shaders for programs without a file system: the page, and `ringdepth/shaders`.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { shaderText } from "../../src/engine/shader_text.ts";
import { kernels } from "../../src/kernels/kernels.ts";

/** The text of each file below shaders/ by its path there. */
export function shaderSources(): Record<string, string> {
  const names = readdirSync("shaders", { recursive: true, encoding: "utf8" })
    .map((name) => name.replaceAll("\\", "/"))
    .filter((name) => name.endsWith(".wgsl"))
    .toSorted();
  return Object.fromEntries(
    names.map((name) => [
      name,
      readFileSync(join("shaders", name), "utf8").replaceAll("\r\n", "\n"),
    ]),
  );
}

const SNIPPET = /^[ \t]*\/\/ <lib (\w+)>$[\s\S]*?^[ \t]*\/\/ <\/lib>$/gm;

/**
 * A shader without comments, indentation and most breaks of lines, apart from the marks of tuned
 * lines. A snippet is a line `#name`, since many shaders contain the same; `filesOfTexts` puts its text there
 * again.
 */
export function withoutComments(text: string): string {
  return text
    .replace(SNIPPET, "#$1")
    .split("\n")
    .map((line) => line.replace(/\/\/(?! tune:).*$/, "").trim())
    .filter((line) => line !== "" && !line.startsWith("// tune:"))
    .map((line) => (isWhole(line) ? line : line.replace(/\s*([,;(){}*+:])\s*/g, "$1")))
    .map((line, i, lines) => (i === 0 || isJoined(lines[i - 1], line) ? line : `\n${line}`))
    .join("");
}

/** Whether a line needs no break after the one before. */
const isJoined = (before: string, line: string): boolean =>
  /[;{},]$/.test(before) && !isWhole(before) && !isWhole(line);

/** Whether a line stays as it is: a snippet's, or one with a mark that programs read. */
const isWhole = (line: string): boolean => /tune:|^#/.test(line);

/** The texts as `useShaders` takes them; each is compared with the table, so that a page need not. */
export function shaderTexts(): Record<string, string> {
  for (const { shader } of kernels) shaderText(shader);
  const sources = Object.entries(shaderSources());
  return Object.fromEntries(sources.map(([name, text]) => [name, withoutComments(text)]));
}

/** Writes the entry point `ringdepth/shaders` with its declarations into a folder. */
export function writeShaderModule(folder: string): void {
  const head =
    "/** The texts of all shaders, for `useShaders` in programs without a file system. */\n";
  const texts = JSON.stringify(shaderTexts());
  writeFileSync(join(folder, "shaders.js"), `${head}export const shaders = ${texts};\n`);
  const type = "Readonly<Record<string, string>>";
  writeFileSync(join(folder, "shaders.d.ts"), `${head}export declare const shaders: ${type};\n`);
}
