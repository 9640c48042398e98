// `ringdepth bench step`: a training step with bins and relations stored or fused, or with kernels
// chosen by rule or by tuning.
import type { Command } from "commander";
import type { ImageSize } from "../../data/camera.ts";
import type { WayRow } from "../../profile/bench/plan_bench.ts";
import { STUDENT_NAMES, type StudentName } from "../../student/student.ts";
import { resolveConfig } from "../../train/config.ts";
import { openRunTeacher, openSource } from "../../train/source.ts";
import { benchStep, fusedForms, stepForms, tunedForms } from "../../profile/bench/step_bench.ts";
import { benchOptions, runBench, turnOptions, writeBench, type TurnOptions } from "./bench_run.ts";
import { GATE_HELP } from "../terminal/result_options.ts";
import { concludeBench } from "./saved_bench.ts";
import { agreementLine, wayCells, wayHead, withoutSamples } from "./table.ts";
import { wayLines } from "./verdicts.ts";
import type { CommandContext } from "../terminal/define.ts";
import { headline, timeRemarks } from "../../measure/text.ts";
import { EXIT } from "../terminal/exit_code.ts";
import { imageSize, studentName } from "../terminal/options.ts";
import { cachedChoices } from "../settings/tuning_cache.ts";
import type { Table } from "../terminal/table.ts";

interface StepOptions extends TurnOptions {
  readonly student?: StudentName;
  readonly size?: ImageSize;
  /**
   * Compare the step by rule with the step by measured choices, instead of stored with fused
   * losses.
   */
  readonly tuned?: boolean;
  /** Compare one op at a time with what the plan fuses. */
  readonly fusion?: boolean;
  readonly gate?: boolean;
}

// The smallest size that each student accepts, because the CPU path in f64 is slow.
const SMALL: Readonly<Record<StudentName, ImageSize>> = {
  nano: { height: 32, width: 32 },
  resnet18: { height: 64, width: 64 },
  resnet34: { height: 64, width: 64 },
};

/** Defines the command under `bench`. */
export function defineBenchStep(parent: Command, context: CommandContext): void {
  const command = parent
    .command("step")
    .option("--student <name>", `${STUDENT_NAMES} (default: nano)`, studentName)
    .option("--size <HxW>", "image size (default: 96x160)", imageSize)
    .option("--gate", GATE_HELP)
    .option("--tuned", "compare kernels chosen by rule with those chosen by ringdepth tune")
    .option("--fusion", "compare a plan that runs one op at a time with the fused one");
  benchOptions(turnOptions(command), "ringdepth bench step --size 64x128");
  command.action(async (options: StepOptions) => {
    const { student, size } = options;
    const config = resolveConfig({ student, size }, "command line");
    const source = await openSource(config, "train");
    await runBench(context, options, async ({ output, surroundings, ...run }) => {
      const { bench, ceilings, environment, progress } = run;
      const date = new Date().toISOString();
      const teacher = await openRunTeacher(config, {
        gpu: () => run.gpu,
        source,
        module: "untrained",
      });
      const data = { source, teacher };
      const forms =
        options.fusion === true
          ? fusedForms(config)
          : options.tuned === true
            ? tunedForms(config, await cachedChoices(run.gpu.facts, true, output.warn))
            : stepForms(config);
      const small = SMALL[config.student];
      const rows = await benchStep(bench, ceilings, forms, data, small, progress);
      for (const { error } of rows) if (error !== "") output.warn(error);
      const { height, width } = config.size;
      const title = `${config.student}, ${source.cameras.length}x${height}x${width}`;
      const written = rows.map(withoutSamples);
      const answer = wayLines(rows, () => title);
      await writeBench(surroundings, output, options, {
        value: {
          date,
          environment,
          ceilings,
          settings: bench.settings,
          student: config.student,
          size: config.size,
          rows: written,
        },
        table: stepTable(title, forms[0].name, rows),
        rows: written,
        lead: answer,
        notes: [headline(environment, date), agreementLine(rows), ...timeRemarks(rows, run.load())],
      });
      const named = rows.map((row) => ({ way: row.way, case: title, row }));
      const failed = await concludeBench({ output, surroundings, ...run }, options, date, named, {
        name: "step",
        findings: answer,
      });
      if (rows.some(({ error }) => error !== "")) return EXIT.wrong;
      return failed ? EXIT.gate : EXIT.fine;
    });
  });
}

function stepTable(title: string, first: string, rows: readonly WayRow[]): Table {
  return {
    head: [title, "dispatches", ...wayHead(first)],
    rows: rows.map((row) => [row.way, String(row.dispatches), ...wayCells(row)]),
  };
}
