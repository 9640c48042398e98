// Pickles of a dictionary of numbers, written by CPython 3.11 with protocols 2 and 4; everything else
// that a pickle can do is refused.
import { expect, test } from "vitest";
import { readPickledNumbers } from "../../src/formats/pickled_numbers.ts";
import { InputError } from "../../src/tensor/error.ts";

const read = (hex: string): Map<number, number> =>
  readPickledNumbers(Buffer.from(hex.replace(/ /g, ""), "hex"), "t.pkl");

// pickle.dumps({0: 0, 37: 4, 300: 1, 70000: 2}, 2) and with protocol 4.
const BY_TWO = "80027d7100284b004b004b254b044d2c014b014a701101004b02752e";
const BY_FOUR = "80049519000000000000007d94284b004b004b254b044d2c014b014a701101004b02752e";

test("dictionaries of numbers are read", () => {
  const expected = [
    [0, 0],
    [37, 4],
    [300, 1],
    [70000, 2],
  ];
  expect([...read(BY_TWO)]).toEqual(expected);
  expect([...read(BY_FOUR)]).toEqual(expected);
  expect([...read("8002 7d 7100 4b05 4b06 73 2e")]).toEqual([[5, 6]]);
  expect([...read("8002 7d 2e")]).toEqual([]);
});

test.each([
  ["empty", "", /is cut short/],
  ["cut short", BY_TWO.slice(0, -6), /is cut short/],
  ["a call", `8002 63${Buffer.from("os\nsystem\n").toString("hex")} 2e`, /opcode 99 at byte 2/],
  ["a list", "8002 5d 7100 2e", /opcode 93/],
  ["a number", "8002 4b05 2e", /is not one dictionary/],
  ["a nested dictionary", "8002 7d 28 4b01 7d 75 2e", /more than one dictionary/],
  ["a key twice", "8002 7d 28 4b01 4b02 4b01 4b03 75 2e", /key 1 appears twice/],
  ["an odd number of items", "8002 7d 28 4b01 75 2e", /has another value/],
  ["entries without a beginning", "8002 7d 4b01 4b02 75 2e", /no beginning/],
  ["text", Buffer.from("{0: 1}").toString("hex"), /opcode 123/],
])("%s is refused", (_, hex, message) => {
  expect(() => read(hex)).toThrow(InputError);
  expect(() => read(hex)).toThrow(message);
});
