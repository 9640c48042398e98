// Finds data races of a shader: two invocations touch one place in workgroup memory or in a buffer,
// at least one of them writes, and no barrier lies between. It runs the shader with records of its
// accesses, so it finds races of the data that it runs on, whether or not they change a result.
import { GpuMemoryError, GpuValidationError } from "../../gpu/errors.ts";
import type { Gpu } from "../../gpu/device.ts";
import { encodePass } from "../../gpu/encode.ts";
import { readFloats } from "../../gpu/read_back.ts";
import type { RaceCheck } from "../../measure/race_check.ts";
import { bind, type StartNumbers } from "../outside/buffers.ts";
import { pack } from "../outside/numbers.ts";
import type { OutsideProblem } from "../outside/problem.ts";
import { instrument, withLog, type Instrumented } from "./instrument.ts";
import { ConflictSearch, listFacts, type AccessLists, type ListFacts } from "./conflicts.ts";
import { HEAD_RECORDS, RECORD_WORDS } from "./recorder.ts";
import { racesOf } from "./report.ts";
import { ReadError } from "./rewrite.ts";

/** Bytes of the log: 8 million records. */
const LOG_BYTES = 2 ** 26;
const RECORD_BYTES = 4 * RECORD_WORDS;
// The first run only shows how long the lists are.
const FIRST = { groups: 16, length: 128 };
/** Runs with longer lists, because later workgroups may have more accesses than the first. */
const MOST_RUNS = 4;

type Box = readonly [number, number, number];

/** Searches a shader that compiles for races, on the numbers that its buffers begin with. */
export async function checkRaces(
  gpu: Gpu,
  problem: OutsideProblem,
  start: StartNumbers,
): Promise<RaceCheck> {
  const of_workgroups = problem.grid.reduce((count, n) => count * n, 1);
  const without = (why: string): RaceCheck => {
    const notes = [`${problem.file}: not checked for races: ${why}`];
    return { races: [], workgroups: 0, of_workgroups, notes };
  };
  const why = refusal(gpu, problem);
  if (why !== "") return without(why);
  try {
    return await search(gpu, instrument(problem), start, of_workgroups);
  } catch (error) {
    if (error instanceof GpuMemoryError) return without(error.message);
    if (error instanceof GpuValidationError) {
      return without(`its text with records does not compile: ${error.message}`);
    }
    if (error instanceof ReadError) return without(error.message);
    throw error;
  }
}

/** Why a shader cannot be checked here; empty if it can. */
function refusal({ limits }: Gpu, { buffers }: OutsideProblem): string {
  const stored = buffers.filter(({ space }) => space !== "uniform").length;
  if (stored >= limits.maxStorageBuffersPerShaderStage) {
    return `its records need one more storage buffer than the ${limits.maxStorageBuffersPerShaderStage} that this adapter binds`;
  }
  return "";
}

/** The bytes of the log: at most a quarter of what is free, since it is read back too. */
function bytesOf({ limits, memory }: Gpu): number {
  const { maxStorageBufferBindingSize, maxBufferSize } = limits;
  const free = (memory.budget_bytes - memory.live_bytes) / 4;
  return Math.min(LOG_BYTES, maxStorageBufferBindingSize, maxBufferSize, free);
}

/** How many workgroups are recorded, and how many records each of their invocations may make. */
interface Shape {
  readonly box: Box;
  readonly length: number;
}

async function search(
  gpu: Gpu,
  instrumented: Instrumented,
  start: StartNumbers,
  of_workgroups: number,
): Promise<RaceCheck> {
  const { problem, sites, variables } = instrumented;
  const { grid, file, workgroup } = problem;
  const invocations = workgroup.reduce((count, n) => count * n, 1);
  const room = Math.floor(bytesOf(gpu) / RECORD_BYTES) - HEAD_RECORDS;
  const most = Math.max(2, Math.floor(room / invocations));
  const sized = (groups: number, wanted: number): Shape => {
    const length = Math.min(wanted, most);
    return { box: boxOf(grid, Math.min(groups, Math.floor(most / length))), length };
  };
  let shape = sized(FIRST.groups, FIRST.length);
  let lists = await recorded(gpu, instrumented, start, shape, invocations);
  let facts = listFacts(lists);
  for (let i = 0; i < MOST_RUNS; i++) {
    // One more record marks an overflow.
    const next = sized(of_workgroups, Math.max(2, facts.longest + 1));
    const isWhole = facts.longest < shape.length;
    if (isWhole && (i > 0 || volume(next.box) <= volume(shape.box))) break;
    if (volume(next.box) === volume(shape.box) && next.length === shape.length) break;
    shape = next;
    lists = await recorded(gpu, instrumented, start, shape, invocations);
    facts = listFacts(lists);
  }
  const conflicts = new ConflictSearch(lists, sites).conflicts(variables);
  const races = racesOf(conflicts, { file, box: shape.box, sites, variables });
  const workgroups = volume(shape.box);
  const notes = notesOf(instrumented, facts, shape.length, workgroups, of_workgroups);
  return { races, workgroups, of_workgroups, notes };
}

function volume(box: Box): number {
  return box[0] * box[1] * box[2];
}

/** A box of at most `most` workgroups at the start of a grid, with neighbours along all axes. */
function boxOf(grid: Box, most: number): Box {
  const box: [number, number, number] = [1, 1, 1];
  if (most < 1 || volume(grid) === 0) return [0, 0, 0];
  for (let grown = true; grown;) {
    grown = false;
    for (const axis of [0, 1, 2]) {
      const next = Math.min(grid[axis], 2 * box[axis]);
      if (next === box[axis] || (volume(box) / box[axis]) * next > most) continue;
      box[axis] = next;
      grown = true;
    }
  }
  for (const axis of [0, 1, 2]) {
    const others = volume(box) / box[axis];
    box[axis] = Math.min(grid[axis], Math.max(box[axis], Math.floor(most / others)));
  }
  return box;
}

function notesOf(
  { problem: { file }, unfollowed, sites }: Instrumented,
  { longest, outside }: ListFacts,
  length: number,
  workgroups: number,
  of_workgroups: number,
): string[] {
  const notes = unfollowed.map((line) => `races: ${line}`);
  if (workgroups < of_workgroups) {
    notes.push(`races: ${file}: ${workgroups} of ${of_workgroups} workgroups were checked`);
  }
  if (longest >= length) {
    notes.push(
      `races: ${file}: the first ${length - 1} of at most ${longest} accesses of an invocation were checked`,
    );
  }
  if (outside.count > 0) {
    const { line } = sites[outside.site];
    notes.push(
      `races: ${file}:${line}: an index lies outside of its array; ${outside.count} such accesses were not checked`,
    );
  }
  return notes;
}

/** Runs a shader once with records of a box of workgroups. */
async function recorded(
  gpu: Gpu,
  instrumented: Instrumented,
  start: StartNumbers,
  { box, length }: Shape,
  invocations: number,
): Promise<AccessLists> {
  const groups = volume(box);
  const records = HEAD_RECORDS + groups * invocations * length;
  const problem = withLog(instrumented, RECORD_WORDS * records);
  const { dispatch, made, destroy } = await bind(gpu, problem, problem.code, () => null);
  try {
    const { queue } = gpu.device;
    const log = made.at(-1)!;
    for (const { buffer, gpuBuffer, all_bytes } of made.slice(0, -1)) {
      const bytes = new Uint8Array(all_bytes);
      const numbers = start[buffer.name];
      if (numbers !== undefined) pack(buffer, numbers, bytes);
      queue.writeBuffer(gpuBuffer, 0, bytes);
    }
    // A new buffer holds zeros, which end every list.
    queue.writeBuffer(log.gpuBuffer, 0, Uint32Array.of(...box, length, invocations, 0));
    const encoder = gpu.device.createCommandEncoder({ label: "race check" });
    encodePass(encoder, problem.entry, [dispatch]);
    queue.submit([encoder.finish()]);
    const floats = await readFloats(gpu, log.gpuBuffer, RECORD_WORDS * records);
    const words = new Uint32Array(floats.buffer, floats.byteOffset, floats.length);
    return { words, groups, invocations, length };
  } finally {
    destroy();
  }
}
