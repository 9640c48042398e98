// JSON: whatever `JSON.parse` takes and nothing else, but for repeated keys and what is too large.
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { parseJson } from "../../src/formats/json.ts";
import { LIMITS } from "../../src/formats/limits.ts";
import { expectRefused, FILE, SOON_MS } from "./damage.ts";

test("takes any JSON value, however it is spaced", () => {
  fc.assert(
    fc.property(
      fc.jsonValue({ maxDepth: 6 }),
      fc.constantFrom("", " ", "\t", 2),
      (value, space) => {
        const text = ` ${JSON.stringify(value, null, space)}\r\n`;
        expect(parseJson(text, FILE)).toEqual(JSON.parse(text));
        expect(parseJson(Buffer.from(text), FILE)).toEqual(JSON.parse(text));
      },
    ),
    { numRuns: 500 },
  );
});

test("takes and refuses the same texts as JSON.parse", () => {
  const seeds = ['{"a":[1,-2.5e+3,true],"b":{"c":null,"d":"\\u00e9\\n\\""}}', "[[],{},[0]]", '"x"'];
  const character = fc.constantFrom(
    ...Array.from('{}[],:"\\ \n0123456789.eE+-truefalsnu\u0000\u001fé'),
  );
  const edit = fc.tuple(fc.nat(60), fc.nat(2), fc.string({ unit: character, maxLength: 2 }));
  let refused = 0;
  fc.assert(
    fc.property(fc.constantFrom(...seeds), fc.array(edit, { maxLength: 3 }), (seed, edits) => {
      let text = seed;
      for (const [at, drop, put] of edits) text = text.slice(0, at) + put + text.slice(at + drop);
      let expected: unknown;
      try {
        expected = JSON.parse(text);
      } catch {
        refused++;
        expect(() => parseJson(text, FILE)).toThrow(
          /^folder\/some\.file: .*(not valid JSON|twice)/,
        );
        return;
      }
      try {
        expect(parseJson(text, FILE)).toEqual(expected);
      } catch (error) {
        expect((error as Error).message).toContain("appears twice");
      }
    }),
    { numRuns: 5000 },
  );
  expect(refused).toBeGreaterThan(1000);
});

test.each<[string, Uint8Array]>([
  ["UTF-8 with a byte order mark", Buffer.from('\ufeff{"é":1}')],
  ["UTF-16, little-endian", Buffer.from('\ufeff{"é":1}', "utf16le")],
  ["UTF-16, big-endian", Buffer.from('\ufeff{"é":1}', "utf16le").swap16()],
])("reads %s", (_, bytes) => expect(parseJson(bytes, FILE)).toEqual({ é: 1 }));

test.each([
  ["", /line 1, column 1: expected a value/],
  ['{"a": 1,\n "b" 2}', /line 2, column 6: expected ":" after the key/],
  ["{'a': 1}", /line 1, column 2: expected a key in double quotes or "}"/],
  ["[1, 2", /line 1, column 6: expected "," or the end/],
  ["[1, 2,]", /line 1, column 7: expected a value$/],
  ["[1}", /line 1, column 3: a closing bracket without its opening one/],
  ["{} {}", /line 1, column 4: text after the end/],
  ['"a\nb"', /line 1, column 1: a string that does not end/],
  ["[NaN]", /line 1, column 2: expected a value/],
  ["01", /line 1, column 2: text after/],
])("says where %j is wrong, not what stands there", async (text, pattern) => {
  await expectRefused(() => parseJson(text, FILE), pattern);
});

test.each([
  ['{"a":1,"a":2}', "a"],
  ['{"x":{"b":1 , "b" :2}}', "b"],
  ['{"a":1,"\\u0061":2}', "a"],
  ['[{"k":[]},{"k":{},"k":{}}]', "k"],
  ['{"__proto__":1,"__proto__":2}', "__proto__"],
  ['{"a\\"":1,"a\\"":2}', 'a\\"'],
])("%s repeats %s", async (json, key) => {
  const error = await Promise.resolve()
    .then(() => parseJson(json, FILE))
    .catch((reason: Error) => reason.message);
  expect(error).toBe(`${FILE}: key "${key}" appears twice`);
});

test.each([
  '{"a":{"a":{"a":"a"}},"b":"a"}',
  '[{"a":1},{"a":1},"a","a"]',
  '{"a":"{\\"a\\":1,\\"a\\":2}","\\\\":"\\\\"}',
  '{"a":"a","b":["a",":"]}',
])("%s repeats no key", (json) => expect(parseJson(json, FILE)).toEqual(JSON.parse(json)));

test("a text in another encoding is refused", async () => {
  await expectRefused(() => parseJson(Buffer.from('"é"', "latin1"), FILE), /not text in UTF-8/);
});

const { json_depth, json_keys, json_values } = LIMITS;

test("the limits are reached, not passed", () => {
  const deep = "[".repeat(json_depth) + "]".repeat(json_depth);
  expect(JSON.stringify(parseJson(deep, FILE))).toBe(deep);
  const wide = `{${Array.from({ length: json_keys }, (_, i) => `"${i}":0`).join()}}`;
  expect(Object.keys(parseJson(wide, FILE) as object)).toHaveLength(json_keys);
});

test.each<[string, () => string, RegExp]>([
  ["a million levels of lists", () => "[".repeat(1e6), /JSON of more than 128 levels/],
  ["a million levels of objects", () => '{"a":'.repeat(1e6), /JSON of more than 128 levels/],
  [
    "a million keys",
    () => `{${Array.from({ length: 1e6 }, (_, i) => `"${i}":0`).join()}}`,
    /more than 100000 keys in one object/,
  ],
  ["too many values", () => `[${"0,".repeat(json_values)}0]`, /more than 2000000 values/],
  ["too many bytes", () => " ".repeat(LIMITS.json_bytes + 1), /at most 67108864 are read/],
])("%s are refused before they are built", async (_, text, pattern) => {
  const json = text();
  const began = performance.now();
  await expectRefused(() => parseJson(json, FILE), pattern);
  expect(performance.now() - began).toBeLessThan(SOON_MS);
});
