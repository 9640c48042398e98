// `ringdepth bench relation`: the view relation, stored and computed tile by tile.
import type { Command } from "commander";
import { InterruptedError } from "../../measure/measure.ts";
import type { Direction } from "../../profile/bench/plan_bench.ts";
import {
  benchRelation,
  relationName,
  type RelationProblem,
  type RelationRow,
} from "../../profile/bench/relation_bench.ts";
import {
  benchFile,
  benchOptions,
  listOf,
  oneOf,
  runBench,
  turnOptions,
  writeBench,
  type TurnOptions,
} from "./bench_run.ts";
import { GATE_HELP } from "../terminal/result_options.ts";
import { concludeBench } from "./saved_bench.ts";
import { agreementLine, wayCells, wayHead, withoutSamples } from "./table.ts";
import { wayLines } from "./verdicts.ts";
import type { CommandContext } from "../terminal/define.ts";
import { headline, timeRemarks } from "../../measure/text.ts";
import { EXIT } from "../terminal/exit_code.ts";
import { wholeNumber } from "../terminal/options.ts";
import type { Table } from "../terminal/table.ts";

interface RelationOptions extends TurnOptions {
  readonly tokens?: readonly number[];
  readonly features?: readonly number[];
  readonly direction?: readonly Direction[];
  readonly gate?: boolean;
}

const DIRECTIONS = ["forward", "backward", "both"] as const;

/** Defines the command under `bench`. */
export function defineBenchRelation(parent: Command, context: CommandContext): void {
  const command = parent
    .command("relation")
    .option("--tokens <list>", "numbers of tokens per view", listOf(wholeNumber("--tokens", 1)))
    .option(
      "--features <list>",
      "numbers of features per token",
      listOf(wholeNumber("--features", 1)),
    )
    .option(
      "--direction <list>",
      `passes to time: ${DIRECTIONS.join(", ")}`,
      listOf(oneOf("--direction", DIRECTIONS)),
    )
    .option("--quick", "only the first problem")
    .option("--gate", GATE_HELP);
  benchOptions(turnOptions(command), "ringdepth bench relation --tokens 240");
  command.action(async (options: RelationOptions) => {
    const problems = await chooseProblems(options);
    await runBench(context, options, async ({ output, surroundings, ...run }) => {
      const { bench, ceilings, environment, progress } = run;
      const date = new Date().toISOString();
      const { direction = DIRECTIONS } = options;
      const rows = await benchRelation(bench, ceilings, problems, direction, progress);
      for (const { error } of rows) if (error !== "") output.warn(error);
      const interrupted = run.signal.aborted;
      if (interrupted && rows.length === 0) throw new InterruptedError("interrupted");
      // A partial result never replaces a file.
      const shown = interrupted ? { ...options, output: undefined } : options;
      const settings = bench.settings;
      const written = rows.map(withoutSamples);
      const answer = wayLines(rows, (row) => `${relationName(row)}, ${row.direction}`);
      await writeBench(surroundings, output, shown, {
        value: {
          date,
          environment,
          ceilings,
          settings,
          rows: written,
          ...(interrupted && { interrupted }),
        },
        table: relationTable(rows),
        rows: written,
        lead: [...(interrupted ? ["interrupted: not all problems were measured"] : []), ...answer],
        notes: [headline(environment, date), agreementLine(rows), ...timeRemarks(rows, run.load())],
      });
      const named = rows.map((row) => ({
        way: row.way,
        case: `${relationName(row)}, ${row.direction}`,
        row,
      }));
      const failed = await concludeBench({ output, surroundings, ...run }, options, date, named, {
        name: "relation",
        findings: answer,
      });
      if (rows.some(({ error }) => error !== "")) return EXIT.wrong;
      return failed ? EXIT.gate : EXIT.fine;
    });
  });
}

/** The problems of the file, with the tokens and features of the command line where given. */
async function chooseProblems({
  tokens,
  features,
  quick,
}: RelationOptions): Promise<RelationProblem[]> {
  const { cases } = await benchFile<{ readonly cases: readonly RelationProblem[] }>("relation");
  const values = (
    given: readonly number[] | undefined,
    of: (problem: RelationProblem) => number,
  ): readonly number[] => given ?? [...new Set(cases.map(of))];
  const all = values(tokens, (problem) => problem.tokens).flatMap((count) =>
    values(features, (problem) => problem.features).map((width) => ({
      ...cases[0],
      tokens: count,
      features: width,
    })),
  );
  return quick === true ? all.slice(0, 1) : all;
}

function relationTable(rows: readonly RelationRow[]): Table {
  return {
    head: ["views x tokens x features", "direction", "level", ...wayHead("stored")],
    rows: rows.map((row) => [relationName(row), row.direction, row.way, ...wayCells(row)]),
  };
}
