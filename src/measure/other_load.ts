// How much of the processor other programs take: what a software adapter measures meanwhile is not
// what it can do, and a program that holds a core for minutes takes the same from every time.
import { cpus } from "node:os";

/** Starts to watch; what it returns tells the share of all cores that others have had since. */
export function watchOthers(): () => number {
  const before = now();
  return () => {
    const after = now();
    const all = after.all_ms - before.all_ms;
    return all === 0 ? 0 : Math.max(0, after.others_ms - before.others_ms) / all;
  };
}

/** Time since the machine started, of all cores and of those busy with others. */
function now(): { readonly all_ms: number; readonly others_ms: number } {
  let [all, idle] = [0, 0];
  for (const { times } of cpus()) {
    idle += times.idle;
    for (const time of Object.values(times)) all += time;
  }
  const { user, system } = process.cpuUsage();
  return { all_ms: all, others_ms: all - idle - (user + system) / 1000 };
}
