// Seeded inputs for the cases of kernels.
import { randomStream, hashText } from "../../tensor/random.ts";
import { size, type Shape } from "../../tensor/shape.ts";
import { binomialRow, logChoose, ROW_NUMBERS } from "../depth_bins/binomial_row.ts";
import type { AnyKernel } from "../../engine/kernel.ts";
import type { Problem, Distribution } from "../../engine/problem.ts";

/** Random numbers for one tensor, drawn from `distribution`; equal seeds give equal numbers. */
export function draw(shape: Shape, distribution: Distribution, seed: number): Float32Array {
  const stream = randomStream(seed);
  const values = new Float32Array(size(shape));
  switch (distribution.kind) {
    case "normal": {
      const { mean = 0, deviation = 1 } = distribution;
      return values.map(() => mean + deviation * stream.normal());
    }
    case "uniform": {
      const { low, high } = distribution;
      return values.map(() => low + (high - low) * stream.uniform());
    }
    case "mask":
      return values.map(() => (stream.uniform() < distribution.share ? 1 : 0));
    case "constant":
      return values.fill(distribution.value);
    case "given":
      return distribution.values.slice();
    case "probabilities": {
      const row = shape.at(-1) ?? 1;
      for (let start = 0; start < values.length; start += row) {
        let sum = 0;
        for (let k = 0; k < row; k++) sum += values[start + k] = Math.exp(stream.normal());
        for (let k = 0; k < row; k++) values[start + k] /= sum;
      }
      return values;
    }
    case "log_choose":
      return logChoose(shape[0]);
    case "binomial_rows": {
      const table = logChoose(distribution.bins);
      const within = ([low, high]: readonly [number, number]): number =>
        low + (high - low) * stream.uniform();
      for (let start = 0; start < values.length; start += ROW_NUMBERS) {
        const row = binomialRow(within(distribution.pi), within(distribution.t), table);
        values.set([...row, within([0.5, 1.5])], start);
      }
      return values;
    }
    default:
      return distribution satisfies never;
  }
}

/** The inputs of one case of a kernel, the same in every process. */
export function caseInputs(kernel: AnyKernel, problem: Problem): Record<string, Float32Array> {
  const inputs: Record<string, Float32Array> = {};
  for (const { name, access } of kernel.shader.bindings) {
    if (access === "write") continue;
    const shape = problem.shapes[name];
    if (shape === undefined) {
      throw new Error(`${kernel.shader.name}, case ${problem.name}: no shape for ${name}`);
    }
    const again = problem.seed === undefined ? "" : `/${problem.seed}`;
    const seed = hashText(`${kernel.shader.name}/${problem.name}/${name}${again}`);
    inputs[name] = draw(shape, problem.data?.[name] ?? { kind: "normal" }, seed);
  }
  return inputs;
}
