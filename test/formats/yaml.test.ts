// YAML: one document of plain values; what is deep, wide, repeated or unprintable is refused first.
import { expect, test, vi } from "vitest";
import { parseYaml } from "../../src/formats/yaml.ts";
import { expectRefused, FILE, SOON_MS } from "./damage.ts";

test("reads what a configuration holds, with byte order marks, CRLF and comments", () => {
  const value = { data: "rig", size: { height: 32 }, list: [1, { a: [2] }], text: "- [x]" };
  const text =
    "# comment [[[\ndata: rig\nsize:\n  height: 32\nlist:\n  - 1\n  - a: [2]\ntext: '- [x]'\n";
  expect(parseYaml(text, FILE)).toEqual(value);
  expect(parseYaml(Buffer.from(`\ufeff${text.replaceAll("\n", "\r\n")}`), FILE)).toEqual(value);
  expect(parseYaml(Buffer.from(`\ufeff${text}`, "utf16le"), FILE)).toEqual(value);
  expect(parseYaml("a: &x 1\nb: *x\n", FILE)).toEqual({ a: 1, b: 1 });
  expect(parseYaml("# nothing\n", FILE)).toBeNull();
});

const ALIASES = `a: &a [${"x,".repeat(9)}]\n${Array.from("bcdefghi")
  .map((key, i) => `${key}: &${key} [${`*${"abcdefgh"[i]},`.repeat(9)}]\n`)
  .join("")}`;

test.each<[string, string, RegExp]>([
  ["lists in lists", "[".repeat(1000), /YAML nested 1001 levels deep; at most 16/],
  ["items in items", "- ".repeat(1000), /nested 1001 levels deep/],
  ["keys in keys", "? ".repeat(1000), /nested 1001 levels deep/],
  [
    "indented keys",
    Array.from({ length: 40 }, (_, i) => " ".repeat(i) + "a:").join("\n"),
    /40 levels deep/,
  ],
  ["a million levels", "[".repeat(1e6), /1000000 bytes of YAML, at most 16384/],
  ["200 MB of spaces", " ".repeat(2e8), /200000000 bytes of YAML/],
  ["a million keys", Array.from({ length: 1e6 }, (_, i) => `${i}: 0\n`).join(""), /bytes of YAML/],
  [
    "many keys",
    Array.from({ length: 2100 }, (_, i) => `${i}: 0\n`).join(""),
    /2100 keys and items/,
  ],
  ["many closing brackets", "]".repeat(16_000), /16000 keys and items/],
  ["aliases of aliases", ALIASES, /its aliases contain themselves or repeat/],
  ["a list in itself", "&a [*a]", /its aliases contain themselves or repeat/],
  ["a mapping in itself", "a: &a\n  b: *a\n", /its aliases contain themselves or repeat/],
  ["NUL", "steps: 1\0\n", /line 1, column 9: a control character/],
  ["an escape sequence", "a: 1\nb: \u001b[31m\n", /line 2, column 4: a control character/],
  ["half a surrogate pair", "a: \ud800", /a control character/],
  ["equal keys", "a: 1\na: 2\n", /line 2, column 1: Map keys must be unique/],
  ["an unknown tag", "a: !!js/function x", /line 1, column 4: Unresolved tag/],
  ["two documents", "a: 1\n---\nb: 1\n", /line 2, column 1: .*multiple documents/],
  ["an open list", "a: [1\n", /not valid YAML: line 2, column 1/],
])("refuses %s", async (_, text, pattern) => {
  const began = performance.now();
  await expectRefused(() => parseYaml(text, FILE), pattern);
  expect(performance.now() - began).toBeLessThan(SOON_MS);
});

test("a text in another encoding is refused", async () => {
  await expectRefused(() => parseYaml(Buffer.from("a: é", "latin1"), FILE), /not text in UTF-8/);
});

test("a long quotation of the text is cut from the message", () => {
  const error = (): unknown => parseYaml(`a: !${"x".repeat(5000)} 1`, FILE);
  expect(error).toThrow(/^.{1,250}$/);
});

test("the parser says nothing by itself, here of a key that is a list", () => {
  const warn = vi.spyOn(process, "emitWarning");
  expect(parseYaml("? [a]\n: 1\n", FILE)).toEqual({ "[ a ]": 1 });
  expect(warn).not.toHaveBeenCalled();
  warn.mockRestore();
});
