// `ringdepth graph`: the plan of a step on this adapter: its dispatches and memory, what was fused,
// and what could not be, each with the reason. It compiles and runs nothing.
import type { Command } from "commander";
import { builtinRig } from "../data/builtin_rig.ts";
import type { ImageSize } from "../data/camera.ts";
import type { AdapterFacts } from "../gpu/device.ts";
import type { Fusion } from "../graph/fuse/work.ts";
import { planOutline, type PlanOutline } from "../graph/outline.ts";
import type { Recomputation } from "../graph/value.ts";
import { partsOf } from "../profile/kernel/preset.ts";
import { InputError } from "../tensor/error.ts";
import { STUDENT_NAMES, type StudentName } from "../student/student.ts";
import { resolveConfig, type TrainConfig } from "../train/config.ts";
import { predictionNetwork, trainingNetwork, type Network } from "../train/network.ts";
import { withGpu } from "./terminal/adapter.ts";
import type { Define } from "./terminal/define.ts";
import { common, imageSize, studentName, type CommonOptions } from "./terminal/options.ts";
import { makeOutput } from "./terminal/output.ts";
import { mebibytes, recomputationLine, repeatLines } from "./terminal/recomputation_lines.ts";
import { textTable } from "./terminal/table.ts";

interface GraphOptions extends CommonOptions {
  readonly student?: StudentName;
  readonly size?: ImageSize;
  readonly predict?: boolean;
  readonly recompute?: boolean;
}

/** Defines the command. */
export const defineGraph: Define = (program: Command, { surroundings }) => {
  const command = program
    .command("graph")
    .option("--student <name>", `${STUDENT_NAMES} (default: nano)`, studentName)
    .option("--size <HxW>", "image size (default: 96x160)", imageSize)
    .option("--predict", "print the plan of a prediction instead of a training step")
    .option(
      "--recompute",
      "also print the plan that computes cheap results again, and the memory that this saves",
    );
  common(command, "ringdepth graph --student resnet18");
  command.action(async (options: GraphOptions) => {
    const output = makeOutput(surroundings, options.json === true, true);
    const { student, size, predict = false, recompute = false } = options;
    if (predict && recompute) {
      throw new InputError(
        "--recompute: a prediction keeps nothing for a backward pass; leave it out",
      );
    }
    const config = resolveConfig({ student, size, recompute }, "command line");
    await withGpu(surroundings, output, options.adapter, async (gpu) => {
      const account = planAccount(config, gpu.facts, predict);
      output.result(account, accountLines(account));
      await Promise.resolve();
    });
  });
};

/** One form of a plan in numbers. */
interface FormAccount {
  readonly dispatches: number;
  readonly arena_bytes: number;
  readonly live_bytes: number;
}

/** The fused plan that computes cheap results again. */
interface RecomputedAccount extends FormAccount, Recomputation {}

/** The plan of a step with and without fusing. */
interface PlanAccount {
  readonly target: "train" | "predict";
  readonly student: StudentName;
  readonly size: ImageSize;
  readonly unfused: FormAccount;
  readonly fused: FormAccount;
  readonly recomputed?: RecomputedAccount;
  readonly fusions: readonly Fusion[];
}

function planAccount(config: TrainConfig, facts: AdapterFacts, predict: boolean): PlanAccount {
  const { g, request } = networkOf(config, predict);
  const [unfused, fused] = [false, true].map((one) =>
    planOutline(g, request, facts, { fused: one }),
  );
  const again = config.recompute
    ? planOutline(g, request, facts, { fused: true, recompute: true })
    : null;
  return {
    target: predict ? "predict" : "train",
    student: config.student,
    size: config.size,
    unfused: formAccount(unfused),
    fused: formAccount(fused),
    ...(again?.program.recomputation && {
      recomputed: { ...formAccount(again), ...again.program.recomputation },
    }),
    fusions: fused.program.fusions,
  };
}

function networkOf(config: TrainConfig, predict: boolean): Network {
  const rig = builtinRig({ moments: 1, seed: 0, split: "train" });
  const shape = {
    views: rig.cameras.length,
    size: config.size,
    depth_max_m: rig.protocol.cap_m,
  };
  return predict
    ? predictionNetwork(config, shape)
    : trainingNetwork(config, { ...shape, teacher: partsOf(config.teacher.kind) });
}

function formAccount({ program, arena_bytes, live_bytes }: PlanOutline): FormAccount {
  const sum = arena_bytes.reduce((total, bytes) => total + bytes, 0);
  return { dispatches: program.calls.length, arena_bytes: sum, live_bytes };
}

function accountLines(account: PlanAccount): string[] {
  const { target, student, size, fusions, recomputed } = account;
  const form = (name: string, { dispatches, arena_bytes, live_bytes }: FormAccount): string[] => [
    name,
    String(dispatches),
    mebibytes(arena_bytes),
    mebibytes(live_bytes),
  ];
  const done = fusions.filter(({ reason }) => reason === null);
  const refused = fusions.filter(({ reason }) => reason !== null);
  const rules = [...new Set(done.map(({ rule }) => rule))].map((rule) => {
    const own = done.filter((fusion) => fusion.rule === rule);
    const saved_bytes = own.reduce((sum, fusion) => sum + fusion.saved_bytes, 0);
    return [rule, String(own.length), mebibytes(saved_bytes)];
  });
  return [
    `${target}: ${student}, ${size.height}x${size.width}`,
    ...textTable(
      ["plan", "dispatches", "arenas, MiB", "live at most, MiB"],
      [
        form("one op at a time", account.unfused),
        form("fused", account.fused),
        ...(recomputed === undefined ? [] : [form("fused, recomputing", recomputed)]),
      ],
    ),
    "",
    ...(recomputed === undefined ? [] : recomputedLines(recomputed)),
    ...textTable(["fused", "times", "not stored, MiB"], rules),
    "",
    ...(refused.length === 0
      ? ["every pattern that a rule knows was fused"]
      : textTable(
          ["not fused", "at", "because"],
          refused.map(({ rule, at, reason }) => [rule, at, reason ?? ""]),
        )),
  ];
}

function recomputedLines(account: RecomputedAccount): string[] {
  const line = recomputationLine(account, { arena_bytes: [account.arena_bytes] });
  return [line, ...(account.repeats.length === 0 ? [] : ["", ...repeatLines(account)]), ""];
}
