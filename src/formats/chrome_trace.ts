// Traces in Chrome's JSON format, for ui.perfetto.dev and chrome://tracing: slices on threads,
// counters, and arrows from one slice to another. Times come in milliseconds.
// Source: "Trace Event Format" of the Chromium project.

/** A slice of time on a thread; two slices of one thread are nested or disjoint. */
export interface TraceSlice {
  readonly thread: string;
  readonly name: string;
  readonly begin_ms: number;
  readonly end_ms: number;
  readonly args?: Readonly<Record<string, string | number>>;
}

/** A value from a point in time on. */
export interface TraceCounter {
  readonly name: string;
  /** The counted quantities, in their unit. */
  readonly series: string;
  readonly at_ms: number;
  readonly value: number;
}

/** An arrow between the innermost slices that contain its ends. */
export interface TraceFlow {
  readonly name: string;
  readonly from: { readonly thread: string; readonly at_ms: number };
  readonly to: { readonly thread: string; readonly at_ms: number };
}

/** The events of one process. */
export interface Trace {
  readonly process: string;
  /** In the order they are shown. */
  readonly threads: readonly string[];
  readonly slices: readonly TraceSlice[];
  readonly counters: readonly TraceCounter[];
  readonly flows: readonly TraceFlow[];
}

interface Event {
  readonly ph: "X" | "C" | "s" | "f";
  readonly ts: number;
  readonly dur?: number;
  readonly tid: number;
  readonly [field: string]: unknown;
}

const PID = 1;
// Times are written in eighths of a microsecond: binary fractions, so that every reader finds the
// same sum of begin and duration, and slices that touch do not overlap.
const PER_MS = 8000;

/**
 * A trace as the bytes of a file; throws if a slice or an arrow is on a thread that the trace does
 * not have.
 */
export function encodeTrace(trace: Trace): Uint8Array {
  const { process, threads, slices, counters, flows } = trace;
  const tidOf = (thread: string): number => {
    const index = threads.indexOf(thread);
    if (index < 0) throw new Error(`trace: no thread ${JSON.stringify(thread)}`);
    return index + 1;
  };
  const times = [...slices.map(({ begin_ms }) => begin_ms), ...counters.map(({ at_ms }) => at_ms)];
  const start_ms = times.reduce((least, time) => Math.min(least, time), Infinity);
  const ticks = (time_ms: number): number => Math.round((time_ms - start_ms) * PER_MS);
  const at = (time_ms: number): number => ticks(time_ms) / 8;
  const events: Event[] = [
    ...slices.map(({ thread, name, begin_ms, end_ms, args = {} }): Event => {
      const dur = (ticks(end_ms) - ticks(begin_ms)) / 8;
      return { ph: "X", ts: at(begin_ms), dur, tid: tidOf(thread), name, args };
    }),
    ...counters.map(({ name, series, at_ms, value }): Event => ({
      ph: "C",
      ts: at(at_ms),
      tid: 0,
      name,
      args: { [series]: value },
    })),
    ...flows.flatMap(({ name, from, to }, id): Event[] => {
      const both = { name, cat: "flow", id: id + 1 };
      return [
        { ph: "s", ts: at(from.at_ms), tid: tidOf(from.thread), ...both },
        // Bound to the slice that contains it, not to the next one.
        { ph: "f", bp: "e", ts: at(to.at_ms), tid: tidOf(to.thread), ...both },
      ];
    }),
  ];
  // Readers take a slice as part of the one before that is still open: the outer one comes first,
  // and an arrow after the slice it is tied to.
  events.sort((a, b) => a.ts - b.ts || rank(a) - rank(b) || (b.dur ?? 0) - (a.dur ?? 0));
  const metadata = [
    { ph: "M", name: "process_name", tid: 0, args: { name: process } },
    ...threads.flatMap((name, i) => [
      { ph: "M", name: "thread_name", tid: i + 1, args: { name } },
      { ph: "M", name: "thread_sort_index", tid: i + 1, args: { sort_index: i + 1 } },
    ]),
  ];
  const lines = [...metadata, ...events].map((event) => JSON.stringify({ pid: PID, ...event }));
  const text = `{"displayTimeUnit":"ms","traceEvents":[\n${lines.join(",\n")}\n]}\n`;
  return new TextEncoder().encode(text);
}

function rank({ ph }: Event): number {
  return ph === "X" || ph === "C" ? 0 : 1;
}
