// Cyclic redundancy checks: published check values.
import { expect, test } from "vitest";
import { crc32, crc32c } from "../../src/formats/crc32.ts";

const DIGITS = Buffer.from("123456789");

test("CRC-32 of the published vectors", () => {
  expect(crc32(DIGITS)).toBe(0xcbf43926);
  expect(crc32(new Uint8Array(0))).toBe(0);
});

// RFC 3720 appendix B.4.
test.each([
  ["123456789", DIGITS, 0xe3069283],
  ["32 zeros", new Uint8Array(32), 0x8a9136aa],
  ["32 ones", new Uint8Array(32).fill(255), 0x62a8ab43],
  ["0 to 31", Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
])("CRC-32C of %s", (_, bytes, value) => expect(crc32c(bytes)).toBe(value));
