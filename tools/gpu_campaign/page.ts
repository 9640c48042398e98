// The campaign as a page: what each part found in a few lines; the JSON beside it has everything.
import type { Campaign, PartResult } from "./run_parts.ts";

/** The fields that the page reads of what the parts print. */
interface Found {
  readonly adapter: string;
  readonly driver: string;
  readonly ceilings: {
    readonly gflops: number;
    readonly f16_gflops: number | null;
    readonly empty_dispatch_us: number;
    readonly bandwidth: readonly { readonly read_gbytes: number; readonly copy_gbytes: number }[];
  } | null;
}
interface FoundStep {
  readonly what: string;
  readonly wall: { readonly median: number };
  readonly overlapped: { readonly median: number };
  readonly gpu_busy: number;
  readonly bound: string;
  readonly kernels: readonly {
    readonly kernel: string;
    readonly dispatches: number;
    readonly time_ms: number;
    readonly share: number;
    readonly flops: number;
  }[];
}
interface FoundSweep {
  readonly kernel: string;
  readonly problem: string;
  readonly rule: string;
  readonly complete: boolean;
  readonly rows: readonly {
    readonly kernel: string;
    readonly constants: Readonly<Record<string, number>>;
    readonly time_ms: number | null;
    readonly gflops: number | null;
    readonly error: string;
  }[];
}
interface FoundTorch {
  readonly torch: string;
  readonly device: string;
  readonly step_ms: number;
}
interface FoundTorchStep extends FoundTorch {
  /** Relative difference of its depths to ours. */
  readonly worst: number;
  readonly peak_bytes: number | null;
}

const SHOWN_KERNELS = 12;
const SHOWN_MAPPINGS = 6;

/** The page in Markdown. A part whose values have another form than expected is named as such. */
export function campaignPage({ date, quick, budget_s, parts }: Campaign): string {
  const doctor = parts.find(({ name }) => name === "doctor")?.values[0] as Found | undefined;
  const ceiling = doctor?.ceilings?.gflops ?? null;
  const adapter =
    doctor === undefined ? "adapter not known" : `${doctor.adapter}, ${doctor.driver}`;
  return [
    `# GPU campaign of ${date.slice(0, 10)}${quick ? ", a dry run with tiny sizes" : ""}`,
    "",
    `${adapter}; ${date}; at most ${(budget_s / 60).toFixed(1)} minutes.`,
    "",
    ...table(
      ["part", "status", "time, s", "why not done"],
      parts.map(({ title, status, time_s, reason }) => [title, status, time_s.toFixed(1), reason]),
    ),
    ...parts.flatMap((part) => section(part, ceiling, parts)),
  ].join("\n");
}

function section(
  part: PartResult,
  ceiling: number | null,
  parts: readonly PartResult[],
): readonly string[] {
  if (part.values.length === 0) return [];
  const head = ["", `## ${part.title}`, "", `\`${part.command}\``, ""];
  try {
    return [...head, ...lines(part, ceiling, parts)];
  } catch {
    return [...head, "Its values have another form than this page expects; the JSON has them."];
  }
}

function lines(
  { name, values }: PartResult,
  ceiling: number | null,
  parts: readonly PartResult[],
): readonly string[] {
  const [first] = values;
  switch (name) {
    case "doctor":
      return ceilingLines(first as Found);
    case "step":
    case "predict":
      return stepLines(first as FoundStep, name === "predict");
    case "gemm":
    case "convolutions":
      return (values as readonly FoundSweep[]).flatMap((sweep) => sweepLines(sweep, ceiling));
    case "torch":
      return torchLines(first as FoundTorch, parts);
    case "torch_step":
      return torchStepLines(first as FoundTorchStep, parts);
    default:
      return ["Its rows are in the JSON."];
  }
}

function ceilingLines({ ceilings }: Found): readonly string[] {
  if (ceilings === null) return ["Ceilings were not measured."];
  const { gflops, f16_gflops, empty_dispatch_us, bandwidth } = ceilings;
  const most = (values: readonly number[]): string => Math.max(...values).toFixed(0);
  return [
    `f32 ${gflops.toFixed(0)} GFLOP/s, f16 ${f16_gflops?.toFixed(0) ?? "none"} GFLOP/s; ` +
      `read ${most(bandwidth.map((one) => one.read_gbytes))} GB/s, ` +
      `copy ${most(bandwidth.map((one) => one.copy_gbytes))} GB/s at the best size; ` +
      `an empty dispatch ${empty_dispatch_us.toFixed(1)} us.`,
  ];
}

function stepLines(step: FoundStep, isPrediction: boolean): readonly string[] {
  const each_ms = step.overlapped.median;
  const rate = isPrediction ? `, ${(1000 / each_ms).toFixed(1)} rigs per second` : "";
  const idle = (100 * (1 - step.gpu_busy)).toFixed(1);
  return [
    `${step.what}: ${step.wall.median.toFixed(2)} ms alone, ${each_ms.toFixed(2)} ms in the loop${rate}; ` +
      `GPU idle ${idle} % of the loop, which waits for the ${step.bound}.`,
    "",
    ...table(
      ["kernel", "dispatches", "time, ms", "%", "GFLOP/s"],
      step.kernels
        .slice(0, SHOWN_KERNELS)
        .map(({ kernel, dispatches, time_ms, share, flops }) => [
          kernel,
          String(dispatches),
          time_ms.toFixed(3),
          (100 * share).toFixed(1),
          (flops / time_ms / 1e6).toFixed(0),
        ]),
    ),
  ];
}

function sweepLines(sweep: FoundSweep, ceiling: number | null): readonly string[] {
  const { kernel, problem, rule, complete, rows } = sweep;
  const timed = rows.filter(({ time_ms }) => time_ms !== null);
  const best = timed.toSorted((a, b) => a.time_ms! - b.time_ms!).slice(0, SHOWN_MAPPINGS);
  const first = rows.find((row) => row.kernel === rule);
  const shown = first === undefined || best.includes(first) ? best : [...best, first];
  const wrong = rows.filter(({ error }) => error !== "");
  return [
    `**${kernel}, ${problem}**: ${timed.length} of ${rows.length} mappings and tiles timed` +
      `${complete ? "" : ", not all before the time was up"}; the rule's is ${rule}.`,
    "",
    ...table(
      ["mapping", "values", "time, ms", "GFLOP/s", "% of the f32 ceiling"],
      shown.map((row) => [
        row.kernel,
        Object.entries(row.constants)
          .map((pair) => pair.join("="))
          .join(" "),
        row.time_ms?.toFixed(3) ?? "",
        row.gflops?.toFixed(0) ?? "",
        ceiling === null || row.gflops === null ? "" : ((100 * row.gflops) / ceiling).toFixed(0),
      ]),
    ),
    "",
    ...wrong.map(({ error }) => `WRONG: ${error.split("\n")[0]}`),
  ];
}

function torchLines(
  { torch, device, step_ms }: FoundTorch,
  parts: readonly PartResult[],
): readonly string[] {
  const step = parts.find(({ name }) => name === "step")?.values[0] as FoundStep | undefined;
  const own_ms = (step?.kernels ?? [])
    .filter(({ kernel }) => kernel.startsWith("conv2d"))
    .reduce((sum, { time_ms }) => sum + time_ms, 0);
  const ours = own_ms > 0 ? `, ringdepth's own ${own_ms.toFixed(2)} ms` : "";
  return [
    `PyTorch ${torch} on ${device}: the convolutions of the step, forward and both gradients, ` +
      `${step_ms.toFixed(2)} ms${ours}. Each is timed alone, with its call.`,
  ];
}

function torchStepLines(
  { torch, device, step_ms, worst, peak_bytes }: FoundTorchStep,
  parts: readonly PartResult[],
): readonly string[] {
  const step = parts.find(({ name }) => name === "step")?.values[0] as FoundStep | undefined;
  const own_ms = step?.overlapped.median;
  const ours =
    own_ms === undefined
      ? ""
      : `; ringdepth's own ${own_ms.toFixed(2)} ms, ${(own_ms / step_ms).toFixed(2)} times that`;
  const memory =
    peak_bytes === null ? "" : `, ${(peak_bytes / 2 ** 20).toFixed(0)} MiB at its peak`;
  return [
    `PyTorch ${torch} on ${device}: a step takes ${step_ms.toFixed(2)} ms${memory}${ours}. Before that, ` +
      `its depths were ${worst.toExponential(1)} off those of ringdepth, with the same parameters.`,
  ];
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "/").replaceAll("\n", " ")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)];
}
