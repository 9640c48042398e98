// JSON tables read as streams: the same records however the bytes are cut into pieces, every fault of
// the grammar found, fields decoded by type.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readTable, type JsonRecord } from "../../src/formats/json_table.ts";
import { InputError } from "../../src/tensor/error.ts";

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "ringdepth-table-"));
});
afterEach(() => rmSync(root, { recursive: true }));

async function read<T>(
  content: string | Uint8Array,
  of: (record: JsonRecord) => T,
  piece_bytes?: number,
): Promise<T[]> {
  writeFileSync(join(root, "t.json"), content);
  const found: T[] = [];
  const fields = ["name", "size", "flag", "list", "matrix"];
  const onRecord = (record: JsonRecord): number => found.push(of(record));
  await readTable(root, "t.json", fields, onRecord, { piece_bytes });
  return found;
}

const ROWS = [
  { name: 'a "b" \\ / \u00fc \ud83d\ude97', size: -1.5e-3, flag: true, list: [1, 2], other: null },
  { deep: { a: [{ b: [] }, {}], c: "]}" }, name: "", size: 0, flag: false, list: [], matrix: [] },
  {
    matrix: [
      [1, 0],
      [0, 1],
    ],
    name: "x".repeat(300),
    size: 1234567890123456768,
    list: [3],
  },
];
const all = (record: JsonRecord): unknown[] => [
  record.text("name"),
  record.number("size"),
  record.has("flag") && record.flag("flag"),
  record.has("matrix") && record.matrix("matrix", 2),
];
const EXPECTED = [
  [ROWS[0].name, -1.5e-3, true, false],
  ["", 0, false, null],
  [
    "x".repeat(300),
    1234567890123456768,
    false,
    [
      [1, 0],
      [0, 1],
    ],
  ],
];

test.each([1, 2, 3, 7, 64, 350, 4096])(
  "pieces of %i bytes give the same records",
  async (piece) => {
    expect(await read(JSON.stringify(ROWS), all, piece)).toEqual(EXPECTED);
    expect(await read(`\ufeff ${JSON.stringify(ROWS, null, 2)}\r\n\t`, all, piece)).toEqual(
      EXPECTED,
    );
  },
);

test("an empty table has no record", async () => {
  expect(await read(" [ ] ", all)).toEqual([]);
});

test("keys and strings may be escaped; digits stay as they are", async () => {
  const text = String.raw`[{"n\u0061me":"\u00fc\n","size":1532402927612460123}]`;
  const of = (record: JsonRecord): string[] => [record.text("name"), record.digits("size")];
  expect(await read(text, of)).toEqual([["\u00fc\n", "1532402927612460123"]]);
});

test.each<[string, RegExp]>([
  ["", /the table ends too early/],
  ["{}", /byte 0: expected "\[" at the start/],
  ["[", /the table ends too early/],
  ['[{"name":"a"}', /the table ends too early/],
  ['[{"name":"a"},]', /byte 14: expected a record in { and }/],
  ['[{"name":"a",}]', /byte 13: expected a key in double quotes/],
  ['[{"name" "a"}]', /byte 9: expected ":"/],
  ['[{"name":"a" "size":1}]', /byte 13: expected "," or "}"/],
  ['[{"name":"a"} {}]', /byte 14: expected "," or "]" after a record/],
  ["[{}] x", /byte 5: text after the end/],
  ["[1]", /expected a record/],
  ['[{"size":01}]', /a number that begins with 0/],
  ['[{"size":1.}]', /expected a digit/],
  ['[{"size":-}]', /expected a digit/],
  ['[{"size":NaN}]', /expected a value/],
  ['[{"size":tru}]', /expected a value/],
  ['[{"name":"\\x"}]', /invalid escape/],
  ['[{"name":"\\u12g4"}]', /invalid escape/],
  ['[{"name":"\t"}]', /control character/],
  ['[{"list":[1,2}]', /a comma or a closing bracket/],
  ['[{"name":"a","name":"b"}]', /record 0: key name appears twice/],
  ['[{"x":1},{"x":1,"y":2,"\\u0078":3}]', /record 1: key \\u0078 appears twice/],
  ['[{"name":"abc', /record 0 is cut short/],
  [`[{"list":${"[".repeat(50)}${"]".repeat(50)}}]`, /more than 32 levels/],
  [`[{"name":"${"x".repeat(2 ** 20 + 10)}"}]`, /record 0 has more than 1048576 bytes/],
])("%.60s is refused in pieces of any size", async (text, message) => {
  for (const piece of text.length > 1000 ? [2 ** 18] : [1, 5, 4096]) {
    const opened = read(text, () => 0, piece);
    await expect(opened).rejects.toThrow(InputError);
    await expect(opened).rejects.toThrow(message);
    await expect(opened).rejects.toThrow(/t\.json: /);
  }
});

test.each<[string, (record: JsonRecord) => unknown, RegExp]>([
  ['{"name":1}', (record) => record.text("name"), /record 0: name: has another value; .* a string/],
  ["{}", (record) => record.text("name"), /record 0: name: is missing .* expected a string/],
  ['{"name":""}', (record) => record.token("name"), /expected a token/],
  ['{"size":1e999}', (record) => record.number("size"), /a finite number/],
  ['{"size":"1"}', (record) => record.number("size"), /a finite number/],
  ['{"size":1.5}', (record) => record.digits("size"), /a whole number/],
  ['{"flag":null}', (record) => record.flag("flag"), /true or false/],
  ['{"list":[1,"2"]}', (record) => record.vector("list", 2), /a list of 2 finite numbers/],
  ['{"list":[1]}', (record) => record.vector("list", 2), /a list of 2 finite numbers/],
  ['{"list":[1,1e999]}', (record) => record.vector("list", 2), /a list of 2 finite numbers/],
  ['{"matrix":[[1,2]]}', (record) => record.matrix("matrix", 2), /2 lists of 2 finite numbers/],
])("a field of %s is refused", async (text, of, message) => {
  await expect(read(`[${text}]`, of)).rejects.toThrow(InputError);
  await expect(read(`[${text}]`, of)).rejects.toThrow(message);
});

test("a string that is not UTF-8 is refused", async () => {
  const bytes = Buffer.concat([Buffer.from('[{"name":"'), Buffer.of(0xff), Buffer.from('"}]')]);
  await expect(read(bytes, (record) => record.text("name"))).rejects.toThrow(/not UTF-8/);
});
