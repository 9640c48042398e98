// The whole training step of a student in PyTorch, with our parameters: `npx tsx
// tools/gpu_campaign/torch_step.ts PYTHON [STUDENT] [HxW] [ROUNDS]`. Prints one JSON text. PyTorch's depths
// are compared with those of this adapter before it times anything.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ImageSize } from "../../src/data/camera.ts";
import { builtinRig } from "../../src/data/builtin_rig.ts";
import { openGpu } from "../../src/gpu/node_device.ts";
import { initialStore } from "../../src/graph/cpu_store.ts";
import { compile } from "../../src/graph/plan.ts";
import { createStore } from "../../src/graph/store.ts";
import { hashText, randomStream } from "../../src/tensor/random.ts";
import { size } from "../../src/tensor/shape.ts";
import { resolveConfig } from "../../src/train/config.ts";
import { predictionNetwork } from "../../src/train/network.ts";

const SCRIPT = fileURLToPath(new URL("torch_step.py", import.meta.url));
/** The depths are compared at this size, on fresh parameters. */
const COMPARED: ImageSize = { height: 64, width: 96 };
const TOLERANCE = 1e-3;

const [python = "python3", student = "resnet18", sides = "384x640", rounds = "10"] =
  process.argv.slice(2);
const [height, width] = sides.split("x").map(Number);
const config = resolveConfig({ student, size: COMPARED }, "campaign");
const rig = builtinRig({ moments: 1, seed: 0, split: "train" });
const views = rig.cameras.length;
const depth_max_m = rig.protocol.cap_m;
const { g, request } = predictionNetwork(config, { views, size: COMPARED, depth_max_m });
const initial = initialStore(g, 0);
const random = randomStream(0, hashText("images"));
const images = Float32Array.from({ length: 4 * views * COMPARED.height * COMPARED.width }, (_, i) =>
  i % 4 === 3 ? 0 : 4 * random.uniform() - 2,
);
const focal_scale = new Float32Array(views).fill(1);

const values = [
  ...g.parameters.map(({ name, shape }) => {
    const { offset } = initial.layout.byName.get(name)!;
    return initial.arenas.parameters.subarray(offset, offset + size(shape));
  }),
  ...g.states.map(({ name }) => initial.states.get(name)!),
];
let end = 0;
const ends = values.map(({ length }) => (end += length)).slice(0, -1);

const folder = mkdtempSync(join(tmpdir(), "ringdepth-torch-"));
const gpu = await openGpu({ validation: false });
const store = createStore(gpu, g, initial);
const plan = await compile(gpu, g, request, store);
const { depth_m } = await plan.run({ images, focal_scale });
plan.destroy();
store.destroy();
gpu.close();
const floats = (name: string, parts: readonly ArrayLike<number>[]): string => {
  const file = join(folder, name);
  writeFileSync(
    file,
    Buffer.concat(parts.map((part) => Buffer.from(Float32Array.from(part).buffer))),
  );
  return file;
};
try {
  const { status, stdout, stderr, error } = spawnSync(python, [SCRIPT], {
    input: JSON.stringify({
      student,
      views,
      bins: config.head.bins,
      depth_max_m,
      parameters: g.parameters.map(({ name, shape }) => [name, shape]),
      states: g.states.map(({ name, shape }) => [name, shape]),
      values: floats("values", values),
      ends,
      moment: floats("moment", [images, focal_scale, depth_m]),
      compared: [COMPARED.height, COMPARED.width],
      tolerance: TOLERANCE,
      timed: [height, width],
      rounds: Number(rounds),
    }),
    encoding: "utf8",
  });
  if (status !== 0) {
    console.error(error?.message ?? stderr.trim());
    process.exitCode = 1;
  } else process.stdout.write(stdout);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
