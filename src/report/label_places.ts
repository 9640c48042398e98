// Places the names of dots in a chart so that they cover no other name, dot or line of text. Pure.

/** A rectangle in pixels, y downwards. */
export interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** A dot in pixels, with the name it is to get. */
export interface NamedDot {
  readonly x: number;
  readonly y: number;
  readonly radius: number;
  readonly name: string;
}

/** A name with the place of its middle line, beside, above or below its dot. */
export interface PlacedLabel<Dot extends NamedDot> {
  readonly dot: Dot;
  readonly anchor: "start" | "middle" | "end";
  /** From the dot to the anchor, in pixels. */
  readonly dx: number;
  readonly dy: number;
}

// The widest letter of the labels' font.
const CHARACTER = 6.4;
const LINE = 13;
const GAP = 3;

/** The limits for the places of names. */
export interface Room {
  /** Names stay inside it. */
  readonly frame: Box;
  /** Other text, which no name covers. */
  readonly texts: readonly Box[];
  /** Parts of lines, which a name covers only if it has no other place. */
  readonly lines: readonly Box[];
}

/**
 * Places for the names of the first dots that have room, at most `most`; dots with the same name
 * get one label.
 */
export function placeLabels<Dot extends NamedDot>(
  dots: readonly Dot[],
  { frame, texts, lines }: Room,
  most: number,
): PlacedLabel<Dot>[] {
  const filled = [...dots.map(dotBox), ...texts];
  const placed: PlacedLabel<Dot>[] = [];
  const seen = new Set<string>();
  for (const [i, dot] of dots.entries()) {
    if (placed.length === most) break;
    if (seen.has(dot.name)) continue;
    seen.add(dot.name);
    const free = candidates(dot).filter((label) => {
      const box = labelBox(label);
      return within(box, frame) && !filled.some((other, j) => j !== i && overlap(box, other));
    });
    const clear = free.find((label) => !covers(labelBox(label), lines));
    const label = clear ?? free.at(0);
    if (label === undefined) continue;
    placed.push(label);
    filled.push(labelBox(label));
  }
  return placed;
}

function candidates<Dot extends NamedDot>(dot: Dot): PlacedLabel<Dot>[] {
  const beside = dot.radius + GAP;
  const above = dot.radius + GAP + LINE / 2;
  return [
    { dot, anchor: "start", dx: beside, dy: 0 },
    { dot, anchor: "end", dx: -beside, dy: 0 },
    { dot, anchor: "middle", dx: 0, dy: -above },
    { dot, anchor: "middle", dx: 0, dy: above },
    { dot, anchor: "start", dx: 0, dy: -above },
    { dot, anchor: "start", dx: 0, dy: above },
    { dot, anchor: "end", dx: 0, dy: -above },
    { dot, anchor: "end", dx: 0, dy: above },
  ];
}

/** The box around a dot. */
export function dotBox({ x, y, radius }: NamedDot): Box {
  return { left: x - radius, right: x + radius, top: y - radius, bottom: y + radius };
}

/** The box that a placed name fills. */
export function labelBox({ dot, anchor, dx, dy }: PlacedLabel<NamedDot>): Box {
  const width = textWidth(dot.name);
  const before = { start: 0, middle: width / 2, end: width }[anchor];
  const left = dot.x + dx - before;
  const middle = dot.y + dy;
  return { left, right: left + width, top: middle - LINE / 2, bottom: middle + LINE / 2 };
}

/** Boxes that together cover a line of text or a stroke, `thickness` across, between two points. */
export function boxesAlong(
  [x1, y1]: readonly [number, number],
  [x2, y2]: readonly [number, number],
  thickness: number,
): Box[] {
  const count = Math.max(1, Math.ceil(Math.hypot(x2 - x1, y2 - y1) / Math.max(thickness, 4)));
  return Array.from({ length: count + 1 }, (_, i) => {
    const x = x1 + ((x2 - x1) * i) / count;
    const y = y1 + ((y2 - y1) * i) / count;
    const half = thickness / 2;
    return { left: x - half, right: x + half, top: y - half, bottom: y + half };
  });
}

/** The approximate width of a text in pixels. */
export function textWidth(text: string): number {
  return CHARACTER * text.length;
}

function within(box: Box, frame: Box): boolean {
  return (
    box.left >= frame.left &&
    box.right <= frame.right &&
    box.top >= frame.top &&
    box.bottom <= frame.bottom
  );
}

/** Whether a box covers a part of any other. */
export function covers(box: Box, others: readonly Box[]): boolean {
  return others.some((other) => overlap(box, other));
}

function overlap(a: Box, b: Box): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}
