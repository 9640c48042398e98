// The readers of bytes from outside, with valid files to damage, the tokens of each grammar, and
// functions that correct checksums and lengths afterwards, so that damage gets past those checks.
import { zipSync } from "fflate";
import sharp from "sharp";
import { crc32c } from "../../src/formats/crc32.ts";
import { readEvents } from "../../src/formats/events.ts";
import { parseJson } from "../../src/formats/json.ts";
import { readNpy, writeNpy } from "../../src/formats/npy.ts";
import { openNpz } from "../../src/formats/npz.ts";
import { readPfm, writePfm } from "../../src/formats/pfm.ts";
import { readPly, writePly } from "../../src/formats/ply.ts";
import { readDepthPng, writeDepthPng } from "../../src/formats/png16.ts";
import { encodeMessage, textValue } from "../../src/formats/protobuf.ts";
import { parsePythonLiteral } from "../../src/formats/python_literal.ts";
import { readSafetensors, writeSafetensors } from "../../src/formats/safetensors.ts";
import { parseRun } from "../../src/measure/saved_run.ts";
import { parseTuning } from "../../src/tune/tuning_file.ts";
import { InputError } from "../../src/tensor/error.ts";
import { resolveConfig } from "../../src/train/config.ts";
import { parseConfigFile } from "../../src/train/config/text.ts";
import { withHeaderLength } from "./hostile_files.ts";
import { pngChunk, pngData, pngFile, withChecksums } from "./png_parts.ts";
import type { Grammar, HostileReader, OpenReader } from "./mutate.ts";

const FILE = "hostile.file";
const JSON_TOKENS = [
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  '"',
  '{"a":',
  "[[",
  "null",
  "true",
  "-1",
  "\\u0000",
  "\ufeff",
  "\\",
];
const JSON_GRAMMAR: Grammar = { tokens: JSON_TOKENS, isText: true };
const BINARY: Grammar = { tokens: ["\0", "\xff\xff", "\n"], isText: false };

function plain(
  name: string,
  grammar: Grammar,
  seeds: readonly Uint8Array[],
  read: OpenReader["read"],
  repair?: OpenReader["repair"],
): HostileReader {
  const open = { seeds, read, ...(repair && { repair }) };
  return { name, grammar, every: 1, open: async () => await Promise.resolve(open) };
}

function safetensors(): HostileReader {
  const tensors = [
    { name: "encoder.weight", shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) },
    { name: "é", shape: [3], data: Uint8Array.of(1, 2, 3) },
    { name: "empty", shape: [0, 4], data: new Int32Array(0) },
  ];
  const tokens = [
    '"dtype"',
    '"shape"',
    '"data_offsets"',
    '"F64"',
    '"BF16"',
    '"F4"',
    "[0,",
    ...JSON_TOKENS,
  ];
  return plain(
    "safetensors",
    { tokens, isText: true },
    [writeSafetensors(tensors, { format: "pt" }), writeSafetensors([])],
    (bytes) => readSafetensors(bytes, FILE),
    withHeaderLength,
  );
}

const NPY_TOKENS = [
  "'descr'",
  "'fortran_order'",
  "True",
  "(",
  ")",
  "[('x', '<f4')]",
  "'|O'",
  "'>f8'",
  "L",
  ",",
  "'|V8'",
];

function npyFiles(): Uint8Array[] {
  const structured = Buffer.from(writeNpy(new Float64Array(3), [3])).toString("latin1");
  const fields = "[('X', '<f4'), ('n', '|u1'), ('', '|V3')]";
  return [
    writeNpy(Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3]),
    writeNpy(BigInt64Array.of(1n), []),
    Buffer.from(structured.replace(/'<f8'(.*?) {37}/, `${fields}$1`), "latin1"),
  ];
}

function npy(): HostileReader {
  return plain(
    "npy",
    { tokens: NPY_TOKENS, isText: true },
    npyFiles(),
    (bytes) => readNpy(bytes, FILE),
    (damaged, seed) => {
      if (damaged.length < 10) return damaged;
      const length = new DataView(seed.buffer, seed.byteOffset).getUint16(8, true);
      damaged.writeUInt16LE((length + damaged.length - seed.length) & 0xffff, 8);
      return damaged;
    },
  );
}

/** Its faults are SyntaxErrors, which npy.ts turns into InputErrors. */
function pythonLiteral(): HostileReader {
  const seeds = [
    "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3L), }",
    "[('a', -1), None]",
  ];
  return plain(
    "Python literal",
    { tokens: [...NPY_TOKENS, "((", "[[", "{'a':"], isText: true },
    seeds.map((text) => Buffer.from(text)),
    (bytes) => {
      try {
        return parsePythonLiteral(Buffer.from(bytes).toString("latin1"));
      } catch (error) {
        if (error instanceof SyntaxError) throw new InputError(error.message);
        throw error;
      }
    },
  );
}

function readAllArrays(bytes: Uint8Array): unknown {
  const { names, read } = openNpz(bytes, FILE);
  return names.map(read);
}

const ZIP_TOKENS = [
  "PK\u0001\u0002",
  "PK\u0003\u0004",
  "PK\u0005\u0006",
  "PK\u0006\u0006",
  "PK\u0006\u0007",
  ".npy",
  "/",
];

function npz(): HostileReader {
  const [array] = npyFiles();
  return plain(
    "npz",
    { tokens: ZIP_TOKENS, isText: false },
    [
      zipSync({ "data.npy": array, "more/": new Uint8Array(0) }),
      zipSync({ "arr_0.npy": array, "b.txt": Buffer.from("hello") }, { level: 0 }),
    ],
    readAllArrays,
  );
}

function npzMembers(): HostileReader {
  return plain("npz members", { tokens: NPY_TOKENS, isText: true }, npyFiles(), (bytes) =>
    readAllArrays(zipSync({ "data.npy": bytes }, { level: 0 })),
  );
}

function pfm(): HostileReader {
  const image = { height: 2, width: 3, data: Float32Array.of(1, 2, 3, 4, 5, 6) };
  const color = { height: 1, width: 2, channels: 3, data: image.data } as const;
  return plain(
    "PFM",
    { tokens: ["Pf", "PF", "-1.0", "# comment\n", " ", "\r\n"], isText: true },
    [writePfm({ ...image, channels: 1 }), writePfm(color)],
    (bytes) => readPfm(bytes, FILE),
  );
}

function ply(): HostileReader {
  const cloud = { positions_m: Float32Array.of(1, 2, 3, 4, 5, 6), colors: new Uint8Array(6) };
  const bytes = Buffer.from(writePly(cloud, ["a comment"])).toString("latin1");
  const faces = bytes.replace(
    "end_header\n",
    "element face 1\nproperty list uchar int vertex_indices\nend_header\n",
  );
  const tokens = [
    "element face 3\n",
    "property list uchar int i\n",
    "property double x\n",
    "comment \n",
    "element vertex 4000000000\n",
    "end_header\n",
    "obj_info\n",
  ];
  return plain(
    "PLY",
    { tokens, isText: true },
    [Buffer.from(bytes, "latin1"), Buffer.from(`${faces}\x01\0\0\0\0`, "latin1")],
    (file) => readPly(file, FILE),
  );
}

const PNG_TOKENS = ["IHDR", "PLTE", "IDAT", "IEND", "tEXt", "zTXt", "iCCP", "acTL", "fdAT", "ABCD"];

function png(): HostileReader {
  return {
    name: "depth PNG",
    grammar: { tokens: PNG_TOKENS, isText: false },
    every: 1,
    open: async () => {
      const depth_m = Float32Array.from({ length: 30 }, (_, i) => i);
      const depth = await writeDepthPng({ height: 5, width: 6, depth_m });
      const image = sharp(new Uint16Array(30), { raw: { height: 5, width: 6, channels: 1 } });
      const interlaced = await image.toColourspace("grey16").png({ progressive: true }).toBuffer();
      return {
        seeds: [depth, interlaced],
        read: async (bytes) => await readDepthPng(bytes, FILE),
        repair: withChecksums,
      };
    },
  };
}

/** Header fields and filtered rows, packed only after they are damaged. */
function pngPixels(): HostileReader {
  // 3 x 2 pixels; filters 1 and 4.
  const seed = Buffer.from("0000000300000002100000000001000102030405040a0b0c0d0e0f", "hex");
  return plain("depth PNG pixels", BINARY, [seed], async (bytes) => {
    const header = pngChunk("IHDR", bytes.subarray(0, 13));
    const file = pngFile(header, pngData(bytes.subarray(13)), pngChunk("IEND"));
    return await readDepthPng(file, FILE);
  });
}

const MESSAGE = encodeMessage([
  [1, { double: 1.5 }],
  [2, { varint: 300 }],
  [
    5,
    {
      bytes: encodeMessage([
        [
          1,
          {
            bytes: encodeMessage([
              [1, textValue("loss/total")],
              [2, { float: 0.5 }],
            ]),
          },
        ],
        [
          1,
          {
            bytes: encodeMessage([
              [1, textValue("depth")],
              [
                4,
                {
                  bytes: encodeMessage([
                    [1, { varint: 2 }],
                    [4, { bytes: Uint8Array.of(1) }],
                  ]),
                },
              ],
            ]),
          },
        ],
      ]),
    },
  ],
]);

/** A record of an event file around a message. */
function record(message: Uint8Array): Uint8Array {
  const masked = (data: Uint8Array): number => {
    const crc = crc32c(data);
    return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
  };
  const bytes = Buffer.concat([Buffer.alloc(12), message, Buffer.alloc(4)]);
  bytes.writeBigUInt64LE(BigInt(message.length), 0);
  bytes.writeUInt32LE(masked(bytes.subarray(0, 8)), 8);
  bytes.writeUInt32LE(masked(message), bytes.length - 4);
  return bytes;
}

function events(): HostileReader {
  const version = encodeMessage([
    [1, { double: 1 }],
    [3, textValue("brain.Event:2")],
  ]);
  const file = Buffer.concat([record(version), record(MESSAGE)]);
  return plain("events", BINARY, [file], (bytes) => readEvents(bytes, FILE));
}

function eventMessages(): HostileReader {
  return plain("event messages", BINARY, [MESSAGE], (bytes) => readEvents(record(bytes), FILE));
}

function yaml(): HostileReader {
  const seeds = [
    "data: rig # built in\nsize: {height: 32, width: 64}\nsteps: 7\n",
    "head:\n  kind: softmax_bins\n  bins: 16\nloss:\n  relation_grid:\n    - 2\n    - 4\n",
  ];
  const tokens = [
    "- ",
    "? ",
    ": ",
    "&a ",
    "*a",
    "!!map ",
    "[",
    "{",
    "}",
    "]",
    "|\n",
    "'",
    '"',
    "---\n",
    "%YAML 1.1\n",
    "# ",
    "<<: ",
    "\t",
    "\n  ",
    "optimizer: ",
  ];
  return plain(
    "YAML configuration",
    { tokens, isText: true },
    seeds.map((text) => Buffer.from(text)),
    (bytes) => resolveConfig(parseConfigFile(bytes, FILE), FILE),
  );
}

function json(): HostileReader {
  const text =
    '{"cameras": [{"name": "front", "fx": 1.5e3}], "ring": ["fr\\u00f6nt", null, true, {}]}';
  return plain("JSON", JSON_GRAMMAR, [Buffer.from(text), Buffer.from("[[1,2],[3]]")], (bytes) =>
    parseJson(bytes, FILE),
  );
}

function savedRun(): Uint8Array {
  const time = { samples_ms: [1, 2.5], batch: 4, converged: true, trusted: true };
  const environment = {
    adapter: "a",
    driver: "d",
    software: false,
    timer_quantum_ns: 1,
    node: "20",
    webgpu: "0",
    platform: "linux x64",
    git: { commit: "c", dirty: false },
  };
  const row = {
    kernel: "gemm",
    case: "a case",
    shader_hash: "h",
    checked: "case",
    error: "",
    flops: 1,
    bytes: 2,
    cold: null,
    hot: time,
  };
  const run = { version: 1, date: "2026-01-02T03:04:05.678Z", environment, rows: [row] };
  return Buffer.from(JSON.stringify(run));
}

function tuning(): Uint8Array {
  const change = { median: -0.1, low: -0.2, high: 0 };
  const date = "2026-01-02T03:04:05.678Z";
  const entry = {
    problem: "gemm 1x1",
    rule: "gemm",
    kernel: "gemm",
    constants: { TM: 8 },
    reason: "faster",
    change,
    pairs: 4,
    date,
    shaders: { gemm: "0123" },
  };
  const steps = [{ name: "train", date, choices: 1, change, pairs: 2 }];
  const file = { version: 1, adapter: "a", driver: "d", steps, entries: [entry] };
  return Buffer.from(JSON.stringify(file));
}

/** The readers of bytes. */
export const BYTE_READERS: readonly HostileReader[] = [
  safetensors(),
  npy(),
  pythonLiteral(),
  npz(),
  npzMembers(),
  pfm(),
  ply(),
  png(),
  pngPixels(),
  events(),
  eventMessages(),
  yaml(),
  json(),
  plain("saved profile", JSON_GRAMMAR, [savedRun()], (bytes) => parseRun(bytes, FILE)),
  plain("tuning file", JSON_GRAMMAR, [tuning()], (bytes) => parseTuning(bytes, FILE)),
];
