// The protobuf wire format: the examples of its description, round trips, broken messages.
import { expect, test } from "vitest";
import {
  decodeMessage,
  encodeMessage,
  textValue,
  type Message,
} from "../../src/formats/protobuf.ts";

test("the examples of the encoding's description", () => {
  const hex = (message: Message): string => Buffer.from(encodeMessage(message)).toString("hex");
  expect(hex([[1, { varint: 150 }]])).toBe("089601");
  expect(hex([[2, textValue("testing")]])).toBe("120774657374696e67");
  expect(hex([[3, { bytes: encodeMessage([[1, { varint: 150 }]]) }]])).toBe("1a03089601");
});

test("fields come back in their order", () => {
  const message: Message = [
    [1, { double: Math.PI }],
    [2, { varint: 0 }],
    [2, { varint: 127 }],
    [2, { varint: 128 }],
    [1000, { varint: 2 ** 53 - 1 }],
    [4, { float: -1.5 }],
    [5, { bytes: Uint8Array.of(1, 2) }],
    [6, { bytes: new Uint8Array(0) }],
  ];
  expect(decodeMessage(new Uint8Array(encodeMessage(message)))).toEqual(message);
});

test.each([
  ["a varint without an end", "0880"],
  ["a varint of 11 bytes", `08${"80".repeat(10)}01`],
  ["a field longer than its message", "120574"],
  ["half a double", "0900000000"],
  ["half a float", "0d0000"],
  ["a group", "0b"],
])("refuses %s", (_, hex) => {
  expect(() => decodeMessage(Buffer.from(hex, "hex"))).toThrow(RangeError);
});
