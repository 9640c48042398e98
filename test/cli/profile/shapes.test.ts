// The texts of --shape and --axis.
import { expect, test } from "vitest";
import { axisOption, shapeOption } from "../../../src/cli/profile/shapes.ts";

test("--shape may be repeated, an input once", () => {
  const first = shapeOption("logits=6x48x80x64");
  expect(first).toEqual({ logits: [6, 48, 80, 64] });
  expect(shapeOption("scale=0", first)).toEqual({ logits: [6, 48, 80, 64], scale: [0] });
  expect(() => shapeOption("logits=1", first)).toThrow("--shape logits: given twice");
});

test.each([
  ["K=16:256:*2", [16, 32, 64, 128, 256]],
  ["K=16:100:*2", [16, 32, 64]],
  ["L=10:40:+15", [10, 25, 40]],
  ["IN_H=7", [7]],
  ["K=8,128,8", [8, 128]],
])("--axis %s", (text, lengths) => {
  expect(axisOption(text)).toEqual([{ letter: text.split("=")[0], lengths }]);
});

test("--axis may be repeated, a letter once", () => {
  const first = axisOption("K=8");
  expect(axisOption("V=1,2", first)).toHaveLength(2);
  expect(() => axisOption("K=9", first)).toThrow("--axis K: given twice");
});

test.each([
  "K",
  "K=",
  "K=1:9",
  "K=1:9:2",
  "K=9:1:*2",
  "K=1:9:*1",
  "K=0:9:*2",
  "K=1:9:+0",
  "K=a",
  "=4",
])("--axis %s is refused", (text) => {
  expect(() => axisOption(text)).toThrow(`--axis ${text}: expected`);
});

test.each(["x", "x=", "x=4x", "x=4,5", "=4", "x=-1"])("--shape %s is refused", (text) => {
  expect(() => shapeOption(text)).toThrow(`--shape ${text}: expected NAME=AxBx…`);
});

test("--axis with a slip of the keyboard does not make a thousand problems", () => {
  expect(() => axisOption("K=1:1000:+1")).toThrow("more than 64 lengths");
});
