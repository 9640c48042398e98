// `ringdepth bench bins`: compares the levels of the bin decode, with verdicts and a picture.
import type { Command } from "commander";
import { writeFileAtomically } from "../../formats/atomic_file.ts";
import {
  benchBins,
  binProblems,
  problemName,
  featureProblems,
  type BinAxes,
  type BinChoice,
  type BinRow,
  type FeatureAxes,
} from "../../profile/bench/bins_bench.ts";
import { checkHardRows, type HardRowsCheck } from "../../profile/bench/bins_check.ts";
import type { BinLevel, BinProblem, BinStudent } from "../../profile/bench/bins_problem.ts";
import { binLosses, binVerdicts } from "../../profile/bench/bins_verdicts.ts";
import { InterruptedError } from "../../measure/measure.ts";
import type { Direction } from "../../profile/bench/plan_bench.ts";
import { binsPicture } from "../../profile/page/bench_picture.ts";
import { InputError } from "../../tensor/error.ts";
import { withGpu } from "../terminal/adapter.ts";
import {
  benchFile,
  benchOptions,
  benchOutput,
  listOf,
  oneOf,
  runBench,
  turnOptions,
  writeBench,
  type TurnOptions,
} from "./bench_run.ts";
import { concludeBench } from "./saved_bench.ts";
import { agreementLine, wayCells, wayHead, withoutSamples } from "./table.ts";
import { binsAnswer, lossLine, verdictLine } from "./verdicts.ts";
import type { CommandContext } from "../terminal/define.ts";
import { benchWholeStep, WHOLE_STEP } from "./whole_step.ts";
import { headline, timeRemarks } from "../../measure/text.ts";
import { EXIT } from "../terminal/exit_code.ts";
import { writeAll } from "../terminal/output_file.ts";
import { movedOption, wholeNumber } from "../terminal/options.ts";
import type { Surroundings } from "../terminal/surroundings.ts";
import type { Table } from "../terminal/table.ts";

interface BinsOptions extends TurnOptions {
  readonly bins?: readonly number[];
  readonly size?: BinAxes["sizes"];
  readonly level?: readonly BinLevel[];
  readonly direction?: readonly Direction[];
  readonly from?: readonly BinStudent[];
  readonly centers?: readonly BinProblem["centers"][];
  readonly check?: boolean;
  readonly gate?: boolean;
  readonly svg?: string;
}

/** bench/bins.bench.ts. */
interface BinsFile {
  readonly axes: BinAxes;
  readonly featureAxes: FeatureAxes;
  readonly quick: Pick<BinAxes, "sizes" | "bins"> & Pick<FeatureAxes, "channels">;
}

const LEVEL_NUMBERS: readonly BinLevel[] = [0, 1, 2, 3];
const DIRECTIONS = ["forward", "backward", "both"] as const;
const INPUTS = ["logits", "binomial", "features"] as const;
const CENTERS = ["image", "pixel"] as const;
const NOT_CHECKED = ["size", "level", "direction", "from", "centers", "svg", "quick"] as const;

const HELP = `
Levels (level 0 always runs: the others are compared with it):
  0  one kernel per stage: 1x1 convolution, softmax, expectation, losses
  1  one kernel from logits, or from (pi, t) of a log-binomial, to depth
  2  as 1, with the 1x1 convolution in the same kernel (needs --from features)
  3  one kernel for depth, cross depth and divergence, one for all gradients
Directions:
  forward   depth only
  backward  the gradients of a step
  both      a whole step: depth, cross depth, SILog, divergence and all gradients
            (--from features: depth and its gradients)
Where no option narrows the problems, a whole training step of nano is timed too, stored and fused.`;

/** Defines the command under `bench`. */
export function defineBenchBins(parent: Command, context: CommandContext): void {
  const command = parent
    .command("bins")
    .option("--bins <list>", "numbers of bins, such as 64,128", listOf(wholeNumber("--bins", 2)))
    .option("--size <list>", "pixels per view, such as 48x80", listOf(pixelSize))
    .option("--level <list>", "levels of fusing: 0, 1, 2, 3", listOf(level))
    .option(
      "--direction <list>",
      `passes to time: ${DIRECTIONS.join(", ")}`,
      listOf(oneOf("--direction", DIRECTIONS)),
    )
    .option(
      "--from <list>",
      `inputs of the decode: ${INPUTS.join(", ")}`,
      listOf(oneOf("--from", INPUTS)),
    )
    .option(
      "--centers <list>",
      `bin centres per image or per pixel: ${CENTERS.join(", ")}`,
      listOf(oneOf("--centers", CENTERS)),
    )
    .option("--quick", "one size and two numbers of bins")
    .option("--check", "check all levels against f64 on difficult inputs; time nothing")
    .option(
      "--gate",
      "exit with code 1 if a claim about fusing is not met (an AMBIGUOUS one passes), or a row is SLOW",
    )
    .option("--svg <file>", "draw time and memory against the number of bins")
    .addHelpText("after", HELP);
  movedOption(command, "--student <list>", "--from logits, binomial or features");
  benchOptions(
    turnOptions(command),
    "ringdepth bench bins --quick\n  ringdepth bench bins --bins 64,128 --from binomial --json",
  );
  command.action(async (options: BinsOptions) => {
    if (options.check === true) {
      const stray = NOT_CHECKED.find((name) => options[name] !== undefined);
      if (stray !== undefined) throw new InputError(`--${stray} cannot be combined with --check`);
      await check(context, options);
      return;
    }
    const choice = await chooseBins(options);
    await runBench(context, options, async ({ output, surroundings, ...run }) => {
      const { bench, ceilings, environment, progress } = run;
      const date = new Date().toISOString();
      const rows = await benchBins(bench, ceilings, choice, progress);
      for (const error of new Set(rows.map((row) => row.error))) {
        if (error !== "") output.warn(error);
      }
      const step = isNarrowed(options) ? [] : await benchWholeStep(run);
      for (const { error } of step) if (error !== "") output.warn(error);
      const interrupted = run.signal.aborted;
      if (interrupted && rows.length === 0) throw new InterruptedError("interrupted");
      const [verdicts, losses] = [binVerdicts(rows), binLosses(rows)];
      const answer = [
        binsAnswer(rows, verdicts, losses, step),
        ...verdicts.map(verdictLine),
        ...losses.map(lossLine),
      ];
      // A partial result never replaces a file.
      const { svg, ...shown } = interrupted
        ? { ...options, svg: undefined, output: undefined }
        : options;
      const settings = bench.settings;
      const written = rows.map(withoutSamples);
      await writeAll(
        async () =>
          await writeBench(surroundings, output, shown, {
            value: {
              date,
              environment,
              ceilings,
              settings,
              rows: written,
              verdicts,
              losses,
              step: step.map(withoutSamples),
              ...(interrupted && { interrupted }),
            },
            table: binsTable(rows),
            rows: written,
            lead: [
              ...(interrupted ? ["interrupted: not all problems were measured"] : []),
              ...answer,
            ],
            notes: [
              headline(environment, date),
              agreementLine(rows),
              ...timeRemarks(rows, run.load()),
              ...answer,
            ].filter((line) => line !== ""),
          }),
        async () => {
          if (svg === undefined) return;
          const kind = environment.software ? " (software adapter)" : "";
          const title = `${environment.adapter}${kind}, ${date.slice(0, 10)}`;
          await writeFileAtomically(svg, Buffer.from(binsPicture(rows, title)));
          output.say(`picture written to ${svg}`);
        },
      );
      const named = [
        ...rows.map((row) => ({
          way: `level ${row.level}`,
          case: `${problemName(row)}, ${row.direction}`,
          row,
        })),
        ...step.map((row) => ({ way: row.way, case: WHOLE_STEP, row })),
      ];
      const failed = await concludeBench({ output, surroundings, ...run }, options, date, named, {
        name: "bins",
        findings: answer,
      });
      if ([...rows, ...step].some(({ error }) => error !== "")) return EXIT.wrong;
      const missed = verdicts.some(({ verdict }) => verdict === "not met" || verdict === "WRONG");
      return failed || (options.gate === true && missed) ? EXIT.gate : EXIT.fine;
    });
  });
}

const AXES = ["bins", "size", "level", "direction", "from", "centers"] as const;

/** Whether a part of the problems was chosen: a whole training step does not belong to its answer. */
function isNarrowed(options: BinsOptions): boolean {
  return AXES.some((axis) => options[axis] !== undefined);
}

/** The axes of the file, replaced by those of the command line where given. */
async function chooseBins(options: BinsOptions): Promise<BinChoice> {
  const file = await benchFile<BinsFile>("bins");
  const given = {
    ...(options.quick === true && file.quick),
    ...(options.bins !== undefined && { bins: options.bins }),
    ...(options.size !== undefined && { sizes: options.size }),
  };
  const { from: inputs = INPUTS, centers, direction: directions = DIRECTIONS } = options;
  const wanted = options.level ?? LEVEL_NUMBERS;
  const levels = LEVEL_NUMBERS.filter((one) => one === 0 || wanted.includes(one));
  const plain = inputs.filter((input) => input !== "features");
  const problems = binProblems({
    ...file.axes,
    ...given,
    students: plain,
    ...(centers !== undefined && { centers }),
  });
  const fromFeatures =
    inputs.includes("features") && levels.includes(2) && centers?.includes("image") !== false;
  if (fromFeatures) problems.push(...featureProblems({ ...file.featureAxes, ...given }));
  if (problems.length === 0) {
    throw new InputError("no problem matches: --from features needs --level 2 and --centers image");
  }
  if (options.svg !== undefined && (!directions.includes("both") || plain.length === 0)) {
    throw new InputError(
      "--svg draws whole steps: it needs --direction both and --from logits or binomial",
    );
  }
  return { problems, levels, directions };
}

async function check({ surroundings, exit }: CommandContext, options: BinsOptions): Promise<void> {
  const output = benchOutput(surroundings, options);
  exit(
    await withGpu(surroundings, output, options.adapter, async (gpu) => {
      const checks = await checkHardRows(gpu, options.bins ?? [64, 128], (line) =>
        output.progress(line, false),
      );
      for (const { error } of checks) if (error !== "") output.warn(error);
      await writeChecks(surroundings, options, checks);
      return checks.some(({ error }) => error !== "") ? EXIT.wrong : EXIT.fine;
    }),
  );
}

async function writeChecks(
  surroundings: Surroundings,
  options: BinsOptions,
  checks: readonly HardRowsCheck[],
): Promise<void> {
  const text = (error: number | null): string => (error === null ? "" : error.toExponential(1));
  const table: Table = {
    head: ["inputs", "pixels", "bins", "centres", "level", "ok", "depth error", "gradient error"],
    rows: checks.map((row) => [
      row.rows,
      String(row.count),
      String(row.bins),
      row.centers,
      String(row.level),
      row.error === "" ? "yes" : "WRONG",
      text(row.depth_error),
      text(row.gradient_error),
    ]),
  };
  const notes = LEVEL_NUMBERS.map((of) => {
    const own = checks.filter((row) => row.level === of);
    const count = own.reduce((sum, row) => sum + row.count, 0);
    const worst = (field: "depth_error" | "gradient_error"): string =>
      text(Math.max(...own.map((row) => row[field] ?? 0)));
    return (
      `level ${of}: ${count} pixels checked in f64, largest relative error: ` +
      `depth ${worst("depth_error")}, gradients ${worst("gradient_error")}`
    );
  });
  await writeBench(surroundings, benchOutput(surroundings, options), options, {
    value: checks,
    table,
    rows: checks,
    notes,
  });
}

function binsTable(rows: readonly BinRow[]): Table {
  const names = { logits: "logits", binomial: "(pi, t)", features: "features" } as const;
  return {
    head: ["from", "centres", "size", "bins", "direction", "level", ...wayHead("level 0")],
    rows: rows.map((row) => [
      row.student === "features" ? `${row.channels} features` : names[row.student],
      row.centers,
      `${row.views}x${row.height}x${row.width}`,
      String(row.bins),
      row.direction,
      String(row.level),
      ...wayCells(row),
    ]),
  };
}

function level(text: string): BinLevel {
  const found = LEVEL_NUMBERS.find((one) => String(one) === text);
  if (found === undefined) {
    throw new InputError(`--level ${text}: expected ${LEVEL_NUMBERS.join(", ")}`);
  }
  return found;
}

/** Reads HEIGHTxWIDTH; any whole numbers are allowed. */
function pixelSize(text: string): BinAxes["sizes"][number] {
  const [, height, width] = /^([1-9]\d*)x([1-9]\d*)$/.exec(text) ?? [];
  if (width === undefined) throw new InputError(`--size ${text}: expected HEIGHTxWIDTH`);
  return { height: Number(height), width: Number(width) };
}
