// Python literals as numpy's headers hold them.
import { expect, test } from "vitest";
import { parsePythonLiteral } from "../../src/formats/python_literal.ts";

test("reads a dict of every kind of literal", () => {
  const text = `{'descr': [("X", '<f8'), ('', '|V4')], 'fortran_order': False, 'shape': (3L, -2,), }
`;
  expect(parsePythonLiteral(text)).toEqual(
    new Map<string, unknown>([
      [
        "descr",
        [
          ["X", "<f8"],
          ["", "|V4"],
        ],
      ],
      ["fortran_order", false],
      ["shape", [3, -2]],
    ]),
  );
});

test.each([
  ["()", []],
  ["(3,)", [3]],
  ["(3)", 3],
  ["[3]", [3]],
  ["(True, None)", [true, null]],
])("%s", (text, value) => expect(parsePythonLiteral(text)).toEqual(value));

test.each([
  "",
  "(",
  "(1 2)",
  "(,)",
  "{'a'}",
  "{1: 2}",
  "{'a': 1, 'a': 2}",
  "'a",
  "'\\x41'",
  "1 + 1",
  "Trues",
  "__import__('os')",
  "(".repeat(100_000),
])("refuses %.30s", (text) => expect(() => parsePythonLiteral(text)).toThrow(SyntaxError));
