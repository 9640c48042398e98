// Traces: what is written is what was given, and the rules that the validator of the tests holds.
import { expect, test } from "vitest";
import { encodeTrace, type Trace } from "../../src/formats/chrome_trace.ts";
import { readTrace, traceFaults } from "../support/trace_faults.ts";

const TRACE: Trace = {
  process: "engine",
  threads: ["CPU", "GPU"],
  slices: [
    // Children before their parent, so that the order of the file is the writer's.
    { thread: "CPU", name: "encode", begin_ms: 1000.1, end_ms: 1000.3 },
    { thread: "CPU", name: "submit", begin_ms: 1000.3, end_ms: 1000.5 },
    { thread: "CPU", name: "step", begin_ms: 1000.1, end_ms: 1000.5 },
    { thread: "GPU", name: "pass", begin_ms: 1000.4, end_ms: 1002, args: { op: "relu", flops: 7 } },
  ],
  counters: [
    { name: "live bytes", series: "buffers", at_ms: 1000.2, value: 256 },
    { name: "live bytes", series: "buffers", at_ms: 1000.1, value: 128 },
  ],
  flows: [
    {
      name: "encoded",
      from: { thread: "CPU", at_ms: 1000.1 },
      to: { thread: "GPU", at_ms: 1000.4 },
    },
  ],
};

test("slices, counters and flows lie in order of time, in microseconds from the first", () => {
  const events = readTrace(encodeTrace(TRACE));
  expect(traceFaults(events)).toEqual([]);
  const shown = events
    .filter(({ ph }) => ph !== "M")
    .map(({ ph, name, ts, dur }) => [ph, name, ts, dur]);
  expect(shown).toEqual([
    ["X", "step", 0, 400],
    ["X", "encode", 0, 200],
    ["C", "live bytes", 0, undefined],
    ["s", "encoded", 0, undefined],
    ["C", "live bytes", 100, undefined],
    ["X", "submit", 200, 200],
    ["X", "pass", 300, 1600],
    ["f", "encoded", 300, undefined],
  ]);
});

test("process and threads are named, the threads in order, and args are kept", () => {
  const events = readTrace(encodeTrace(TRACE));
  const named = events
    .filter(({ ph }) => ph === "M")
    .map(({ name, tid, args }) => [name, tid, args]);
  expect(named).toEqual([
    ["process_name", 0, { name: "engine" }],
    ["thread_name", 1, { name: "CPU" }],
    ["thread_sort_index", 1, { sort_index: 1 }],
    ["thread_name", 2, { name: "GPU" }],
    ["thread_sort_index", 2, { sort_index: 2 }],
  ]);
  expect(events.find(({ name }) => name === "pass")?.args).toEqual({ op: "relu", flops: 7 });
});

test("slices that touch stay apart at any time of day, however short they are", () => {
  const slices = Array.from({ length: 1000 }, (_, i) => ({
    thread: "GPU",
    name: `pass ${i}`,
    begin_ms: 86_400_000.1 + i / 3000,
    end_ms: 86_400_000.1 + (i + 1) / 3000,
  }));
  const whole = {
    thread: "GPU",
    name: "all",
    begin_ms: slices[0].begin_ms,
    end_ms: slices.at(-1)!.end_ms,
  };
  const trace = { ...TRACE, slices: [...slices, whole], counters: [], flows: [] };
  expect(traceFaults(readTrace(encodeTrace(trace)))).toEqual([]);
});

test("a slice on a thread that is not listed is a fault of the program", () => {
  const slices = [{ thread: "DSP", name: "pass", begin_ms: 0, end_ms: 1 }];
  expect(() => encodeTrace({ ...TRACE, slices })).toThrow('trace: no thread "DSP"');
});

/** The faults of the trace with some of its parts replaced. */
function faultsWith(more: Partial<Trace>): string[] {
  return traceFaults(readTrace(encodeTrace({ ...TRACE, ...more })));
}

test("the validator finds slices that cross, and arrows that hang in the air", () => {
  const [encode, submit, step, pass] = TRACE.slices;
  const late = { ...submit, end_ms: 1000.6 };
  expect(faultsWith({ slices: [encode, late, step, pass] })).toEqual([
    "submit crosses the end of step",
  ]);
  const [flow] = TRACE.flows;
  const beyond = { ...flow, to: { thread: "GPU", at_ms: 1003 } };
  expect(faultsWith({ flows: [beyond] })).toEqual(["flow 1 is tied to no slice"]);
  const back = { ...flow, from: { thread: "CPU", at_ms: 1000.5 } };
  expect(faultsWith({ flows: [back] })).toEqual(["flow 1 ends before it begins"]);
});

test("the validator finds what is missing, out of order, or no number", () => {
  const events = readTrace(encodeTrace(TRACE));
  const without = (wanted: (event: (typeof events)[number]) => boolean): string[] =>
    traceFaults(events.filter((event) => !wanted(event)));
  expect(without(({ name }) => name === "process_name")).toEqual(["no process_name"]);
  expect(without(({ name, tid }) => name === "thread_name" && tid === 2)).toEqual([
    "pass: thread 2 has no name",
  ]);
  expect(without(({ ph }) => ph === "f")).toEqual(["flow 1 has no end"]);
  expect(without(({ ph }) => ph === "s")).toEqual(["flow 1 has no begin"]);
  expect(traceFaults(events.toReversed()).length).toBeGreaterThan(0);
  const changed = (ph: string, more: object): string[] =>
    traceFaults(events.map((event) => (event.ph === ph ? { ...event, ...more } : event)));
  expect(changed("C", { args: { buffers: "many" } })).toContain("live bytes: no number");
  expect(changed("C", { ts: 0.1 / 3 })).toContain(`live bytes: time ${0.1 / 3}`);
  expect(changed("X", { dur: -1 })).toContain("step: lasts -1");
  expect(changed("f", { bp: undefined })).toEqual(["flow 1 is tied to the next slice"]);
  expect(traceFaults([...events, events.at(-1)!])).toContain("two flows have one id");
});
