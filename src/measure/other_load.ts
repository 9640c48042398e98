// The processor share of other programs: on a software adapter, a time measured under such load
// does not show what the adapter can do, and a program that occupies a core for minutes slows every
// time equally.
import { cpus } from "node:os";

/**
 * Starts to watch; the returned function gives the share of all cores that others have used since.
 */
export function watchOthers(): () => number {
  const before = now();
  return () => {
    const after = now();
    const all = after.all_ms - before.all_ms;
    return all === 0 ? 0 : Math.max(0, after.others_ms - before.others_ms) / all;
  };
}

/** Time since the machine started, for all cores, and the part spent on other programs. */
function now(): { readonly all_ms: number; readonly others_ms: number } {
  let [all, idle] = [0, 0];
  for (const { times } of cpus()) {
    idle += times.idle;
    for (const time of Object.values(times)) all += time;
  }
  const { user, system } = process.cpuUsage();
  return { all_ms: all, others_ms: all - idle - (user + system) / 1000 };
}
