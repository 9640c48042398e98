// The half of `check` that searches kernels for data races.
import type { AnyKernel } from "../../engine/kernel.ts";
import { canRun } from "../../engine/mapping.ts";
import type { Gpu } from "../../gpu/device.ts";
import { raceText, type RaceCheck } from "../../measure/race_check.ts";
import { kernelRaces } from "../../profile/races/own_kernels.ts";
import { EXIT } from "../terminal/exit_code.ts";
import { textTable } from "../terminal/table.ts";
import type { Output } from "../terminal/surroundings.ts";

// Lists of accesses grow with the work; larger cases run the same text.
const MOST_FLOPS = 1e6;

/** Searches the small cases of kernels and prints the table; returns the exit code. */
export async function checkKernelRaces(
  gpu: Gpu,
  list: readonly AnyKernel[],
  output: Output,
): Promise<number> {
  const found: ({ readonly name: string; readonly case: string } & RaceCheck)[] = [];
  const rows: string[][] = [];
  let left = 0;
  const told = new Set<string>();
  const tell = (line: string): void => {
    if (line !== "" && !told.has(line)) output.warn(line);
    told.add(line);
  };
  for (const [i, kernel] of list.entries()) {
    const { name } = kernel.shader;
    const cases = kernel.cases.filter(
      ({ shapes, attributes }) =>
        canRun(kernel, gpu.facts, shapes, attributes) &&
        kernel.cost(shapes, attributes).flops <= MOST_FLOPS,
    );
    left += kernel.cases.length - cases.length;
    const own: RaceCheck[] = [];
    for (const problem of cases) {
      const races = await kernelRaces(gpu, kernel, problem);
      own.push(races);
      found.push({ name, case: problem.name, ...races });
      for (const line of races.notes) tell(line);
      tell(raceText(races));
    }
    const racy = own.filter(({ races }) => races.length > 0).length;
    rows.push([name, String(own.length), String(racy)]);
    output.progress(`kernel ${i + 1}/${list.length}: ${name}${racy > 0 ? ": races" : ""}`, false);
  }
  const racy = found.filter(({ races }) => races.length > 0).length;
  output.result({ kernels: found, cases_left_out: left }, [
    ...textTable(["kernel", "cases", "with races"], rows),
    `${found.length} cases of ${list.length} kernels, ${racy} with races; ` +
      `${left} cases left out: large, or not for this adapter`,
  ]);
  return racy === 0 ? EXIT.fine : EXIT.wrong;
}
