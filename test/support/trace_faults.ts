// Checks a trace by the rules of its viewers: slices of a thread nest, arrows begin and end within
// slices, counters are numbers in order of time, everything has a name.

/** One event, as in the file. */
interface TraceEvent {
  readonly ph: string;
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts?: number;
  readonly dur?: number;
  readonly id?: number;
  readonly bp?: string;
  readonly args?: Readonly<Record<string, unknown>>;
}

/** The events of a file. */
export function readTrace(bytes: Uint8Array): TraceEvent[] {
  const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  return (JSON.parse(text) as { readonly traceEvents: TraceEvent[] }).traceEvents;
}

/** The faults of a trace; empty if there are none. */
export function traceFaults(events: readonly TraceEvent[]): string[] {
  const threads = new Map<number, string>();
  const faults: string[] = [];
  for (const { ph, name, tid, args } of events) {
    if (ph === "M" && name === "thread_name") threads.set(tid, String(args?.["name"]));
  }
  if (!events.some(({ ph, name }) => ph === "M" && name === "process_name")) {
    faults.push("no process_name");
  }
  const timed = events.filter(({ ph }) => ph !== "M");
  for (const { name, ts } of timed) {
    // Perfetto cuts microseconds to whole nanoseconds: only such times survive unchanged.
    if (!Number.isInteger(1000 * (ts ?? Number.NaN))) faults.push(`${name}: time ${ts}`);
  }
  timed.forEach(({ name, ts }, i) => {
    if (i > 0 && ts! < timed[i - 1].ts!) faults.push(`${name} at ${ts}: out of order`);
  });
  const slices = timed.filter(({ ph }) => ph === "X");
  for (const { name, tid, dur } of slices) {
    if (!threads.has(tid)) faults.push(`${name}: thread ${tid} has no name`);
    if (!((dur ?? -1) >= 0)) faults.push(`${name}: lasts ${dur}`);
  }
  for (const tid of threads.keys()) {
    faults.push(...crossings(slices.filter((slice) => slice.tid === tid)));
  }
  return [...faults, ...badFlows(timed, slices), ...badCounters(timed)];
}

/** Slices of one thread, in file order, that begin within another and end outside it. */
function crossings(slices: readonly TraceEvent[]): string[] {
  const open: { readonly name: string; readonly end: number }[] = [];
  const faults: string[] = [];
  for (const { name, ts, dur } of slices) {
    const end = ts! + dur!;
    while (open.length > 0 && open.at(-1)!.end <= ts!) open.pop();
    const outer = open.at(-1);
    if (outer !== undefined && end > outer.end)
      faults.push(`${name} crosses the end of ${outer.name}`);
    open.push({ name, end });
  }
  return faults;
}

function badFlows(timed: readonly TraceEvent[], slices: readonly TraceEvent[]): string[] {
  const faults: string[] = [];
  const inSlice = ({ tid, ts }: TraceEvent): boolean =>
    slices.some((s) => s.tid === tid && s.ts! <= ts! && ts! <= s.ts! + s.dur!);
  const [begins, ends] = ["s", "f"].map(
    (kind) => new Map(timed.filter(({ ph }) => ph === kind).map((event) => [event.id, event])),
  );
  const ids = new Set([...begins.keys(), ...ends.keys()]);
  for (const id of ids) {
    const [begin, end] = [begins.get(id), ends.get(id)];
    if (begin === undefined || end === undefined) {
      faults.push(`flow ${id} has no ${begin === undefined ? "begin" : "end"}`);
      continue;
    }
    if (end.ts! < begin.ts!) faults.push(`flow ${id} ends before it begins`);
    if (end.bp !== "e") faults.push(`flow ${id} is tied to the next slice`);
    if (!inSlice(begin) || !inSlice(end)) faults.push(`flow ${id} is tied to no slice`);
  }
  const flows = timed.filter(({ ph }) => ph === "s" || ph === "f");
  if (flows.length !== begins.size + ends.size) faults.push("two flows have one id");
  return faults;
}

function badCounters(timed: readonly TraceEvent[]): string[] {
  return timed
    .filter(({ ph }) => ph === "C")
    .flatMap(({ name, args = {} }) => {
      const values = Object.values(args);
      return values.length > 0 && values.every(Number.isFinite) ? [] : [`${name}: no number`];
    });
}
