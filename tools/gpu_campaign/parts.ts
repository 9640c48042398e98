// The parts of the campaign, the most important first: their commands and budgets.
import type { TrainConfig } from "../../src/train/config.ts";
import { convolutionsOf } from "./convolutions.ts";

/** One part: a command that prints JSON on stdout. */
export interface Part {
  readonly name: string;
  readonly title: string;
  /** `node` stands for this process's own. */
  readonly command: readonly string[];
  readonly budget_s: number;
  readonly input?: string;
}

/** What a campaign measures. */
export interface CampaignChoice {
  /** Tiny sizes: a dry run. */
  readonly quick: boolean;
  /** A Python that can import torch; null without that comparison. */
  readonly python: string | null;
}

/** The student, image size and number of steps of the parts that measure a whole step. */
const STEP = { student: "resnet18", size: "384x640", steps: "8" } as const;
const QUICK_STEP = { student: "nano", size: "32x32", steps: "3" } as const;

/** The parts in their order; together 8 minutes. The last one also gets what others leave. */
export function campaignParts({ quick, python }: CampaignChoice): Part[] {
  const own = (...words: string[]): string[] => ["node", "--import", "tsx", ...words];
  const cli = (...words: string[]): string[] => own("src/cli/main.ts", ...words, "--json");
  const sweep = (what: string, seconds: number): string[] =>
    own("tools/gpu_campaign/sweep.ts", what, String(seconds), ...(quick ? ["quick"] : []));
  const { student, size, steps } = quick ? QUICK_STEP : STEP;
  const step = (target: string): string[] =>
    cli("profile", target, "--student", student, "--size", size, "--steps", steps);
  const what = `${student} ${size}, six views`;
  const parts: Part[] = [
    {
      name: "doctor",
      title: "adapter, mappings, ceilings",
      command: cli("doctor", ...(quick ? ["--quick"] : [])),
      budget_s: 60,
    },
    {
      name: "step",
      title: `a supervised training step, ${what}`,
      command: [...step("step:train"), "--config", "tools/gpu_campaign/supervised.yaml"],
      budget_s: 120,
    },
    { name: "predict", title: `inference, ${what}`, command: step("step:predict"), budget_s: 60 },
    {
      name: "gemm",
      title: quick ? "GEMM 64" : "GEMM 2048, every mapping and tile",
      command: sweep("gemm", 45),
      budget_s: 55,
    },
    {
      name: "convolutions",
      title: "3x3 convolutions of resnet18 and their gradients, every mapping and tile",
      command: sweep("convolutions", 60),
      budget_s: 70,
    },
    ...(python === null
      ? []
      : [
          torchPart(python, student, size, quick),
          {
            name: "torch_step",
            title: `the same supervised step in PyTorch, f32 without TF32, ${what}`,
            command: own(
              "tools/gpu_campaign/torch_step.ts",
              python,
              student,
              size,
              quick ? "1" : "20",
            ),
            budget_s: 30,
          },
        ]),
    {
      name: "bins",
      title: "bin decoding by level of fusing",
      command: cli(
        "bench",
        "bins",
        "--quick",
        "--timeout",
        "1",
        ...(quick ? ["--bins", "16", "--size", "6x10", "--direction", "forward"] : []),
      ),
      budget_s: 25,
    },
    {
      name: "check",
      title: "kernels against their references",
      command: cli("check", ...(quick ? ["column_sum"] : [])),
      budget_s: 30,
    },
  ];
  return parts;
}

/** PyTorch on the convolutions of the same training step. */
function torchPart(
  python: string,
  student: TrainConfig["student"],
  size: string,
  quick: boolean,
): Part {
  return {
    name: "torch",
    title: "the convolutions of the same training step in PyTorch, f32 without TF32",
    command: [python, "tools/gpu_campaign/torch_convolutions.py"],
    budget_s: 30,
    input: JSON.stringify({ rounds: quick ? 1 : 20, problems: convolutionsOf(student, size) }),
  };
}
