// Text set in the letters of stroke_glyphs.ts, as SVG. For the few words of a picture; no kerning.
import { strokeGlyph } from "./stroke_glyphs.ts";

/** The position and style of a text. */
export interface TextStyle {
  /** Anchor point: on the baseline, at the start, middle or end of the text. */
  readonly x: number;
  readonly y: number;
  readonly anchor?: "start" | "middle" | "end";
  /** Height of the capitals in pixels. */
  readonly size: number;
  /** Width of the strokes in pixels. */
  readonly weight: number;
  readonly color: string;
  /** Whether the text runs upwards instead of to the right. */
  readonly upwards?: boolean;
}

const CAPITAL = 6;
const SPACING = 1.3;

/** Width of `text` in pixels at a capital height of `size`. */
export function textWidth(text: string, size: number): number {
  const widths = Array.from(text).map((character) => strokeGlyph(character).width);
  const units = widths.reduce((a, b) => a + b, 0) + SPACING * Math.max(0, widths.length - 1);
  return (units * size) / CAPITAL;
}

/** `text` as an SVG group of strokes; nothing of the text itself gets into the markup. */
export function strokeText(text: string, style: TextStyle): string {
  const { x, y, anchor = "start", size, weight, color, upwards = false } = style;
  const scale = size / CAPITAL;
  const share = { start: 0, middle: 0.5, end: 1 }[anchor];
  let pen = -share * (textWidth(text, size) / scale);
  const strokes = Array.from(text).map((character) => {
    const { width, path } = strokeGlyph(character);
    const stroke = path && `<path transform="translate(${pen.toFixed(2)} -6)" d="${path}"/>`;
    pen += width + SPACING;
    return stroke;
  });
  const place = `translate(${x} ${y})${upwards ? " rotate(-90)" : ""} scale(${scale.toFixed(4)})`;
  const pencil = `fill="none" stroke="${color}" stroke-width="${(weight / scale).toFixed(3)}"`;
  const round = `stroke-linecap="round" stroke-linejoin="round"`;
  return `<g transform="${place}" ${pencil} ${round}>${strokes.join("")}</g>`;
}
