// How the cost of a training step of nano grows with views, resolution and bins:
// `npx tsx bench/cost_growth.ts [ROUNDS] [SVG]`. Dispatches, arithmetic, bytes moved and memory are counted
// from the plan and are exact. With ROUNDS above 0 each step is also run, interleaved along an axis, and its
// least time is taken: the processor's on a software adapter, else the time on the wall. An exponent is the
// slope of the line through log(cost) over log(length).
import { writeFile } from "node:fs/promises";
import { dot, line, text } from "@observablehq/plot";
import { openGpu } from "../src/gpu/node_device.ts";
import { initialStore } from "../src/graph/cpu_store.ts";
import { bindingShapes } from "../src/graph/lower.ts";
import { planOutline } from "../src/graph/outline.ts";
import { compile, type Plan } from "../src/graph/plan.ts";
import { createStore } from "../src/graph/store.ts";
import { plotSvg } from "../src/report/plot_svg.ts";
import { METRIC_PARTS } from "../src/teacher/metric_maps.ts";
import { draw } from "../src/kernels/check/random_inputs.ts";
import { resolveConfig, type TrainConfig } from "../src/train/config.ts";
import { trainingNetwork, type Network } from "../src/train/network.ts";
import { stepScalars } from "../src/train/schedule.ts";

/** The student's default; each axis changes one of the three. */
const BASE = { views: 6, height: 96, width: 160, bins: 64 };
const DEPTH_MAX_M = 80;
const MEASURES = ["time", "arithmetic", "bytes moved", "memory"] as const;
// Okabe and Ito's colours, which colour-blind readers can tell apart too.
const COLORS: Readonly<Record<Measure, string>> = {
  time: "#d55e00",
  arithmetic: "#0072b2",
  "bytes moved": "#009e73",
  memory: "#cc79a7",
};

type Measure = (typeof MEASURES)[number];
type Shape = typeof BASE;

/** The steps along one axis. */
interface Axis {
  readonly name: string;
  /** The length of a step along it. */
  readonly length: (shape: Shape) => number;
  readonly shapes: readonly Shape[];
}
const AXES: readonly Axis[] = [
  {
    name: "views",
    length: ({ views }) => views,
    shapes: [1, 2, 3, 4, 6, 8, 12].map((views) => ({ ...BASE, views })),
  },
  {
    name: "pixels per view",
    length: ({ height, width }) => height * width,
    shapes: [
      [64, 96],
      [96, 160],
      [128, 224],
      [192, 320],
    ].map(([height, width]) => ({ ...BASE, height, width })),
  },
  {
    name: "bins",
    length: ({ bins }) => bins,
    shapes: [16, 32, 64, 128, 256].map((bins) => ({ ...BASE, bins })),
  },
];

/** A step and its costs. */
interface Row {
  readonly shape: Shape;
  readonly length: number;
  readonly dispatches: number;
  readonly costs: Record<Measure, number | null>;
}

const [rounds = "0", picture] = process.argv.slice(2);
const gpu = await openGpu({ validation: false });

function networkOf({ views, height, width, bins }: Shape): Network & { config: TrainConfig } {
  const size = { height, width };
  const config = resolveConfig({ student: "nano", size, head: { bins } }, "cost growth");
  const shape = { views, size, depth_max_m: DEPTH_MAX_M, teacher: METRIC_PARTS };
  return { ...trainingNetwork(config, shape), config };
}

function counted(shape: Shape, length: number): Row {
  const { g, request } = networkOf(shape);
  const { program, arena_bytes } = planOutline(g, request, gpu.facts, { fused: true });
  let [flops, bytes] = [0, 0];
  for (const { kernel, bindings, attributes } of program.calls) {
    const cost = kernel.cost(bindingShapes(bindings), attributes);
    flops += cost.flops;
    bytes += cost.bytes;
  }
  const memory = arena_bytes.reduce((sum, one) => sum + one, 0);
  const costs = { time: null, arithmetic: flops, "bytes moved": bytes, memory };
  return { shape, length, dispatches: program.calls.length, costs };
}

interface Runnable {
  readonly time_ms: () => Promise<number>;
  readonly destroy: () => void;
}

/** A step that can be run, on random inputs: its time does not depend on them. */
async function runnable(shape: Shape): Promise<Runnable> {
  const { g, request, config } = networkOf(shape);
  const store = createStore(gpu, g, initialStore(g, 0));
  const plan: Plan = await compile(gpu, g, request, store);
  const inputs = Object.fromEntries(
    g.inputs.map(({ name, shape: axes }, i) => {
      return [name, draw(axes, { kind: "uniform", low: 0.1, high: 1 }, i)];
    }),
  );
  const scalars = stepScalars(config, config.steps);
  return {
    time_ms: async () => {
      const start_ms = performance.now();
      const before = process.cpuUsage();
      await plan.run(inputs, scalars);
      const { user, system } = process.cpuUsage(before);
      return gpu.facts.software ? (user + system) / 1000 : performance.now() - start_ms;
    },
    destroy: () => {
      plan.destroy();
      store.destroy();
    },
  };
}

/** The least time of each step along an axis; the first round compiles and is not kept. */
async function times_ms({ shapes }: Axis): Promise<number[]> {
  const steps: Runnable[] = [];
  try {
    for (const shape of shapes) steps.push(await runnable(shape));
    const least = steps.map(() => Infinity);
    for (let round = 0; round <= Number(rounds); round++) {
      for (const [i, { time_ms }] of steps.entries()) {
        const time = await time_ms();
        if (round > 0) least[i] = Math.min(least[i], time);
      }
    }
    return least;
  } finally {
    for (const { destroy } of steps) destroy();
  }
}

/** The slope of log(cost) over log(length), by least squares; null if a cost is missing. */
function exponent(rows: readonly Row[], measure: Measure): number | null {
  const points = rows.map(({ length, costs }) => [length, costs[measure]] as const);
  if (points.some(([, cost]) => cost === null)) return null;
  const logs = points.map(([length, cost]) => [Math.log(length), Math.log(cost!)] as const);
  const mean = (i: 0 | 1): number => logs.reduce((sum, one) => sum + one[i], 0) / logs.length;
  const [x, y] = [mean(0), mean(1)];
  const along = logs.reduce((sum, one) => sum + (one[0] - x) * (one[1] - y), 0);
  return along / logs.reduce((sum, one) => sum + (one[0] - x) ** 2, 0);
}

const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);

function printed({ name }: Axis, rows: readonly Row[]): string[] {
  const cells = rows.map(({ length, dispatches, costs }) => [
    String(length),
    String(dispatches),
    (costs.arithmetic! / 1e9).toFixed(2),
    mib(costs["bytes moved"]!),
    mib(costs.memory!),
    costs.time?.toFixed(0) ?? "",
  ]);
  const exponents = (["arithmetic", "bytes moved", "memory", "time"] as const).map(
    (measure) => exponent(rows, measure)?.toFixed(2) ?? "",
  );
  const head = [name, "dispatches", "GFLOP", "moved, MiB", "memory, MiB", "time, ms"];
  return [head, head.map(() => "---:"), ...cells, ["exponent", "", ...exponents]].map(
    (row) => `| ${row.join(" | ")} |`,
  );
}

/** Each cost in units of the shortest step's, over the length in units of the shortest. */
function drawing(found: readonly (readonly [Axis, readonly Row[]])[]): string {
  const points = found.flatMap(([axis, rows]) =>
    MEASURES.flatMap((measure) =>
      rows.flatMap(({ length, costs }) => {
        const [first] = rows;
        const [cost, least] = [costs[measure], first.costs[measure]];
        if (cost === null || least === null) return [];
        const color = COLORS[measure];
        return [{ axis: axis.name, measure, color, x: length / first.length, y: cost / least }];
      }),
    ),
  );
  const names = MEASURES.filter((measure) => points.some((point) => point.measure === measure));
  const legend = names.map((measure, i) => ({
    axis: AXES[0].name,
    x: 1.1,
    y: 14 / 1.3 ** i,
    measure,
    color: COLORS[measure],
  }));
  const at = { x: "x", y: "y", fx: "axis" } as const;
  const svg = plotSvg({
    width: 900,
    height: 360,
    marginTop: 44,
    marginBottom: 44,
    style: { fontSize: "12px", color: "#1f2328", background: "#ffffff" },
    fx: { domain: AXES.map(({ name }) => name), label: null },
    x: { type: "log", base: 2, label: "length, in units of the shortest", tickFormat: "~g" },
    y: { type: "log", base: 2, label: "cost, in units of its own", tickFormat: "~g", grid: true },
    marks: [
      line(points, { ...at, stroke: "color", z: "measure", strokeWidth: 2 }),
      dot(points, { ...at, fill: "color", r: 3 }),
      text(legend, { ...at, text: "measure", fill: "color", textAnchor: "start" }),
    ],
  });
  return `${svg.replace(/^<svg /, '<svg xmlns="http://www.w3.org/2000/svg" ')}\n`;
}

const found: [Axis, Row[]][] = [];
for (const axis of AXES) {
  const rows = axis.shapes.map((shape) => counted(shape, axis.length(shape)));
  if (Number(rounds) > 0) {
    const times = await times_ms(axis);
    for (const [i, { costs }] of rows.entries()) costs.time = times[i];
  }
  found.push([axis, rows]);
}
console.log(
  `nano, ${BASE.views}x${BASE.height}x${BASE.width}, ${BASE.bins} bins; ${gpu.facts.driver}; ` +
    (Number(rounds) > 0
      ? `${gpu.facts.software ? "processor time" : "time"}, least of ${rounds} interleaved rounds`
      : "counted, not timed"),
);
for (const [axis, rows] of found) console.log(["", ...printed(axis, rows)].join("\n"));
if (picture !== undefined) await writeFile(picture, drawing(found));
gpu.close();
