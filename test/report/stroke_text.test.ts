// The letters of our pictures: complete, the right width, and no text of others in the markup.
import { expect, it } from "vitest";
import { strokeGlyph } from "../../src/report/stroke_glyphs.ts";
import { strokeText, textWidth } from "../../src/report/stroke_text.ts";

const NAMES = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.:/%+()";
const STYLE = { x: 10, y: 20, size: 12, weight: 2, color: "#fff" };

it("has a glyph of its own for every letter, digit and sign of a name", () => {
  const box = strokeGlyph("\u4e2d").path;
  const paths = Array.from(NAMES).map((character) => strokeGlyph(character).path);
  expect(paths).not.toContain(box);
  // A stroke is the same for capital I and small l; every other sign differs.
  expect(new Set(paths).size).toBe(NAMES.length - 1);
  expect(strokeGlyph("constructor").path).toBe(box);
});

it("is as wide as its letters and the space between them", () => {
  expect(textWidth("", 12)).toBe(0);
  expect(textWidth("H", 12)).toBe(8);
  expect(textWidth("HH", 12)).toBeCloseTo(2 * (4 + 1.3 + 4), 12);
});

it("starts, centres or ends at its anchor", () => {
  const first = (svg: string): number => Number(/translate\((-?[\d.]+) -6\)/.exec(svg)![1]);
  expect(first(strokeText("HH", STYLE))).toBe(0);
  expect(first(strokeText("HH", { ...STYLE, anchor: "middle" }))).toBeCloseTo(-4.65, 2);
  expect(first(strokeText("HH", { ...STYLE, anchor: "end" }))).toBeCloseTo(-9.3, 2);
  expect(strokeText("H", { ...STYLE, upwards: true })).toContain("rotate(-90)");
});

it("draws markup characters instead of writing them", () => {
  const svg = strokeText(`</svg><script>"&'`, STYLE);
  expect(svg.match(/<[a-z/]+/g)!.every((tag) => /^<\/?(g|path)$|^<path\/?$/.test(tag))).toBe(true);
});
