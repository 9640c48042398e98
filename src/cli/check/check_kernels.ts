// The half of `check` that compares kernels one by one with their references.
import type { Gpu } from "../../gpu/device.ts";
import { checkCase, type CheckResult } from "../../kernels/check/check.ts";
import { failureLines } from "../../engine/failure_table.ts";
import type { AnyKernel } from "../../engine/kernel.ts";
import type { Problem } from "../../engine/problem.ts";
import { canRun } from "../../engine/mapping.ts";
import { shadersOffTable } from "../../kernels/check/shader_table.ts";
import { EXIT } from "../terminal/exit_code.ts";
import { textTable } from "../terminal/table.ts";
import type { Output } from "../terminal/surroundings.ts";

/** Runs every case that this adapter can run and prints the table; returns the exit code. */
export async function checkKernels(
  gpu: Gpu,
  list: readonly AnyKernel[],
  output: Output,
): Promise<number> {
  for (const stem of shadersOffTable()) {
    output.warn(`shaders/${stem}.wgsl is not in the table of shaders: run npm run shaders`);
  }
  const results: CheckedCase[] = [];
  const told = new Set<string>();
  const rows: string[][] = [];
  const details: string[][] = [];
  let left = 0;
  for (const [i, kernel] of list.entries()) {
    const { name } = kernel.shader;
    const cases = casesThatRun(gpu, kernel);
    left += kernel.cases.length - cases.length;
    const own: CheckedCase[] = [];
    for (const problem of cases) {
      own.push({ ...(await checkCase(gpu, kernel, problem)), problem });
    }
    results.push(...own);
    rows.push(tableRow(name, own));
    details.push(detailLines(own));
    for (const result of own) if (!result.ok && isNews(result, told)) output.warn(result.message);
    const bad = own.filter(({ ok }) => !ok).length;
    output.progress(`kernel ${i + 1}/${list.length}: ${name}${bad > 0 ? ": wrong" : ""}`, false);
  }
  const failed = results.filter(({ ok }) => !ok).length;
  const [head, ...table] = textTable(
    ["kernel", "cases", "wrong", "max abs error", "max rel error"],
    rows,
  );
  output.result(
    {
      kernels: results.map(jsonOf),
      cases_not_offered: left,
    },
    [
      head,
      ...table.flatMap((row, i) => [row, ...details[i]]),
      `${results.length} cases of ${list.length} kernels, ${failed} wrong; ` +
        `${left} cases left out on this adapter`,
    ],
  );
  return failed === 0 ? EXIT.fine : EXIT.wrong;
}

/** The result of a case, and the case itself. */
interface CheckedCase extends CheckResult {
  readonly problem: Problem;
}

/** The result of a case as JSON, with its numbers if it is wrong. */
function jsonOf({ problem, message, failures, ...result }: CheckedCase): object {
  if (result.ok) return result;
  const { shapes, attributes, seed } = problem;
  return { ...result, message, shapes, attributes, seed, failures };
}

/**
 * The tables of the first wrong case of a kernel; the other cases mostly look alike, so their
 * tables are only in the JSON.
 */
function detailLines(results: readonly CheckedCase[]): string[] {
  const wrong = results.filter(({ ok }) => !ok);
  if (wrong.length === 0) return [];
  const [{ name, problem, failures }] = wrong;
  const others =
    wrong.length === 1 ? [] : [`  wrong in ${wrong.length} cases; --json has the tables of all`];
  return ["", ...failureLines(name, problem, failures), ...others, ""];
}

/** Whether a fault was not yet reported for another case; a compile error applies to every case. */
function isNews({ name, case: problem, message }: CheckResult, told: Set<string>): boolean {
  const fault = message.replace(`${name}, case ${problem}: `, `${name}: `);
  if (told.has(fault)) return false;
  told.add(fault);
  return true;
}

/** The cases of a kernel that this adapter can run. */
function casesThatRun({ facts }: Gpu, kernel: AnyKernel): AnyKernel["cases"] {
  return kernel.cases.filter(({ shapes, attributes }) => canRun(kernel, facts, shapes, attributes));
}

function tableRow(name: string, results: readonly CheckResult[]): string[] {
  if (results.length === 0) return [name, "0", "", "", ""];
  const worst = (errors: readonly number[]): string => Math.max(...errors).toExponential(1);
  return [
    name,
    String(results.length),
    String(results.filter(({ ok }) => !ok).length),
    worst(results.map(({ max_abs_error }) => max_abs_error)),
    worst(results.map(({ max_rel_error }) => max_rel_error)),
  ];
}
