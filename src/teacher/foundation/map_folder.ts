// Writes a folder of teacher maps moment by moment, so that a killed run goes on where it was.
// src/teacher/README.md has the format; the record of what is done is beside it:
//
//   DIR/teacher.json                        what the maps are
//   DIR/SAMPLE/CAMERA.npy                   the map; with tokens also CAMERA.embedding.npy
//   DIR/.ringdepth-maps.jsonl               a header, then {"sample", "key"} of each moment that is done
import { stat } from "node:fs/promises";
import { join, posix } from "node:path";
import { z } from "zod";
import { openToAppend, type AppendFile } from "../../formats/append_file.ts";
import { readBytesIfThere, writeFileAtomically } from "../../formats/atomic_file.ts";
import { checkRelative } from "../../formats/inside_root.ts";
import { parseJson } from "../../formats/json.ts";
import { takeLock } from "../../formats/lock_file.ts";
import { makeOutFolder, writeOwnFiles, type OwnFile } from "../../formats/own_files.ts";
import { InputError } from "../../tensor/error.ts";
import type { FoundationOutput } from "./architecture.ts";
import { PREPARATIONS, type Preparation } from "./prepare_image.ts";
import type { WeightPlace } from "./weight_files.ts";

const RECORD = ".ringdepth-maps.jsonl";
const LOCK = ".ringdepth-maps.lock";
const FORMAT = "ringdepth teacher maps of a network 1";
const RECORD_LIMIT_BYTES = 256 * 2 ** 20;

/** The origin of the maps of a folder. */
export interface MapsHeader {
  /** Files of the weights with size and time of change: unchanged files need not be read again. */
  readonly weights: readonly WeightPlace[];
  /** Everything that the maps depend on beside the moment. */
  readonly identity: string;
  /** The choice that led to it, as a text. */
  readonly choice: string;
  readonly name: string;
  readonly kind: FoundationOutput["kind"];
  /** Channels of the tokens; 0 for none. */
  readonly embedding: number;
  readonly patch: number;
  readonly preparation: Preparation;
  readonly side_px: number;
}

const header: z.ZodType<MapsHeader & { readonly format: string }> = z.strictObject({
  format: z.literal(FORMAT),
  weights: z.array(
    z.strictObject({
      file: z.string(),
      bytes: z.number(),
      modified_ms: z.number(),
      // not in the records of earlier versions
      changed_ms: z.number().optional(),
    }),
  ),
  identity: z.string(),
  choice: z.string(),
  name: z.string(),
  kind: z.enum(["disparity", "metric_depth"]),
  embedding: z.number().int().min(0),
  patch: z.number().int().positive(),
  preparation: z.enum(PREPARATIONS),
  side_px: z.number().int().positive(),
});

/** A moment that is done. */
interface DoneMoment {
  readonly sample: string;
  readonly key: string;
}

const doneMoment: z.ZodType<DoneMoment> = z.strictObject({ sample: z.string(), key: z.string() });

/** An open folder of maps. */
export interface MapFolder {
  /** The origin of the maps of an earlier run; null for a new folder. */
  readonly earlier: MapsHeader | null;
  /**
   * Says what the maps come from, before the first is written. Throws InputError if the folder has
   * maps of something else.
   */
  readonly describe: (about: MapsHeader) => Promise<void>;
  /** Whether every file of a moment is there, with this key. */
  readonly has: (sample: string, key: string, files: readonly string[]) => Promise<boolean>;
  /** Writes the files of a moment, then records its key. */
  readonly write: (
    sample: string,
    key: string,
    files: readonly Required<OwnFile>[],
  ) => Promise<void>;
  readonly close: () => Promise<void>;
}

/**
 * Opens a folder of maps, which must be named by the user, and locks it. Throws InputError where it
 * cannot be made, another process has it, or its record is not one.
 */
export async function openMapFolder(folder: string): Promise<MapFolder> {
  await makeOutFolder(folder, true);
  const lock = await takeLock(join(folder, LOCK), `folder ${folder}`);
  try {
    return await opened(folder, async () => await lock.release());
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function opened(folder: string, release: () => Promise<void>): Promise<MapFolder> {
  const file = join(folder, RECORD);
  const { earlier, done, whole_bytes } = await readRecord(file);
  let current = earlier;
  let end_bytes = whole_bytes;
  let record: AppendFile | null = null;
  return {
    earlier,
    describe: async (about) => {
      if (current !== null) checkSame(folder, current, about);
      const { kind, name, embedding } = about;
      const described = { kind, name, ...(embedding > 0 && { embedding }) };
      const bytes = encoded(`${JSON.stringify(described, null, 2)}\n`);
      await writeOwnFiles(folder, [{ name: "teacher.json", bytes }]);
      // The weights may have moved; the moments stay done.
      const moments = [...done].map(([sample, key]) => JSON.stringify({ sample, key }));
      const lines = [JSON.stringify({ format: FORMAT, ...about }), ...moments];
      const text = encoded(`${lines.join("\n")}\n`);
      // another file takes its name, so that the open one would be written in vain
      await record?.close();
      record = null;
      await writeFileAtomically(file, text);
      end_bytes = text.length;
      current = about;
    },
    has: async (sample, key, files) => {
      if (done.get(sample) !== key) return false;
      const place = momentFolder(folder, sample);
      const sizes = await Promise.all(
        files.map(async (name) => {
          const found = await stat(join(place, name)).catch(() => null);
          return found?.isFile() === true ? found.size : 0;
        }),
      );
      return sizes.every((size) => size > 0);
    },
    write: async (sample, key, files) => {
      await writeMoment(folder, sample, files);
      record ??= await openToAppend(file, end_bytes);
      await record.append(encoded(`${JSON.stringify({ sample, key })}\n`));
      done.set(sample, key);
    },
    close: async () => {
      await record?.close();
      await release();
    },
  };
}

function encoded(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function momentFolder(folder: string, sample: string): string {
  checkRelative(sample, `sample ${sample}`);
  return join(folder, ...sample.split("/"));
}

/** Writes the files of a moment. The name of a camera may have folders in it, as that of a sample. */
async function writeMoment(
  folder: string,
  sample: string,
  files: readonly Required<OwnFile>[],
): Promise<void> {
  const byFolder = new Map<string, Required<OwnFile>[]>();
  for (const { name, bytes } of files) {
    const path = `${sample}/${name}`;
    checkRelative(path, `sample ${sample}`);
    const own = posix.dirname(path);
    byFolder.set(own, [...(byFolder.get(own) ?? []), { name: posix.basename(path), bytes }]);
  }
  for (const [own, some] of byFolder) {
    // level by level, so that no link leads out of the folder
    let place = folder;
    for (const part of own.split("/")) {
      place = join(place, part);
      await makeOutFolder(place, false);
    }
    await writeOwnFiles(place, some);
  }
}

/** The header and the done moments of a record; the last line may have been cut by a kill. */
async function readRecord(file: string): Promise<{
  readonly earlier: MapsHeader | null;
  readonly done: Map<string, string>;
  readonly whole_bytes: number;
}> {
  const bytes = await readBytesIfThere(file, RECORD_LIMIT_BYTES);
  const done = new Map<string, string>();
  const whole_bytes = bytes === null ? 0 : bytes.lastIndexOf(0x0a) + 1;
  if (bytes === null || whole_bytes === 0) return { earlier: null, done, whole_bytes };
  const [first, ...lines] = Buffer.from(bytes.subarray(0, whole_bytes - 1))
    .toString()
    .split("\n");
  const { format: _, ...earlier } = parsedLine(file, 1, first, header);
  for (const [i, text] of lines.entries()) {
    const { sample, key } = parsedLine(file, i + 2, text, doneMoment);
    done.set(sample, key);
  }
  return { earlier, done, whole_bytes };
}

function parsedLine<T>(file: string, number: number, text: string, schema: z.ZodType<T>): T {
  const where = `${file}: line ${number}`;
  const result = schema.safeParse(parseJson(text, where));
  if (result.success) return result.data;
  throw new InputError(`${where}: is not a record of maps; move the file or choose another --out`);
}

function checkSame(folder: string, earlier: MapsHeader, about: MapsHeader): void {
  const parts = ["name", "kind", "embedding", "identity"] as const;
  const differing = parts.find((part) => earlier[part] !== about[part]);
  if (differing === undefined) return;
  const words = {
    name: `maps of ${earlier.name}, not of ${about.name}`,
    kind: `maps of another kind: ${earlier.kind}`,
    embedding: earlier.embedding > 0 ? "maps with tokens" : "maps without tokens",
    identity: "maps of other weights or of another preparation of images",
  };
  throw new InputError(`${folder}: has ${words[differing]}; choose another --out`);
}
