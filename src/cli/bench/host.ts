// `ringdepth bench host`: times the CPU's work for a step, and reading and writing a student.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import type { ImageSize } from "../../data/camera.ts";
import { timerQuantum_ns } from "../../gpu/timestamps.ts";
import { describeEnvironment } from "../../measure/environment.ts";
import { timeTasks, type HostRow } from "../../profile/bench/host_bench.ts";
import { headline, rateText, timeText } from "../../measure/text.ts";
import { STUDENT_NAMES, type StudentName } from "../../student/student.ts";
import { resolveConfig } from "../../train/config.ts";
import { hostTasks } from "../../profile/bench/host_tasks.ts";
import { withGpu } from "../terminal/adapter.ts";
import { benchOptions, benchOutput, writeBench, type BenchOptions } from "./bench_run.ts";
import type { CommandContext } from "../terminal/define.ts";
import { EXIT } from "../terminal/exit_code.ts";
import { imageSize, positiveNumber, studentName } from "../terminal/options.ts";
import type { Table } from "../terminal/table.ts";

interface HostOptions extends BenchOptions {
  readonly student?: StudentName;
  readonly size?: ImageSize;
  readonly time?: number;
}

/** Defines the command under `bench`. */
export function defineBenchHost(parent: Command, { surroundings, exit }: CommandContext): void {
  const command = parent
    .command("host")
    .option("--student <name>", `${STUDENT_NAMES} (default: nano)`, studentName)
    .option("--size <HxW>", "image size (default: 96x160)", imageSize)
    .option(
      "--time <s>",
      "minimum seconds of timing per task (default: 1)",
      positiveNumber("--time"),
    );
  benchOptions(command, "ringdepth bench host --json");
  command.action(async (options: HostOptions) => {
    const output = benchOutput(surroundings, options);
    const { student, size, time = 1 } = options;
    const config = resolveConfig({ student, size }, "command line");
    exit(
      await withGpu(surroundings, output, options.adapter, async (gpu) => {
        const environment = await describeEnvironment(gpu, await timerQuantum_ns(gpu));
        const date = new Date().toISOString();
        const folder = await mkdtemp(join(tmpdir(), "ringdepth-bench-"));
        try {
          const { tasks, destroy } = await hostTasks(gpu, config, folder);
          output.progress(`${tasks.length} tasks, about ${time} s each`, true);
          const rows = await timeTasks(tasks, time);
          destroy();
          await writeBench(surroundings, output, options, {
            value: { date, environment, student: config.student, size: config.size, rows },
            table: hostTable(rows),
            rows,
            notes: [headline(environment, date)],
          });
        } finally {
          await rm(folder, { recursive: true });
        }
        return EXIT.fine;
      }),
    );
  });
}

function hostTable(rows: readonly HostRow[]): Table {
  return {
    head: ["path", "p50", "p75", "p99", "runs/s", "samples"],
    rows: rows.map((row) => [
      row.name,
      timeText(row.median_ms),
      timeText(row.p75_ms),
      timeText(row.p99_ms),
      rateText(row.rate_hz),
      String(row.samples),
    ]),
  };
}
