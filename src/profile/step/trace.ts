// A measured step as a trace: the host and the GPU on one clock, the memory in use, and arrows from
// where a pass was encoded to where it ran. Pure.
import type { Trace, TraceCounter, TraceFlow, TraceSlice } from "../../formats/chrome_trace.ts";
import { passTime_ms, type PassTime } from "../../gpu/timestamps.ts";
import type { PlannedDispatch } from "../../graph/prepare.ts";
import type { HostClock } from "./clock_sync.ts";
import type { HostPart, Span, StepMarks } from "./marks.ts";
import type { StepRun } from "./step_run.ts";

const CPU = "CPU";
const NEXT = "CPU: next batch";
const GPU = "GPU";
const LOOPED = 4;
const MEMORY = "live bytes";

/** A few steps that ran alone, one with a pass per dispatch, and a few of the loop. */
export function stepTrace(dispatches: readonly PlannedDispatch[], run: StepRun): Trace {
  const { shown, loop, clock } = run;
  const traces = [
    ...shown.map((marks) => serialStep(marks, dispatches, clock)),
    loopedSteps(loop.slice(0, LOOPED), clock),
  ];
  return {
    process: "ringdepth",
    threads: [CPU, NEXT, GPU],
    slices: traces.flatMap(({ slices }) => slices),
    counters: traces.flatMap(({ counters }) => counters),
    flows: traces.flatMap(({ flows }) => flows),
  };
}

type Piece = Pick<Trace, "slices" | "counters" | "flows">;

function serialStep(
  marks: StepMarks,
  dispatches: readonly PlannedDispatch[],
  clock: HostClock,
): Piece {
  const { parts, encoded_ms } = marks;
  const name = marks.passes.length === 1 ? "step" : "step, a pass for each dispatch";
  const passes = onHost(marks.passes, clock);
  const end_ms = passes.at(-1)!.end_ms;
  const slices: TraceSlice[] = [
    slice(CPU, name, marks),
    slice(CPU, "host: prepare", parts.prepare),
    ...submission(parts),
    ...reading(parts.read, end_ms),
    slice(CPU, "host: collect", parts.collect),
  ];
  const memory: TraceCounter[] = [
    counter("all buffers", marks.begin_ms, marks.live_bytes),
    counter("all buffers", marks.end_ms, marks.live_bytes),
  ];
  if (passes.length === 1) {
    slices.push(slice(GPU, "step", passes[0]));
    return { slices, counters: memory, flows: [arrow(parts.encode.begin_ms, passes[0])] };
  }
  slices.push(slice(GPU, name, { begin_ms: passes[0].begin_ms, end_ms }));
  const flows: TraceFlow[] = [];
  passes.forEach((pass, i) => {
    const { kernel, op, dispatch, cost, live_bytes } = dispatches[i];
    const encode = { begin_ms: encoded_ms[i], end_ms: encoded_ms[i + 1] ?? parts.encode.end_ms };
    const args = {
      op,
      grid: dispatch.grid.join("x"),
      flops: cost.flops,
      bytes: cost.bytes,
      time_us: 1000 * passTime_ms(marks.passes[i]),
    };
    slices.push(slice(CPU, kernel, encode), { ...slice(GPU, kernel, pass), args });
    memory.push(counter("intermediates", pass.begin_ms, live_bytes));
    flows.push(arrow(encode.begin_ms, pass));
  });
  memory.push(counter("intermediates", end_ms, 0));
  return { slices, counters: memory, flows };
}

/** Consecutive steps of the loop: each is read while the next one is running. */
function loopedSteps(steps: readonly StepMarks[], clock: HostClock): Piece {
  const pieces = steps.map((marks): Piece => {
    const { parts, live_bytes } = marks;
    const [pass] = onHost(marks.passes, clock);
    return {
      slices: [
        slice(CPU, "step of the loop", marks),
        slice(NEXT, "host: prepare", parts.prepare),
        ...submission(parts),
        slice(GPU, "step", pass),
        ...reading(parts.read, pass.end_ms),
        slice(CPU, "host: collect", parts.collect),
      ],
      counters: [counter("all buffers", marks.begin_ms, live_bytes)],
      flows: [arrow(parts.encode.begin_ms, pass)],
    };
  });
  return {
    slices: pieces.flatMap(({ slices }) => slices),
    counters: pieces.flatMap(({ counters }) => counters),
    flows: pieces.flatMap(({ flows }) => flows),
  };
}

function submission(parts: Readonly<Record<HostPart, Span>>): TraceSlice[] {
  return (["upload", "encode", "submit"] as const).map((name) => slice(CPU, name, parts[name]));
}

/** Waiting until the GPU is done, then reading back. */
function reading(read: Span, gpu_end_ms: number): TraceSlice[] {
  const done_ms = Math.min(read.end_ms, Math.max(read.begin_ms, gpu_end_ms));
  const wait = slice(CPU, "wait", { ...read, end_ms: done_ms });
  const readBack = slice(CPU, "read back", { ...read, begin_ms: done_ms });
  return done_ms > read.begin_ms ? [wait, readBack] : [readBack];
}

/** Passes on the host's clock. One that begins before the last one ended is shown after it. */
function onHost(passes: readonly PassTime[], clock: HostClock): Span[] {
  let last_ms = -Infinity;
  return passes.map(({ begin_ns, end_ns }) => {
    const begin_ms = Math.max(last_ms, clock.at_ms(begin_ns));
    const end_ms = Math.max(begin_ms, clock.at_ms(end_ns));
    last_ms = end_ms;
    return { begin_ms, end_ms };
  });
}

function slice(thread: string, name: string, { begin_ms, end_ms }: Span): TraceSlice {
  return { thread, name, begin_ms, end_ms };
}

function counter(series: string, at_ms: number, value: number): TraceCounter {
  return { name: MEMORY, series, at_ms, value };
}

function arrow(encoded_ms: number, pass: Span): TraceFlow {
  return {
    name: "encoded",
    from: { thread: CPU, at_ms: encoded_ms },
    to: { thread: GPU, at_ms: pass.begin_ms },
  };
}
