// `ringdepth profile step:train` and `step:predict`: where the time of a step goes, and its trace.
import { writeFileAtomically } from "../../formats/atomic_file.ts";
import { encodeTrace } from "../../formats/chrome_trace.ts";
import { timerQuantum_ns } from "../../gpu/timestamps.ts";
import { describeEnvironment } from "../../measure/environment.ts";
import { closure, stepAccount } from "../../profile/step/account.ts";
import { measureStep, wrongKernels } from "../../profile/step/step_run.ts";
import type { StepTarget } from "../../profile/step/target.ts";
import { stepTrace } from "../../profile/step/trace.ts";
import type { TrainConfig } from "../../train/config.ts";
import { predictionStep, trainingStep, type OpenStep } from "../../profile/step/profiled_step.ts";
import { openRunTeacher, openSource } from "../../train/source.ts";
import { EXIT } from "../terminal/exit_code.ts";
import { writeAll } from "../terminal/output_file.ts";
import { writeProfilePage } from "../terminal/profile_page.ts";
import { writeResult } from "../terminal/result.ts";
import { gateLine, stepCsv, stepKernelTable, stepLines, stepPartTable } from "./step_table.ts";
import { environmentLine } from "../terminal/profile_table.ts";
import type { ProfileRun } from "./run.ts";
import { runSettings } from "../settings/run_settings.ts";
import { cachedChoices } from "../settings/tuning_cache.ts";
import type { ProfileOptions } from "./request.ts";
import { knownCeilings } from "../../measure/known_ceilings.ts";
import { tableProgress } from "../terminal/table_progress.ts";

/** Profiles a step; returns the exit code. */
export async function profileStep(
  run: ProfileRun<ProfileOptions>,
  target: StepTarget,
  command: string,
): Promise<number> {
  const { gpu, output, surroundings, options } = run;
  const progress = (line: string): void => output.progress(line, false);
  const quantum_ns = await timerQuantum_ns(gpu);
  const step = await openStep(run, target);
  try {
    output.progress("checking the kernels of the step against their references", true);
    const wrong = await wrongKernels(gpu, step.plan.dispatches, progress);
    for (const error of wrong) output.warn(error);
    if (wrong.length > 0) return EXIT.wrong;
    const ceilings = await knownCeilings(run, quantum_ns);
    output.progress("measuring", true);
    const measured = await measureStep(gpu, step, options.steps, progress);
    const account = stepAccount(step, measured, quantum_ns, ceilings);
    const environment = await describeEnvironment(gpu, quantum_ns);
    const date = new Date().toISOString();
    output.say(environmentLine({ environment, ceilings }));
    const { title, remarks } = stepLines(account);
    output.say(title);
    const report = { date, environment, ceilings, account, command };
    await writeAll(
      async () =>
        await writeResult(surroundings, output, options, {
          value: { date, environment, ceilings, ...account },
          table: stepPartTable(account),
          more: [stepKernelTable(account)],
          csv: stepCsv(account),
        }),
      async () => {
        for (const line of remarks) output.say(line);
        if (options.trace === undefined) return;
        const trace = encodeTrace(stepTrace(step.plan.dispatches, measured));
        await writeFileAtomically(options.trace, trace);
        output.say(`trace written to ${options.trace}: open it in ui.perfetto.dev`);
      },
      async () => await writeProfilePage(output, options.html, report),
    );
    if (options.gate !== true) return EXIT.fine;
    const verdict = closure(account);
    output.say(gateLine(verdict));
    return verdict === "open" ? EXIT.gate : EXIT.fine;
  } finally {
    await step.destroy();
  }
}

async function stepConfig(options: ProfileOptions): Promise<TrainConfig> {
  const { config: file, student, data, size, seed, skipBadSamples } = options;
  return (await runSettings({ config: file, student, data, size, seed, skipBadSamples })).config;
}

async function openStep(
  { gpu, output, options }: ProfileRun<ProfileOptions>,
  target: StepTarget,
): Promise<OpenStep> {
  const config = await stepConfig(options);
  const onProgress = tableProgress(output);
  const tuning = await cachedChoices(gpu.facts, options.tune, output.warn);
  if (target === "step:predict") {
    const source = await openSource(config, "held-out", { onProgress });
    return await predictionStep(gpu, config, source, tuning, output.warn);
  }
  const source = await openSource(config, "train", { onProgress });
  const teacher = await openRunTeacher(config, {
    gpu: () => gpu,
    source,
    module: "untrained",
  });
  return await trainingStep(gpu, config, source, teacher, tuning, output.warn);
}
