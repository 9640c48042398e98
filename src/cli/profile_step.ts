// `ringdepth profile step:train` and `step:predict`: where the time of a step goes, and its trace.
import { writeFileAtomically } from "../formats/atomic_file.ts";
import { encodeTrace } from "../formats/chrome_trace.ts";
import { timerQuantum_ns } from "../gpu/timestamps.ts";
import { describeEnvironment } from "../profile/environment.ts";
import { closes, stepAccount } from "../profile/step_account.ts";
import { measureStep, staleKernels, wrongKernels } from "../profile/step_run.ts";
import { stepTrace } from "../profile/step_trace.ts";
import { openTeacher } from "../teacher/open_teacher.ts";
import { predictionStep, trainingStep, type OpenStep } from "../train/profiled_step.ts";
import { openSource } from "../train/source.ts";
import { EXIT } from "./exit_code.ts";
import type { ProfileOptions } from "./profile.ts";
import { writeProfilePage } from "./profile_html.ts";
import { writeResult } from "./profile_result.ts";
import type { StepTarget } from "./profile_step_options.ts";
import { stepCsv, stepKernelTable, stepLines, stepPartTable } from "./profile_step_table.ts";
import { environmentLine } from "./profile_table.ts";
import { knownCeilings, type ProfileRun } from "./profile_work.ts";
import { runSettings } from "./run_settings.ts";
import { cachedChoices } from "./tuning_cache.ts";

/** Profiles a step, as `command` says; returns the exit code. */
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
    for (const name of await staleKernels(step.plan.dispatches)) {
      output.warn(`shaders/${name}.wgsl was changed, the step runs what it was: npm run shaders`);
    }
    output.progress("checking the kernels of the step against their references", true);
    const wrong = await wrongKernels(gpu, step.plan.dispatches, progress);
    for (const error of wrong) output.warn(error);
    if (wrong.length > 0) return EXIT.wrong;
    const ceilings = await knownCeilings(run, quantum_ns);
    output.progress("measuring", true);
    const measured = await measureStep(gpu, step, options.steps, progress);
    const account = stepAccount(step, measured, quantum_ns, ceilings);
    const environment = await describeEnvironment(gpu, quantum_ns);
    output.say(environmentLine({ environment, ceilings }));
    const { title, remarks } = stepLines(account);
    output.say(title);
    const date = new Date().toISOString();
    await writeResult(surroundings, output, options, {
      value: { date, environment, ceilings, ...account },
      table: stepPartTable(account),
      more: [stepKernelTable(account)],
      csv: stepCsv(account),
    });
    for (const line of remarks) output.say(line);
    if (options.trace !== undefined) {
      const trace = encodeTrace(stepTrace(step.plan.dispatches, measured));
      await writeFileAtomically(options.trace, trace);
      output.say(`trace written to ${options.trace}: open it in ui.perfetto.dev`);
    }
    const report = { environment, ceilings, date, account, command };
    await writeProfilePage(output, options.html, report);
    return options.gate === true && !closes(account) ? EXIT.gate : EXIT.fine;
  } finally {
    await step.destroy();
  }
}

async function openStep(
  { gpu, output, options }: ProfileRun<ProfileOptions>,
  target: StepTarget,
): Promise<OpenStep> {
  const { config: file, student, data, size, seed, skipBadSamples, tune } = options;
  const flags = { config: file, student, data, size, seed, skipBadSamples };
  const { config } = await runSettings(flags);
  const tuning = await cachedChoices(gpu.facts, tune);
  if (target === "step:predict") {
    const source = await openSource(config, "held-out");
    return await predictionStep(gpu, config, source, tuning, output.warn);
  }
  const source = await openSource(config, "train");
  const teacher = await openTeacher(config.teacher, config.data, config.seed);
  return await trainingStep(gpu, config, source, teacher, tuning, output.warn);
}
