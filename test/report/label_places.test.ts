// Names in a chart: each in the frame and clear of dots, text and other names, the first ones first.
import { expect, test } from "vitest";
import {
  boxesAlong,
  covers,
  dotBox,
  labelBox,
  placeLabels,
  type Room,
} from "../../src/report/label_places.ts";
import { randomStream } from "../../src/tensor/random.ts";

const frame = { left: 0, right: 400, top: 0, bottom: 300 };
const empty: Room = { frame, texts: [], lines: [] };

test("no name covers a dot, a text or another name, or leaves the frame", () => {
  const stream = randomStream(3, 0);
  const dots = Array.from({ length: 60 }, (_, i) => ({
    x: stream.integer(400),
    y: stream.integer(300),
    radius: 2 + stream.integer(8),
    name: `kernel_${i}`,
  }));
  const texts = [{ left: 100, right: 250, top: 100, bottom: 120 }];
  const placed = placeLabels(dots, { ...empty, texts }, 20);
  expect(placed.length).toBeGreaterThan(5);
  for (const label of placed) {
    const box = labelBox(label);
    const others = [
      ...texts,
      ...dots.filter((dot) => dot !== label.dot).map(dotBox),
      ...placed.filter((other) => other !== label).map(labelBox),
    ];
    expect(covers(box, others), label.dot.name).toBe(false);
    expect(box.left).toBeGreaterThanOrEqual(0);
    expect(box.right).toBeLessThanOrEqual(400);
  }
});

test("a name goes beside its dot, and where a line is there to the other side", () => {
  const dot = { x: 200, y: 150, radius: 5, name: "gemm" };
  expect(placeLabels([dot], empty, 1)[0].anchor).toBe("start");
  const lines = boxesAlong([215, 0], [215, 300], 2);
  expect(placeLabels([dot], { ...empty, lines }, 1)[0].anchor).toBe("end");
});

test("a line is covered where there is no other place, a text never", () => {
  const dot = { x: 200, y: 150, radius: 5, name: "gemm" };
  const everywhere = [frame];
  expect(placeLabels([dot], { ...empty, lines: everywhere }, 1)).toHaveLength(1);
  expect(placeLabels([dot], { ...empty, texts: everywhere }, 1)).toHaveLength(0);
});

test("dots of one name are named once, and no more than asked", () => {
  const dots = [50, 150, 250].map((y, i) => ({ x: 50, y, radius: 3, name: i < 2 ? "a" : "b" }));
  expect(placeLabels(dots, empty, 5).map((label) => label.dot)).toEqual([dots[0], dots[2]]);
  expect(placeLabels(dots, empty, 1)).toHaveLength(1);
});
