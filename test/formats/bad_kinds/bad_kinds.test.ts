// Every format from outside with every kind of fault: a typed error that names the file, one line and
// exit code 2; or the file is read to the same value; or the kind does not apply, for a stated reason.
import { cpSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, relative } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runCli } from "../../../src/cli/program.ts";
import { reportError } from "../../../src/cli/terminal/report_error.ts";
import { SOON_MS } from "../damage.ts";
import { ARRAY_ROWS } from "./array_rows.ts";
import { JSON_ROWS } from "./json_rows.ts";
import { KINDS, type FormatRow, type Place } from "./kinds.ts";
import { NETWORK_ROWS } from "./network_rows.ts";

const ROWS: readonly FormatRow[] = [...ARRAY_ROWS, ...JSON_ROWS, ...NETWORK_ROWS];

// Modules of src that read files which no row is about, each with its reason.
const OTHERS: Readonly<Record<string, string>> = {
  "ablate/cell_file.ts": "the program's own; test/ablate damages it",
  "ablate/cell_state.ts": "reads through cell_file.ts",
  "ablate/overrides.ts": "YAML of the user, through formats/yaml.ts",
  "cli/program.ts": "reads its own package.json",
  "data/depth_cache.ts": "a cache: a damaged entry is made again",
  "engine/shader_files.ts": "reads its own shaders",
  "engine/shader_text.ts": "reads its own shaders",
  "formats/atomic_file.ts": "reads bytes of any format",
  "formats/elements.ts": "decodes bytes that its callers have checked",
  "formats/events.ts": "the program's own; mutations.test.ts damages it",
  "formats/inside_root.ts": "reads bytes of any format",
  "formats/json_schema.ts": "a part of the readers of JSON",
  "formats/lock_file.ts": "the program's own",
  "formats/npy_dtype.ts": "a part of npy.ts",
  "formats/own_files.ts": "the program's own",
  "formats/pickled_numbers.ts": "test/formats/pickled_numbers.test.ts has its faults",
  "formats/ply.ts": "written only; mutations.test.ts damages it",
  "formats/protobuf.ts": "a part of events.ts",
  "formats/python_literal.ts": "a part of npy.ts",
  "graph/training/saved_trainer.ts": "the program's own, through formats/safetensors.ts",
  "index.ts": "passes readers on",
  "measure/ceilings.ts": "a cache: a damaged file is measured again",
  "measure/saved_run.ts": "the program's own; mutations.test.ts damages it",
  "profile/bench/host_tasks.ts": "times readers on bytes of its own",
  "profile/kernel/data.ts": "reads its own shaders",
  "profile/outside/reference.ts": "values of the user, through formats/npy.ts",
  "profile/outside/settings.ts":
    "JSON of the user; test/profile/outside/settings.test.ts has its faults",
  "profile/outside/subject.ts": "shaders and values of the user, through formats/npy.ts",
  "report/html.ts": "reads its own parts",
  "teacher/cached_teacher.ts": "a cache: a damaged entry is made again",
  "teacher/foundation/map_folder.ts": "the program's own maps, through formats/npy.ts",
  "train/records.ts": "the program's own; test/train/run_folder.test.ts damages it",
  "page/worker/prediction.ts": "reads the sample student of the build",
  "train/trained/student_bytes.ts": "a part of train/student_file.ts",
  "train/teacher/fit_module.ts": "reads a run of its own through train/config/text.ts",
  "tune/tuning_file.ts": "the program's own; mutations.test.ts damages it",
};

let base = "";
beforeAll(() => {
  base = realpathSync(mkdtempSync(join(tmpdir(), "ringdepth-kinds-")));
});
afterAll(() => rmSync(base, { recursive: true }));

interface Answer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Reads the file of a copy as a user would; no command may open a device. */
async function readAs({ read }: FormatRow, place: Place): Promise<Answer> {
  const written = { stdout: "", stderr: "" };
  const stdout = { write: (text: string) => (written.stdout += text) };
  const stderr = { write: (text: string) => (written.stderr += text) };
  if ("command" in read) {
    const openGpu = (): never => {
      throw new Error("this command needs no device");
    };
    return {
      code: await runCli([...read.command(place)], { stdout, stderr, openGpu }),
      ...written,
    };
  }
  try {
    const value = await read.by(place);
    return { code: 0, ...written, stdout: JSON.stringify(value, textOf) ?? "" };
  } catch (error) {
    return { code: reportError(error, stderr), ...written };
  }
}

/** A map as its entries, so that values can be compared as text. */
const textOf = (_: string, value: unknown): unknown => (value instanceof Map ? [...value] : value);

describe.each(ROWS)("$name", (row) => {
  let template: Place | null = null;
  let good: Answer | null = null;

  /** A fresh copy of the row's data set, at the same path for each kind. */
  async function copied(): Promise<Place> {
    if (template === null) {
      const root = mkdtempSync(join(base, "template-"));
      template = { root, file: await row.write(root) };
    }
    const root = join(base, "copy", "root");
    rmSync(join(base, "copy"), { recursive: true, force: true });
    cpSync(template.root, root, { recursive: true });
    return { root, file: join(root, relative(template.root, template.file)) };
  }

  async function whole(): Promise<Answer> {
    good ??= await readAs(row, await copied());
    expect(good.stderr).toBe("");
    expect(good.code).toBe(0);
    return good;
  }

  test.each(KINDS)("%s", async (kind) => {
    const outcome = row.kinds[kind];
    if ("none" in outcome) {
      expect(outcome.none).not.toBe("");
      return;
    }
    const expected = await whole();
    const place = await copied();
    await ("read" in outcome ? outcome.read(place) : outcome.damage(place));
    const began = performance.now();
    const answer = await readAs(row, place);
    expect(performance.now() - began).toBeLessThan(SOON_MS);
    if ("read" in outcome) {
      expect(answer).toEqual(expected);
      return;
    }
    expect(answer.stderr).toMatch(/^ringdepth: [^\n]+\n$/);
    expect(answer.stderr).toMatch(outcome.refused);
    expect(answer.stderr).toContain(row.named ?? basename(place.file));
    expect(answer.code).toBe(2);
  });
});

test("every module that reads files belongs to a row or has its reason", () => {
  const src = join(import.meta.dirname, "../../../src");
  const readers =
    /\b(?:read(?:Json|Table|Safetensors|Npy|Npz|Pfm|Grey16Png|DepthPng|Ply|Events|PickledNumbers|Bytes|BytesIfThere|Inside|File|FileSync|PngChunks|Scalars)|parse(?:Json|Yaml|PythonLiteral)|open(?:Sealed|Npz|Zip)|decode(?:Image|Mask|Text|Elements|Message)|withInside)\(/;
  const found = readdirSync(src, { recursive: true, encoding: "utf8" }).filter(
    (file) => file.endsWith(".ts") && readers.test(readFileSync(join(src, file), "utf8")),
  );
  const known = new Set([...ROWS.flatMap((row) => row.readers), ...Object.keys(OTHERS)]);
  expect(found.filter((file) => !known.has(file))).toEqual([]);
  // A module that reads nothing any more leaves the table.
  for (const file of known) expect(readdirSync(src, { recursive: true })).toContain(file);
});

test("the table has every kind, once", () => {
  for (const row of ROWS) expect(Object.keys(row.kinds).toSorted()).toEqual([...KINDS].toSorted());
  expect(new Set(ROWS.map(({ name }) => name)).size).toBe(ROWS.length);
});
