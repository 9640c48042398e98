// Phrases that the check of help, errors, comments and pages refuses: each finds its example and lets
// the plain form pass.
import { expect, test } from "vitest";
import { findInCode, findInComments, findInPage, ODD_PHRASES } from "../../tools/plain_words.ts";

test.each(ODD_PHRASES)("$reason: is found, its plain form is not", ({ odd, plain, reason }) => {
  const found = findInPage(`A page.\n\n${odd}.\n`);
  expect(found.map(({ line, phrase }) => [line, phrase.reason])).toEqual([[3, reason]]);
  expect(findInPage(plain)).toEqual([]);
  expect(findInCode(`throw new Error(\`${odd}\`);`)).toHaveLength(1);
  expect(findInComments(`/** ${odd}. */\nconst a = 1; // ${plain}\n`)).toHaveLength(1);
});

test.each([
  'maximum seconds of timing per problem, "two rows in a view"',
  "it is of course a step; there are of the order of ten",
  "sorted by the host; the gradient of the loss, slab by slab; the most that fits",
  "stands in the first row, and hold a lock while another waits; against all odds",
  "a cost that is no longer counted, which is no slower; where they are equal, given that it lies below",
])("%j is left alone", (text) => {
  expect(findInPage(text)).toEqual([]);
});

test("in code a comment is no text, and literals that are added are one", () => {
  const code = `// timed in turn, "in turn"
/* anew */
const a = "two kernels in " +
  \`turn, \${b("anew")}\`;
`;
  const found = findInCode(code);
  expect(found.map(({ line, found: words }) => [line, words])).toEqual([[3, "in turn"]]);
});

test("comments: phrases over several lines, docstrings that begin with What, no code font", () => {
  const code = `// two kernels timed in
// turn, \`in turn\`
/**
 * What a row says. Measured
 * anew.
 */
const a = "in turn"; // a step: What, where
`;
  const found = findInComments(code);
  expect(found.map(({ line, found: words }) => [line, words])).toEqual([
    [1, "in turn"],
    [5, "anew"],
    [3, "What"],
  ]);
});

test("a comment with a reason keeps a line, in code and in a page", () => {
  expect(findInCode('// plain-english: a quotation\nsay("anew");')).toEqual([]);
  expect(findInCode('// plain-english:\nsay("anew");')).toHaveLength(1);
  expect(findInPage("<!-- plain-english: a title -->\nAnew\n")).toEqual([]);
});

test("names in code font and generated regions are left alone", () => {
  expect(findInPage("`anew` <!-- table -->\nanew\n<!-- /table -->\n")).toEqual([]);
  expect(findInPage("a phrase in\nturn\n")).toMatchObject([{ line: 1, found: "in turn" }]);
});
