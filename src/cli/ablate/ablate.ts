// `ringdepth ablate`: trains and evaluates every row of a table at every seed, and says by how much
// each is better than supervision alone, with a 95 % interval.
import { join } from "node:path";
import type { Command } from "commander";
import { DATA_SOURCES } from "../../data/source_spec.ts";
import { ABLATION_FILES, claimAblation, runAblation } from "../../ablate/ablation.ts";
import { axisPoints, type AxisTexts } from "../../ablate/axes.ts";
import type { CellRecord } from "../../ablate/cell_file.ts";
import { ablationPage } from "../../ablate/page.ts";
import { parseSeeds, planAblation, type AblationPlan } from "../../ablate/plan.ts";
import { builtinRows, PAPER_ROWS, parseRows, REFERENCE } from "../../ablate/rows.ts";
import { ablationTable, type AblationTable } from "../../ablate/table.ts";
import { markdown, readingNote, tableTexts } from "../../ablate/text_table.ts";
import { writeFileAtomically } from "../../formats/atomic_file.ts";
import { InputError } from "../../tensor/error.ts";
import { resolveConfig, type TrainConfig } from "../../train/config.ts";
import { DEMO_BUDGET, demoBudgetText, withDemoBudget } from "../settings/demo_budget.ts";
import { STUDENT_NAMES } from "../../student/student.ts";
import { givenKeys, type RunFlags } from "../settings/run_settings.ts";
import { cachedTuning, tuneOption } from "../settings/tuning_cache.ts";
import { withGpu } from "../terminal/adapter.ts";
import type { Define } from "../terminal/define.ts";
import { EXIT } from "../terminal/exit_code.ts";
import { jsonText } from "../terminal/json_text.ts";
import {
  common,
  imageSize,
  studentName,
  wholeNumber,
  type CommonOptions,
} from "../terminal/options.ts";
import { makeOutput } from "../terminal/output.ts";
import { checkOutputs, writeAll } from "../terminal/output_file.ts";
import { listenForStop } from "../terminal/stop_signal.ts";
import { textTable } from "../terminal/table.ts";
import { ablationProgress } from "./progress.ts";
import { aboutAblation, ablationValue, type AblationFacts } from "./result.ts";
import { tableProgress } from "../terminal/table_progress.ts";

interface AblateOptions extends Omit<RunFlags, "seed" | "resume">, AxisTexts, CommonOptions {
  readonly seeds: string;
  readonly rows: string;
  readonly reference: string;
  readonly out: string;
  readonly md?: string;
}

const SIZE = `${DEMO_BUDGET.size.height}x${DEMO_BUDGET.size.width}`;
const HELP = `
Without other settings a cell has the budget of "ringdepth start":
${demoBudgetText()}.

Rows: ${[...builtinRows(resolveConfig({}, "defaults")).keys()].join(", ")};
or rows of your own, as NAME:KEY=VALUE,KEY=VALUE with any key of "ringdepth train --help", or as
NAME:ROW,KEY=VALUE, which begins with a row of this list. Example:
  --rows supervised,both,kl01:both,loss.weights.kl=0.1

"both" is the configuration with CKD and VRKD on. At one seed every row has the same steps, data, order
of samples and initial weights. A cell is one row at one seed; its run folder is DIR/cells/NAME.
Repeat the command to continue after a stop: finished cells are kept, failed cells are tried again.
The exit code is 1 if a cell failed. The table is in DIR/${ABLATION_FILES.report} and DIR/${ABLATION_FILES.table}.`;

/** Defines the command. */
export const defineAblate: Define = (program: Command, { surroundings, exit }) => {
  const command = program
    .command("ablate")
    .option("--data <source>", `${DATA_SOURCES} (default: rig)`)
    .option("--seeds <list>", "a number of seeds, or a list of them such as 0,1,7", "3")
    .option("--rows <list>", "rows of the table", PAPER_ROWS.join(","))
    .option("--reference <row>", "the row that gains are relative to", REFERENCE)
    .option(
      "--lidar-shares <list>",
      "axis: shares of the training moments with LiDAR, such as 1,0.25,0.1",
    )
    .option("--beams <list>", "axis: beams of the built-in rig's LiDAR, such as 32,8,4")
    .option("--weights <list>", "axis: loss weights, such as kl=1,kl=0.1,kl=0.1+cross=0")
    .option("--student <name>", `${STUDENT_NAMES} (default: ${DEMO_BUDGET.student})`, studentName)
    .option(
      "--steps <n>",
      `training steps of each cell (default: ${DEMO_BUDGET.steps})`,
      wholeNumber("--steps", 1),
    )
    .option("--size <HxW>", `image size, multiples of 32 (default: ${SIZE})`, imageSize)
    .option("--config <file>", "YAML configuration of all rows; options override it")
    .option("--skip-bad-samples", "skip samples with broken files and count them")
    .requiredOption("--out <dir>", "folder of the cells and the table")
    .option("--md <file>", "write the table as Markdown too");
  tuneOption(command).addHelpText("after", HELP);
  common(command, "ringdepth ablate --data rig --seeds 5 --out runs/ablation");
  command.action(async (options: AblateOptions) => {
    const output = makeOutput(surroundings, options.json === true);
    const { plan, base } = await planned(options);
    checkOutputs([{ option: "--md", path: options.md }]);
    const lock = await claimAblation(options.out);
    const stop = listenForStop(output);
    const records = new Map<string, CellRecord>();
    const report = (interrupted: boolean, adapter: string): AblationReport => {
      const table = ablationTable(plan, records, options.reference);
      const facts = { base, plan, outcome: { records, interrupted }, out: options.out, adapter };
      return { table, facts, value: ablationValue(table, facts), lines: resultLines(table, facts) };
    };
    try {
      const work = withGpu(surroundings, output, options.adapter, async (gpu, reopen) => {
        output.say(
          `${plan.cells.length} cells: ${plan.rows.map(({ name }) => name).join(", ")} at ` +
            `${plan.seeds.length} seeds` +
            (plan.points.length > 1 ? ` and ${plan.points.length} points of the axes` : ""),
        );
        const tuning = await cachedTuning(gpu.facts, options.tune, output.warn);
        const adapter = gpu.facts.name;
        const events = ablationProgress(output, stop, () => {
          const { value, lines } = report(true, adapter);
          output.result(value, lines);
        });
        const interrupted = await runAblation({
          gpu,
          reopen,
          plan,
          out: options.out,
          tuning: tuning.file,
          signal: stop.signal,
          ...events,
          onTable: tableProgress(output),
          onRecord: (place, record, isNew) => {
            records.set(place.cell.name, record);
            events.onRecord(place, record, isNew);
          },
        });
        return report(interrupted, adapter);
      });
      const made = await work;
      await writeTable(options, made);
      output.result(made.value, made.lines);
      exit(exitCode(records, stop.exitCode()));
    } finally {
      stop.release();
      await lock.release();
    }
  });
};

async function planned(
  options: AblateOptions,
): Promise<{ readonly plan: AblationPlan; readonly base: TrainConfig }> {
  const given = withDemoBudget(await givenKeys(options));
  const base = resolveConfig(given, "command line");
  const rows = parseRows(options.rows, base);
  if (options.reference !== REFERENCE && !rows.some(({ name }) => name === options.reference)) {
    throw new InputError(`--reference ${options.reference}: is not one of --rows`);
  }
  const seeds = parseSeeds(options.seeds);
  return { plan: planAblation({ given, rows, points: axisPoints(options), seeds }), base };
}

/** The table so far, in the forms that are printed. */
interface AblationReport {
  readonly table: AblationTable;
  readonly facts: AblationFacts;
  readonly value: unknown;
  readonly lines: readonly string[];
}

async function writeTable(
  { out, md }: AblateOptions,
  { table, facts, value }: AblationReport,
): Promise<void> {
  const about = aboutAblation(facts);
  const write = async (file: string, text: string): Promise<void> =>
    await writeFileAtomically(file, new TextEncoder().encode(text));
  await writeAll(
    async () => await write(join(out, ABLATION_FILES.table), `${jsonText(value)}\n`),
    async () => await write(join(out, ABLATION_FILES.report), ablationPage(table, about)),
    async () => {
      if (md !== undefined) await write(md, markdown(table, about));
    },
  );
}

function resultLines(table: AblationTable, { plan, outcome, out }: AblationFacts): string[] {
  const { head, rows } = tableTexts(table);
  const open = plan.cells.length - outcome.records.size;
  return [
    ...textTable(head, rows),
    "",
    readingNote(table.reference),
    ...table.notes,
    ...(open > 0 ? [`cells not finished: ${open}; the same command continues with them`] : []),
    `report: ${join(out, ABLATION_FILES.report)}`,
  ];
}

function exitCode(records: ReadonlyMap<string, CellRecord>, signal: number): number {
  if (signal !== EXIT.fine) return signal;
  const failed = [...records.values()].some(({ failure }) => failure !== null);
  return failed ? EXIT.gate : EXIT.fine;
}
