// Foreign text in errors: one line, no control character, bounded length.
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { InputError } from "../../src/tensor/error.ts";
import { printable, PRINTABLE_LENGTH } from "../../src/tensor/printable.ts";

test("plain text stays as it is", () => {
  expect(printable("scene/rück 日本: [3, 4] 🙂")).toBe("scene/rück 日本: [3, 4] 🙂");
});

test("line breaks become a space, escapes are spelt out", () => {
  expect(printable("a\n  b\r\nc\u2028d")).toBe("a b c d");
  expect(printable("x\u001b[31mred\u0007\u009b\u202e")).toBe(
    "x\\u001b[31mred\\u0007\\u009b\\u202e",
  );
  expect(printable("half \ud800 pair")).toBe("half \\ud800 pair");
});

test("an InputError is one printable line whatever it quotes", () => {
  const unit = fc.string({ unit: "binary", maxLength: 4000 });
  fc.assert(
    fc.property(unit, (text) => {
      const { message } = new InputError(text);
      expect(message).not.toMatch(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u);
      expect(message.length).toBeLessThanOrEqual(PRINTABLE_LENGTH);
    }),
    { numRuns: 500 },
  );
});
