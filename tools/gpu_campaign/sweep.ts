// Times every mapping and tuned value of GEMM or of the convolutions of resnet18 on this adapter:
// `node --import tsx tools/gpu_campaign/sweep.ts gemm|convolutions SECONDS [quick]`. Prints one line of JSON
// per problem. The rule's mapping is compared with the f64 reference on the cases of its kernel; every
// other mapping is compared with the rule's output on the problem itself. So are those with operands in
// f16.
import type { AnyKernel, KernelProblem } from "../../src/engine/kernel.ts";
import { halfMapping } from "../../src/engine/mapping.ts";
import type { Problem } from "../../src/engine/problem.ts";
import { prepareKernel } from "../../src/engine/run.ts";
import { openGpu } from "../../src/gpu/node_device.ts";
import { timerQuantum_ns } from "../../src/gpu/timestamps.ts";
import { conv2d } from "../../src/kernels/convolution/conv2d.ts";
import { conv2dGradInput } from "../../src/kernels/convolution/conv2d_grad_input.ts";
import { conv2dGradWeight } from "../../src/kernels/convolution/conv2d_grad_weight.ts";
import { gemm } from "../../src/kernels/gemm.ts";
import { prepareBench } from "../../src/measure/measure.ts";
import { makeChecker, timedInputs } from "../../src/measure/problems.ts";
import { compileFault } from "../../src/measure/shader_source.ts";
import { sweepProblem, type SweepRow, type SweepTools } from "../../src/tune/sweep.ts";
import { sweepTools } from "../../src/tune/sweep_tools.ts";
import { InputError } from "../../src/tensor/error.ts";

const [what, seconds, size] = process.argv.slice(2);
const quick = size === "quick";
const PAIR = { time_s: 0.1, min_samples: 9, noise: 0.02, timeout_s: 1 };
/** The largest difference from the rule's output, in units of its largest number. */
const MOST_DIFFERENCE = { f32: 1e-4, f16: 1e-2 };

function gemmProblems(): KernelProblem[] {
  const side = quick ? 64 : 2048;
  return [
    {
      name: `${side} x ${side} x ${side}`,
      kernel: gemm,
      shapes: { a: [side, side], b: [side, side], bias: [0] },
      attributes: { transpose_a: false, transpose_b: false, slices: 1 },
    },
  ];
}

/** The 3x3 convolutions of resnet18's four stages on six views of 384x640, and their gradients. */
function convolutionProblems(): KernelProblem[] {
  const stages = quick
    ? [[6, 10, 16]]
    : [
        [96, 160, 64],
        [24, 40, 256],
        [48, 80, 128],
        [12, 20, 512],
      ];
  return stages.flatMap(([height, width, channels]): KernelProblem[] => {
    const map = [6, height, width, channels];
    const weight = [channels, 3, 3, channels];
    const plain = { stride: [1, 1], padding: [1, 1, 1, 1], dilation: [1, 1], groups: 1 };
    const sliced = { ...plain, slices: 1, input: [height, width] };
    const name = `3x3 ${map.join("x")}`;
    const bias = [0];
    return [
      { name, kernel: conv2d, shapes: { x: map, weight, bias }, attributes: sliced },
      { name, kernel: conv2dGradInput, shapes: { d_y: map, weight, bias }, attributes: sliced },
      {
        name,
        kernel: conv2dGradWeight,
        shapes: { x: map, d_y: map },
        attributes: { ...plain, kernel: [3, 3] },
      },
    ];
  });
}

const known: Readonly<Record<string, () => KernelProblem[]>> = {
  gemm: gemmProblems,
  convolutions: convolutionProblems,
};
if (!(what in known)) throw new InputError(`sweep ${what}: give gemm or convolutions`);
const problems = known[what]();
const gpu = await openGpu({ validation: false });
const bench = await prepareBench(gpu, await timerQuantum_ns(gpu), PAIR, false);
const timing = sweepTools(bench);
const checker = makeChecker(gpu);

/** The tools of the sweep of a problem: the first mapping that they check gives the output to match. */
function toolsOf({ kernel: base, ...whole }: KernelProblem): SweepTools {
  // The same for all mappings: numbers are drawn by the name of the kernel.
  const inputs = timedInputs(base, whole);
  let expected: Record<string, Float32Array> | null = null;
  const check = async (kernel: AnyKernel, problem: Problem): Promise<string> => {
    const broken = await compileFault(gpu, { kernel, fault: "" }, problem);
    if (broken !== "") return broken;
    if (expected === null) {
      const { error } = await checker.checkOwn(kernel);
      if (error !== "") return error;
    }
    const { shapes, attributes } = problem;
    const prepared = await prepareKernel(gpu, kernel, inputs, shapes, attributes);
    try {
      const got = await prepared.run();
      const { name } = kernel.shader;
      const operands = name.endsWith("_matrix") ? "f16" : "f32";
      const fault = expected === null ? "" : difference(expected, got, MOST_DIFFERENCE[operands]);
      expected ??= got;
      return fault === "" ? "" : `${name}: ${fault}`;
    } finally {
      prepared.destroy();
    }
  };
  return { ...timing, check };
}

/** The first tensor that is further off than `most` of its largest number; empty if none is. */
function difference(
  expected: Readonly<Record<string, Float32Array>>,
  got: Readonly<Record<string, Float32Array>>,
  most: number,
): string {
  for (const [name, wanted] of Object.entries(expected)) {
    let [largest, off] = [0, 0];
    wanted.forEach((value, i) => {
      largest = Math.max(largest, Math.abs(value));
      // A number that is not one is off too.
      const apart = Math.abs(value - got[name][i]);
      off = apart <= off ? off : apart;
    });
    if (!(off <= most * largest)) return `${name} is ${off} off, its largest number ${largest}`;
  }
  return "";
}

/** A problem and the times of its mappings. */
interface SweptLine {
  readonly kernel: string;
  readonly problem: string;
  readonly rule: string;
  readonly complete: boolean;
  readonly rows: readonly (SweepRow & { readonly gflops: number | null })[];
}

const begin_ms = performance.now();
for (const [i, problem] of problems.entries()) {
  const { kernel: base, name, shapes, attributes } = problem;
  // Each problem may take its share of the time that is left.
  const now_ms = performance.now();
  const left_ms = Number(seconds) * 1000 - (now_ms - begin_ms);
  const end_ms = now_ms + left_ms / (problems.length - i);
  const half = halfMapping(base, gpu.facts, shapes, attributes);
  const exact_ms = half === null ? end_ms : (now_ms + 2 * end_ms) / 3;
  const tools = toolsOf(problem);
  const swept = await sweepProblem(tools, base, gpu.facts, problem, {
    isOver: () => performance.now() > exact_ms,
  });
  const rows = [...swept.rows];
  let { complete } = swept;
  if (half !== null) {
    // As a base of its own, because a sweep leaves mappings with rounded operands out.
    const alone: AnyKernel = { ...half, operands: undefined };
    const isOver = (): boolean => performance.now() > end_ms;
    const more = await sweepProblem(tools, alone, gpu.facts, problem, { isOver });
    rows.push(...more.rows);
    complete &&= more.complete;
  }
  const { flops } = base.cost(shapes, attributes);
  const line: SweptLine = {
    kernel: base.shader.name,
    problem: name,
    rule: swept.rule,
    complete,
    rows: rows.map((row) => ({
      ...row,
      gflops: row.time_ms === null ? null : flops / row.time_ms / 1e6,
    })),
  };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
bench.destroy();
gpu.close();
