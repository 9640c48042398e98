// Convolutions as Winograd's beside their direct mappings, as a graph compiles them:
// `npx tsx bench/winograd.ts [ROUNDS] [HxWxCxO …]`, six views of H x W pixels, C to O channels.
// GPU time, interleaved, the least of all rounds. Nothing is timed whose results differ by more
// than rounding.
import { backward } from "../src/graph/backward.ts";
import { initialStore } from "../src/graph/cpu_store.ts";
import { graph } from "../src/graph/graph.ts";
import { conv2d } from "../src/graph/ops/conv2d.ts";
import { compile, type Plan } from "../src/graph/plan.ts";
import { createStore } from "../src/graph/store.ts";
import { openGpu } from "../src/gpu/node_device.ts";
import { soundPasses } from "../src/measure/sound_passes.ts";
import { randomStream } from "../src/tensor/random.ts";
import { size, type Shape } from "../src/tensor/shape.ts";

const VIEWS = 6;
/** Largest difference of the two results, divided by the root mean square of the direct one. */
const MOST_APART = 3e-5;
/** Pixels of a view that one sample convolves at least, so that it is long enough to time. */
const LEAST_PIXELS = 4000;
const SIZES = ["24x40x64x64", "48x80x64x64", "96x160x64x64", "12x20x64x64", "48x80x96x32"];

const [rounds = "5", ...chosen] = process.argv.slice(2);
const gpu = await openGpu({ validation: false });
const stream = randomStream(1);

for (const one of chosen.length > 0 ? chosen : SIZES) {
  const [height, width, channels, outputs] = one.split("x").map(Number) as [
    number,
    number,
    number,
    number,
  ];
  const shapes: Record<string, Shape> = {
    x: [VIEWS, height, width, channels],
    weight: [outputs, 3, 3, channels],
    d_y: [VIEWS, height, width, outputs],
  };
  const inputs = Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => [
      name,
      Float32Array.from({ length: size(shape) }, () => stream.normal()),
    ]),
  );
  for (const isGradient of [false, true]) {
    const planned = async (winograd: boolean): Promise<Plan> => {
      const g = graph();
      const [x, weight, d_y] = Object.entries(shapes).map(([name, shape]) => g.input(name, shape));
      const y = conv2d(x, weight, null, { pad: 1 });
      const result = isGradient ? backward(g, [[y, d_y]], [x]).get(x)! : y;
      const store = createStore(gpu, g, initialStore(g, 1));
      return await compile(gpu, g, { outputs: { result } }, store, { winograd });
    };
    const plans = [await planned(false), await planned(true)];
    const [want, got] = [(await plans[0].run(inputs)).result, (await plans[1].run(inputs)).result];
    const scale = Math.sqrt(want.reduce((sum, value) => sum + value * value, 0) / want.length);
    const apart = want.reduce((most, value, i) => Math.max(most, Math.abs(value - got[i])), 0);
    if (!(apart <= MOST_APART * scale)) throw new Error(`${one}: results are ${apart} apart`);
    const repeats = Math.ceil(LEAST_PIXELS / (height * width));
    const groups = plans.map(({ dispatches }) => {
      const own = dispatches.map(({ dispatch }) => dispatch);
      return Array.from({ length: repeats }, () => own).flat();
    });
    const best_ms = [Infinity, Infinity];
    for (let round = 0; round < Number(rounds); round++) {
      const times_ms = await soundPasses(gpu, groups);
      times_ms.forEach((time_ms, i) => (best_ms[i] = Math.min(best_ms[i], time_ms / repeats)));
    }
    const flops = 2 * size(shapes["d_y"]) * 9 * channels;
    const [direct, winograd] = best_ms.map(
      (time_ms) => `${time_ms.toFixed(2)} ms (${(flops / time_ms / 1e6).toFixed(1)} GFLOP/s)`,
    );
    console.log(
      `${one.padEnd(13)} ${isGradient ? "d_x" : "y  "}  direct ${direct}, as Winograd's ${winograd}: ` +
        `${(best_ms[0] / best_ms[1]).toFixed(2)} times as fast, ${(apart / scale).toExponential(1)} apart`,
    );
    for (const plan of plans) plan.destroy();
  }
}
gpu.close();
