// `ringdepth bench kernels`: `ringdepth profile --brief` under the name that scripts use, with its
// problems found by a text in their names.
import type { KernelProblem } from "../../engine/kernel.ts";
import type { Command } from "commander";
import { mappingsOf } from "../../engine/mapping.ts";
import { checkShadersOf } from "../../kernels/check/shader_table.ts";
import { ruleTargets } from "../../profile/kernel/brief.ts";
import { allBenchProblems } from "../../profile/kernel/targets.ts";
import { InputError } from "../../tensor/error.ts";
import { withGpu } from "../terminal/adapter.ts";
import type { CommandContext } from "../terminal/define.ts";
import { common, type CommonOptions } from "../terminal/options.ts";
import { makeOutput } from "../terminal/output.ts";
import { checkOutputs } from "../terminal/output_file.ts";
import { profileBrief, type BriefOptions } from "./brief.ts";

interface BenchKernelsOptions extends CommonOptions {
  readonly md?: boolean;
  readonly output?: string;
}

/** Defines the command under `bench`. */
export function defineBenchKernels(parent: Command, { surroundings, exit }: CommandContext): void {
  const command = parent
    .command("kernels")
    .argument(
      "[parts...]",
      "text that the name of a kernel or problem contains, or a mapping (default: all)",
    )
    .option("--md", "print the result as Markdown")
    .option("-o, --output <file>", "write the result to a file");
  common(command, "ringdepth bench kernels conv2d 'relation 6x60'");
  command.action(async (parts: string[], given: BenchKernelsOptions) => {
    const { json, md, output: file, adapter } = given;
    if (json === true && md === true) throw new InputError("give --json or --md, not both");
    checkOutputs([{ option: "-o", path: file }]);
    const isForPrograms = (json === true || md === true) && file === undefined;
    const output = makeOutput(surroundings, isForPrograms, file === undefined);
    const problems = await chooseProblems(parts);
    checkShadersOf(problems.flatMap(({ kernel }) => mappingsOf(kernel)));
    const options: BriefOptions = { json, output: file, ...(md === true && { format: "md" }) };
    exit(
      await withGpu(
        surroundings,
        output,
        adapter,
        async (gpu) =>
          await profileBrief({ gpu, output, surroundings, options }, ruleTargets(gpu, problems)),
        "beside",
      ),
    );
  });
}

async function chooseProblems(parts: readonly string[]): Promise<KernelProblem[]> {
  const all = await allBenchProblems();
  const chosen = all.filter(
    ({ name, kernel }) =>
      parts.length === 0 ||
      parts.some((part) => `${kernel.shader.name} ${name}`.includes(part)) ||
      mappingsOf(kernel).some(({ shader }) => parts.includes(shader.name)),
  );
  if (chosen.length === 0) throw new InputError(`no problem has ${parts.join(" or ")} in its name`);
  return chosen;
}
