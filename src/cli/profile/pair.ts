// `ringdepth profile --ab`: two kernels timed interleaved.
import { timerQuantum_ns } from "../../gpu/timestamps.ts";
import { describeEnvironment } from "../../measure/environment.ts";
import { prepareBench, using } from "../../measure/measure.ts";
import { profilePair, type PairRow } from "../../measure/run_profile.ts";
import { summarizeTiming } from "../../measure/summary.ts";
import { intervalText, timeText, verdictText } from "../../measure/text.ts";
import { ZEROS_WARNING } from "../../profile/kernel/data.ts";
import { choosePair } from "../../profile/kernel/targets.ts";
import { EXIT } from "../terminal/exit_code.ts";
import { writeResult } from "../terminal/result.ts";
import { THRESHOLD, type ProfileRun } from "./run.ts";
import type { Table } from "../terminal/table.ts";
import { type ProfileOptions, settingsOf } from "./request.ts";

/** Times two kernels interleaved; returns the exit code. */
export async function profileTwo(
  run: ProfileRun<ProfileOptions>,
  names: readonly string[],
): Promise<number> {
  const { gpu, output, surroundings, options } = run;
  const { threshold = THRESHOLD } = options;
  const pair = await choosePair(gpu, names, options);
  if (options.data === "zeros") output.warn(ZEROS_WARNING);
  const quantum_ns = await timerQuantum_ns(gpu);
  const bench = await prepareBench(gpu, quantum_ns, settingsOf(options, 100), false);
  const rows = await using(bench, async () =>
    profilePair(bench, pair.kernels, pair.problems, threshold, (line) =>
      output.progress(line, false),
    ),
  );
  for (const { error } of rows) if (error !== "") output.warn(error);
  const table = pairTable(names, rows);
  const environment = await describeEnvironment(gpu, quantum_ns);
  await writeResult(surroundings, output, options, {
    value: { environment, a: names[0], b: names[1], threshold, rows: rows.map(pairValue) },
    table,
    csv: table,
  });
  if (rows.some(({ error }) => error !== "")) return EXIT.wrong;
  const slow = rows.some(({ timing }) => timing?.comparison.verdict === "SLOW");
  return options.gate === true && slow ? EXIT.gate : EXIT.fine;
}

function pairTable(names: readonly string[], rows: readonly PairRow[]): Table {
  return {
    head: ["case", `A ${names[0]}`, `B ${names[1]}`, "pairs", "B against A", "verdict"],
    rows: rows.map(({ case: name, timing }) => {
      if (timing === null) return [name, "WRONG", "", "", "", ""];
      const { a, b, comparison } = timing;
      const times = [a, b].map((t) => timeText(summarizeTiming(t).median_ms));
      const pairs = String(a.samples_ms.length);
      const verdict = a.trusted && b.trusted ? verdictText(comparison) : "? too short";
      return [name, ...times, pairs, intervalText(comparison.change), verdict];
    }),
  };
}

function pairValue({ case: name, error, timing }: PairRow): unknown {
  if (timing === null) return { case: name, ok: false, error };
  const { a, b, comparison } = timing;
  const side = (t: typeof a): unknown => ({ ...summarizeTiming(t), samples_ms: t.samples_ms });
  return { case: name, ok: true, error, a: side(a), b: side(b), ...comparison };
}
