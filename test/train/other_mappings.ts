// A tuning file for a step without measuring: other mappings than the rule's, as if they had won.
import type { DataSource } from "../../src/data/data_source.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { lower } from "../../src/graph/lower.ts";
import { canRun, mappingsOf, ruleMapping } from "../../src/engine/mapping.ts";
import { ruleConstants } from "../../src/engine/tuning.ts";
import { stepProblems } from "../../src/tune/step_problems.ts";
import {
  emptyTuning,
  hashesOf,
  type TuningEntry,
  type TuningFile,
} from "../../src/tune/tuning_file.ts";
import type { TrainConfig } from "../../src/train/config.ts";
import { trainingNetwork } from "../../src/train/network.ts";
import { INDEX_ONLY } from "../../src/teacher/teacher.ts";

/** Choices that change the order of sums: for each softmax of bins another mapping than the rule's. */
export function otherMappings(
  { facts }: Pick<Gpu, "facts">,
  config: TrainConfig,
  source: DataSource,
): TuningFile {
  const { g, request } = trainingNetwork(config, {
    views: source.cameras.length,
    size: config.size,
    depth_max_m: source.protocol.cap_m,
    teacher: INDEX_ONLY,
  });
  const targets = [...Object.values(request.outputs), ...request.gradients!.values()];
  const { calls } = lower(g, targets, facts, { fused: true });
  const entries = stepProblems(
    calls,
    calls.map(() => 1),
  ).flatMap(({ key, base, problem: { shapes, attributes } }): TuningEntry[] => {
    if (!["softmax_bins", "bin_kl", "conv2d"].includes(base.shader.name)) return [];
    const rule = ruleMapping(base, facts, shapes, attributes);
    const able = mappingsOf(base).filter((one) => canRun(one, facts, shapes, attributes));
    const other = able.find((one) => one !== rule && one !== base) ?? base;
    if (other === rule) return [];
    return [
      {
        problem: key,
        rule: rule.shader.name,
        rule_constants: ruleConstants(rule, shapes, attributes),
        kernel: other.shader.name,
        constants: {},
        reason: "faster",
        change: null,
        pairs: 0,
        date: new Date(0).toISOString(),
        shaders: hashesOf(able),
      },
    ];
  });
  return { ...emptyTuning(facts), entries };
}
