// The half of `check` that holds kernels one by one against their references.
import type { Gpu } from "../../gpu/device.ts";
import { checkCase, type CheckResult } from "../../kernels/check.ts";
import type { AnyKernel } from "../../engine/kernel.ts";
import { shadersOffTable } from "../../kernels/shader_table.ts";
import { EXIT } from "../terminal/exit_code.ts";
import type { Output } from "../terminal/output.ts";
import { textTable } from "../terminal/table.ts";

/** Runs every case that this adapter offers and prints the table; returns the exit code. */
export async function checkKernels(
  gpu: Gpu,
  list: readonly AnyKernel[],
  output: Output,
): Promise<number> {
  for (const stem of shadersOffTable()) {
    output.warn(`shaders/${stem}.wgsl is not in the table of shaders: run npm run shaders`);
  }
  const results: CheckResult[] = [];
  const told = new Set<string>();
  const rows: string[][] = [];
  let left = 0;
  for (const [i, kernel] of list.entries()) {
    const { name } = kernel.shader;
    const offered = offeredCases(gpu, kernel);
    left += kernel.cases.length - offered.length;
    const own: CheckResult[] = [];
    for (const problem of offered) own.push(await checkCase(gpu, kernel, problem));
    results.push(...own);
    rows.push(tableRow(name, own));
    for (const result of own) if (!result.ok && isNews(result, told)) output.warn(result.message);
    const bad = own.filter(({ ok }) => !ok).length;
    output.progress(`kernel ${i + 1}/${list.length}: ${name}${bad > 0 ? ": wrong" : ""}`, false);
  }
  const failed = results.filter(({ ok }) => !ok).length;
  output.result(
    {
      kernels: results.map(({ message, ...result }) =>
        result.ok ? result : { ...result, message },
      ),
      cases_not_offered: left,
    },
    [
      ...textTable(["kernel", "cases", "wrong", "max abs error", "max rel error"], rows),
      `${results.length} cases of ${list.length} kernels, ${failed} wrong; ` +
        `${left} cases not offered on this adapter`,
    ],
  );
  return failed === 0 ? EXIT.fine : EXIT.wrong;
}

/** Whether a fault was not told of another case; one that does not compile has it in every case. */
function isNews({ name, case: problem, message }: CheckResult, told: Set<string>): boolean {
  const fault = message.replace(`${name}, case ${problem}: `, `${name}: `);
  if (told.has(fault)) return false;
  told.add(fault);
  return true;
}

/** The cases of a kernel that this adapter can run. */
function offeredCases({ facts }: Gpu, kernel: AnyKernel): AnyKernel["cases"] {
  if (!kernel.shader.features.every((feature) => facts.features.has(feature))) return [];
  return kernel.cases.filter(
    ({ shapes, attributes }) => kernel.offered?.(facts, shapes, attributes) ?? true,
  );
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
