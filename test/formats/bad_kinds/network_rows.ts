// Weights: safetensors, the student, its checkpoint.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openSealed, sealSafetensors } from "../../../src/formats/sealed_file.ts";
import { writeSafetensors, type NewTensor } from "../../../src/formats/safetensors.ts";
import { initialStore, type CpuStore } from "../../../src/graph/cpu_store.ts";
import { graph } from "../../../src/graph/graph.ts";
import { readWeightFiles } from "../../../src/teacher/foundation/weight_files.ts";
import { openCheckpoint, writeCheckpoint } from "../../../src/train/checkpoint.ts";
import { readStudent, writeStudent } from "../../../src/train/student_file.ts";
import { originOf } from "../../../src/train/student_origin.ts";
import { tinyConfig, tinySource } from "../../train/tiny.ts";
import {
  edit,
  fileKinds,
  NO_PATH,
  none,
  refused,
  USER_NAMED,
  withMark,
  type Damage,
  type FormatRow,
} from "./kinds.ts";

/** A network of two tensors. */
function store(): CpuStore {
  const g = graph();
  g.parameter("weight", [3, 2], () => Float32Array.of(1, 2, 3, 4, 5, 6));
  g.state("mean", [4], 0);
  return initialStore(g, 0);
}

/** Writes the file again under a valid seal, with other metadata or another first tensor. */
function resealed(
  metadata: Readonly<Record<string, string>>,
  tensor?: (old: NewTensor) => NewTensor,
): Damage {
  return ({ file }) => {
    const old = openSealed(readFileSync(file), file);
    const tensors = [...old.tensors].map(([name, { shape, data }]) => {
      const own = { name, shape, data };
      return name === "weight" && tensor !== undefined ? tensor(own) : own;
    });
    writeFileSync(file, sealSafetensors(tensors, { ...old.metadata, ...metadata }));
  };
}

/** A safetensors file from its header and the number of its bytes. */
function raw(header: string, body: number, length?: bigint): Damage {
  return ({ file }) => {
    const text = Buffer.from(header);
    const size = Buffer.alloc(8);
    size.writeBigUInt64LE(length ?? BigInt(text.length));
    writeFileSync(file, Buffer.concat([size, text, Buffer.alloc(body)]));
  };
}

const one = (dtype: string, shape: string, offsets: string): string =>
  `{"a":{"dtype":"${dtype}","shape":${shape},"data_offsets":${offsets}}}`;

const NO_ORDER: Pick<FormatRow["kinds"], "Fortran order" | "big-endian"> = {
  "Fortran order": none("rows always come first"),
  "big-endian": none("the format is little-endian by definition"),
};

const weights: FormatRow = {
  name: "safetensors",
  readers: [
    "formats/safetensors.ts",
    "teacher/foundation/weight_files.ts",
    "train/pretrained_file.ts",
  ],
  write: (root) => {
    mkdirSync(root, { recursive: true });
    const file = join(root, "weights.safetensors");
    const tensor = { name: "a", shape: [2, 3], data: new Float32Array(6) };
    writeFileSync(file, writeSafetensors([tensor]));
    return file;
  },
  read: { by: async ({ file }) => await readWeightFiles(file) },
  kinds: {
    ...fileKinds(/cut short/, /0 bytes are too few/, /cannot read the weights: no such file/),
    "a directory in its place": refused(/no weights/, ({ file }) => {
      rmSync(file);
      mkdirSync(file);
    }),
    "a link that leaves the root": USER_NAMED,
    ...NO_ORDER,
    "a path that leaves the root": NO_PATH,
    "wrong dtype": refused(/unknown dtype "F31"/, raw(one("F31", "[1]", "[0,4]"), 4)),
    "wrong shape": refused(
      /takes 8 bytes, data_offsets give 4/,
      raw(one("F32", "[2]", "[0,4]"), 4),
    ),
    NaN: refused(/not valid JSON/, raw(one("U8", "[1]", "[NaN,1]"), 1)),
    "unknown name": refused(/"a": its header entry is not an object/, raw('{"a":null}', 0)),
    "a key twice": refused(/"a" appears twice/, raw('{"a":{},"a":{}}', 0)),
    "a size that overflows": refused(
      /impossibly large/,
      raw(one("F32", "[4294967296,4294967296]", "[0,0]"), 0),
    ),
    "a byte order mark": refused(/not a safetensors file|header of/, withMark),
    "deep nesting": refused(/more than 128 levels/, raw(`{"a":${"[".repeat(200)}`, 0)),
    "an integer beyond 2^53": refused(
      /whole numbers/,
      raw(one("U8", "[9007199254740993]", "[0,1]"), 1),
    ),
    "a string for a number": refused(/whole numbers/, raw(one("U8", '["1"]', "[0,1]"), 1)),
  },
};

/** The kinds of a sealed file that holds the network of `store`. */
function sealedKinds(steps: string): FormatRow["kinds"] {
  const files = fileKinds(/damaged|cut short/, /0 bytes are too few/);
  return {
    ...files,
    "a link that leaves the root": USER_NAMED,
    ...NO_ORDER,
    "a path that leaves the root": NO_PATH,
    "wrong dtype": refused(
      /weight is I32; expected F32/,
      resealed({}, ({ name, shape }) => ({ name, shape, data: new Int32Array(6) })),
    ),
    "wrong shape": refused(
      /weight is \[2, 3\], this student's is \[3, 2\]/,
      resealed({}, (tensor) => ({ ...tensor, shape: [2, 3] })),
    ),
    NaN: refused(
      /weight: element 1 of 6 is NaN/,
      resealed({}, ({ name, shape }) => ({
        name,
        shape,
        data: Float32Array.of(1, Number.NaN, 3, 4, 5, 6),
      })),
    ),
    "unknown name": refused(
      /lacks the tensor weight/,
      resealed({}, (old) => ({ ...old, name: "wait" })),
    ),
    "a key twice": refused(
      /damaged|twice/,
      edit((bytes) => {
        const text = bytes.toString("latin1").replace('"depth_max_m":"80",', "");
        return Buffer.from(text.replace('"config":', '"config":"","config":'), "latin1");
      }),
    ),
    "a size that overflows": refused(/depth_max_m/, resealed({ depth_max_m: "1e400" })),
    "a byte order mark": refused(/damaged|not a safetensors file|header of/, withMark),
    "deep nesting": refused(/more than 128 levels/, resealed({ origin: "[".repeat(1e5) })),
    "an integer beyond 2^53": refused(/step/, resealed({ [steps]: "9007199254740993" })),
    "a string for a number": refused(/step/, resealed({ [steps]: "three" })),
  };
}

const student: FormatRow = {
  name: "student.safetensors",
  readers: ["train/student_file.ts", "train/student_origin.ts", "formats/sealed_file.ts"],
  write: async (root) => {
    mkdirSync(root, { recursive: true });
    const file = join(root, "student.safetensors");
    const origin = await originOf(tinySource("train"));
    await writeStudent(file, store(), { config: tinyConfig(), depth_max_m: 80, steps: 3, origin });
    return file;
  },
  read: { by: async ({ file }) => (await readStudent(file, () => {})).load(store()) },
  kinds: {
    ...sealedKinds("steps"),
    "a directory in its place": refused(/has no student\.safetensors/, ({ file }) => {
      rmSync(file);
      mkdirSync(file);
    }),
  },
};

const checkpoint: FormatRow = {
  name: "checkpoint",
  readers: ["train/checkpoint.ts", "train/resume.ts", "train/balance.ts"],
  write: async (root) => {
    mkdirSync(root, { recursive: true });
    const origin = await originOf(tinySource("train"));
    const info = { step: 12, config: "steps: 30\n", depth_max_m: 80, origin };
    return await writeCheckpoint(root, store(), info);
  },
  read: { by: async ({ file }) => (await openCheckpoint(file)).load(store()) },
  kinds: sealedKinds("step"),
};

/** The rows of this file. */
export const NETWORK_ROWS: readonly FormatRow[] = [weights, student, checkpoint];
