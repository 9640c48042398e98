// Times of code paths on the host, by tinybench.
import { Bench } from "tinybench";

/** A code path on the host. */
export interface HostTask {
  readonly name: string;
  readonly run: () => unknown;
}

/** The time that a path takes. */
export interface HostRow {
  readonly name: string;
  readonly median_ms: number;
  readonly p75_ms: number;
  readonly p99_ms: number;
  /** Runs per second, from the median time. */
  readonly rate_hz: number;
  readonly samples: number;
}

/** Times each task for at least `time_s`, after warming it up; rethrows a task's error. */
export async function timeTasks(tasks: readonly HostTask[], time_s: number): Promise<HostRow[]> {
  const time = 1000 * time_s;
  const bench = new Bench({
    time,
    iterations: 5,
    warmupTime: time / 4,
    warmupIterations: 2,
    throws: true,
  });
  for (const { name, run } of tasks) bench.add(name, run);
  await bench.run();
  return bench.tasks.map(({ name, result }) => {
    if (!("latency" in result)) throw new Error(`${name}: was not timed`);
    const { p50, p75, p99, samplesCount: samples } = result.latency;
    return {
      name,
      median_ms: p50,
      p75_ms: p75,
      p99_ms: p99,
      rate_hz: 1000 / p50,
      samples,
    };
  });
}
