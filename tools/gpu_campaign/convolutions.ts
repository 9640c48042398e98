// The convolutions of a training step, for other engines to run.
import { builtinRig } from "../../src/data/builtin_rig.ts";
import { plannedCalls } from "../../src/graph/outline.ts";
import { bindingShapes } from "../../src/graph/lower.ts";
import type { AdapterFacts } from "../../src/gpu/device.ts";
import type { Conv2dAttributes } from "../../src/kernels/convolution/conv2d_geometry.ts";
import { conv2d } from "../../src/kernels/convolution/conv2d.ts";
import { partsOf } from "../../src/profile/kernel/preset.ts";
import { resolveConfig, type TrainConfig } from "../../src/train/config.ts";
import { trainingNetwork } from "../../src/train/network.ts";

/** A convolution: images [V,H,W,C], weight OHWI, and how often a step computes it. */
export interface StepConvolution {
  readonly x: readonly number[];
  readonly weight: readonly number[];
  readonly stride: readonly number[];
  /** Before rows, after rows, before columns, after columns. */
  readonly padding: readonly number[];
  readonly groups: number;
  /** Whether the step needs the gradient with respect to x: not that of the images. */
  readonly differentiated: boolean;
  readonly count: number;
}

const IMAGE_CHANNELS = 4;
// Without features, so that each op is lowered to its base kernel or one that runs anywhere.
const PLAIN: AdapterFacts = {
  name: "plain",
  vendor: "",
  architecture: "",
  driver: "",
  software: false,
  matrices: [],
  subgroup_size: 0,
  subgroup_min_size: 0,
  subgroup_max_size: 0,
  features: new Set(),
};

/** The distinct convolutions of a training step of six views. */
export function convolutionsOf(student: TrainConfig["student"], size: string): StepConvolution[] {
  const [height, width] = size.split("x").map(Number);
  const config = resolveConfig({ student, size: { height, width } }, "campaign");
  const rig = builtinRig({ moments: 1, seed: 0, split: "train" });
  const { g, request } = trainingNetwork(config, {
    views: rig.cameras.length,
    size: config.size,
    depth_max_m: rig.protocol.cap_m,
    teacher: partsOf(config.teacher.kind),
  });
  const { calls } = plannedCalls(g, request, PLAIN, { fused: false }).program;
  const found = new Map<string, StepConvolution>();
  for (const { base, bindings, attributes } of calls) {
    if (base.shader.name !== conv2d.shader.name) continue;
    const { x, weight } = bindingShapes(bindings);
    const { stride, padding, groups } = attributes as Conv2dAttributes;
    const key = JSON.stringify([x, weight, stride, padding, groups]);
    const differentiated = !(x[1] === height && x[3] === IMAGE_CHANNELS);
    const count = (found.get(key)?.count ?? 0) + 1;
    found.set(key, { x, weight, stride, padding, groups, differentiated, count });
  }
  return [...found.values()];
}
