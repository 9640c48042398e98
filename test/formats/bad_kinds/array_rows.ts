// Arrays and images: npy, npz, PNG, JPEG, the clouds of nuScenes and PFM.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { zipSync } from "fflate";
import sharp from "sharp";
import { writeNpy } from "../../../src/formats/npy.ts";
import { writePfm } from "../../../src/formats/pfm.ts";
import { writeDepthPng } from "../../../src/formats/png16.ts";
import { readMap } from "../../../src/teacher/map_files.ts";
import { ramp, writeFolder } from "../../cli/folder_fixture.ts";
import { DGP_FILES, POINTS, writeDgp } from "../../data/dgp_fixture.ts";
import { writeNuscenes } from "../../data/nuscenes/nuscenes_fixture.ts";
import { pngChunk, pngData, pngFile, pngHeader } from "../../support/png_parts.ts";
import {
  edit,
  fileKinds,
  NO_NAN,
  NO_PATH,
  none,
  put,
  read,
  refused,
  withMark,
  type FormatRow,
  type Place,
} from "./kinds.ts";

const [HEIGHT, WIDTH] = [32, 64];

/** Reads the first moment of a data set, with its depth. */
function inspect(kind: string): FormatRow["read"] {
  return {
    command: ({ root }: Place) => [
      "data",
      "inspect",
      `${kind}:${root}`,
      "--sheet",
      join(root, "..", "sheet.png"),
    ],
  };
}

/** A .npy file from its header and its data. */
function npy(header: string, body: Uint8Array = new Uint8Array(0)): Uint8Array {
  const text = Buffer.from(`${header}\n`, "latin1");
  const start = Buffer.from("\x93NUMPY\x01\0\0\0", "latin1");
  start.writeUInt16LE(text.length, 8);
  return Buffer.concat([start, text, body]);
}

const fields = (descr: string, shape: string, order = "False"): string =>
  `{'descr': ${descr}, 'fortran_order': ${order}, 'shape': ${shape}, }`;

/** Numbers [rows, columns] as f32 or f64, in any order of bytes and axes. */
function numbers(
  values: ArrayLike<number>,
  shape: readonly [number, number],
  form: { readonly bytes?: 4 | 8; readonly big?: boolean; readonly fortran?: boolean },
): Uint8Array {
  const { bytes = 4, big = false, fortran = false } = form;
  const body = Buffer.alloc(values.length * bytes);
  const view = new DataView(body.buffer, body.byteOffset);
  const [rows, columns] = shape;
  for (let i = 0; i < values.length; i++) {
    const [row, column] = [Math.floor(i / columns), i % columns];
    const at = bytes * (fortran ? column * rows + row : i);
    if (bytes === 4) view.setFloat32(at, values[i], !big);
    else view.setFloat64(at, values[i], !big);
  }
  const descr = `'${big ? ">" : "<"}f${bytes}'`;
  return npy(fields(descr, `(${shape.join(", ")})`, fortran ? "True" : "False"), body);
}

const DEPTH = ramp();
const withNaN = (values: ArrayLike<number>): number[] =>
  Array.from(values, (value, i) => (i === 70 ? Number.NaN : value));

/** The kinds of a .npy as `wrap` stores it; `good` are its numbers. */
function arrayKinds(
  good: ArrayLike<number>,
  shape: readonly [number, number],
  wrap: (bytes: Uint8Array) => Uint8Array,
): Pick<
  FormatRow["kinds"],
  | "wrong dtype"
  | "Fortran order"
  | "big-endian"
  | "unknown name"
  | "a size that overflows"
  | "deep nesting"
  | "an integer beyond 2^53"
  | "a string for a number"
> {
  const bad = (header: string, body?: Uint8Array) => put(wrap(npy(header, body)));
  return {
    "wrong dtype": refused(/type "<c8"/, bad(fields("'<c8'", "(1,)"), new Uint8Array(8))),
    "Fortran order": read(put(wrap(numbers(good, shape, { fortran: true })))),
    "big-endian": read(put(wrap(numbers(good, shape, { bytes: 8, big: true })))),
    "unknown name": refused(
      /not a dict of descr, fortran_order, shape/,
      bad(fields("'<f4'", "(1,)").replace("descr", "dtype"), new Uint8Array(4)),
    ),
    "a size that overflows": refused(
      /impossibly large/,
      bad(fields("'<f4'", "(4294967296, 4294967296)")),
    ),
    "deep nesting": refused(/no Python literal/, bad("(".repeat(5000))),
    "an integer beyond 2^53": refused(
      /whole numbers from 0/,
      bad(fields("'<f4'", "(9007199254740993,)")),
    ),
    "a string for a number": refused(/whole numbers from 0/, bad(fields("'<f4'", "('32', '64')"))),
  };
}

const npyRow: FormatRow = {
  name: "npy",
  readers: ["formats/npy.ts", "data/folder.ts", "evaluate/prediction_folder.ts"],
  write: async (root) => {
    await writeFolder(root, true);
    return join(root, "depth/m0/front.npy");
  },
  read: inspect("folder"),
  kinds: {
    ...fileKinds(/it is cut short/, /not a \.npy file/, /no file for camera front/),
    ...arrayKinds(DEPTH, [HEIGHT, WIDTH], (bytes) => bytes),
    "wrong shape": refused(
      /depth map \[64, 32\]; its camera has \[32, 64\]/,
      put(writeNpy(DEPTH, [64, 32])),
    ),
    NaN: refused(/row 1, column 6 is NaN/, put(numbers(withNaN(DEPTH), [HEIGHT, WIDTH], {}))),
    "a key twice": refused(/no Python literal/, put(npy("{'descr': '<f4', 'descr': '<f4'}"))),
    "a path that leaves the root": NO_PATH,
    "a byte order mark": refused(/not a \.npy file/, withMark),
  },
};

const zipped = (bytes: Uint8Array): Uint8Array => zipSync({ "data.npy": bytes }, { level: 0 });
/** The name of a member in both of its headers. */
const renamed =
  (from: string, to: string) =>
  (bytes: Buffer): Uint8Array =>
    Buffer.from(bytes.toString("latin1").replaceAll(from, to), "latin1");

const npzRow: FormatRow = {
  name: "npz",
  readers: ["formats/npz.ts", "formats/zip.ts", "data/ddad.ts"],
  write: async (root) => {
    await writeDgp(root);
    return join(root, DGP_FILES.cloud);
  },
  read: inspect("ddad"),
  kinds: {
    ...fileKinds(/zip|cut short|archive/, /zip|empty|archive/),
    ...arrayKinds(POINTS.flat(), [4, 4], zipped),
    "wrong shape": refused(
      /expected points \[n, 3\]/,
      put(zipped(writeNpy(new Float32Array(16), [16]))),
    ),
    NaN: refused(
      /Y of point 1 is NaN/,
      put(zipped(numbers([20, 0, 1, 0, 10, Number.NaN, 1, 0], [2, 4], {}))),
    ),
    "unknown name": refused(/no array "data"/, put(zipSync({ "data.txt": new Uint8Array(9) }))),
    "a key twice": refused(
      /twice/,
      put(() => {
        const array = numbers(POINTS.flat(), [4, 4], {});
        const two = zipSync({ "data.npy": array, "date.npy": array }, { level: 0 });
        return renamed("date.npy", "data.npy")(Buffer.from(two));
      }),
    ),
    "a path that leaves the root": none("members are read in memory; none becomes a file"),
    // A zip archive may follow other bytes.
    "a byte order mark": read(withMark),
  },
};

const ROWS = Buffer.concat(
  Array.from({ length: HEIGHT }, () => Buffer.concat([Buffer.of(0), Buffer.alloc(2 * WIDTH, 1)])),
);
const END = pngChunk("IEND");
const png = (header: Uint8Array, ...more: Uint8Array[]): Uint8Array =>
  pngFile(header, ...more, pngData(ROWS), END);

/** What the two PNG formats share. */
const PNG_KINDS = {
  ...fileKinds(/cut short|checksum/, /is empty|not a PNG/, /no file for camera front/),
  "Fortran order": none("rows always come first"),
  "big-endian": none("the format is big-endian by definition"),
  NaN: NO_NAN,
  "unknown name": refused(
    /chunk ABCD is not/,
    put(png(pngHeader(WIDTH, HEIGHT), pngChunk("ABCD"))),
  ),
  "a key twice": refused(
    /IHDR is not its first chunk/,
    put(png(pngHeader(WIDTH, HEIGHT), pngHeader(WIDTH, HEIGHT))),
  ),
  "a path that leaves the root": NO_PATH,
  "a size that overflows": refused(
    /2147483647 x 2147483647 pixels; at most/,
    put(png(pngHeader(2 ** 31 - 1, 2 ** 31 - 1))),
  ),
  "a byte order mark": refused(/format is unknown|not a PNG/, withMark),
  "deep nesting": none("its chunks do not nest"),
  "an integer beyond 2^53": refused(
    /is cut short/,
    edit((bytes) => {
      // The length of the second chunk has 32 bits: the largest that fits.
      bytes.fill(0xff, 33, 37);
      return bytes;
    }),
  ),
  "a string for a number": none("its numbers are binary"),
} as const;

async function image(
  channels: 1 | 3,
  as: "png" | "jpeg",
  height = HEIGHT,
  width = WIDTH,
  level = 90,
): Promise<Uint8Array> {
  const pixels = new Uint8Array(height * width * channels).fill(level);
  const open = sharp(pixels, { raw: { height, width, channels } });
  return await (as === "png" ? open.png() : open.jpeg()).toBuffer();
}

const png8Row: FormatRow = {
  name: "PNG of 8 bits (an image)",
  readers: ["formats/png.ts", "formats/image_structure.ts", "data/image_file.ts"],
  write: async (root) => {
    await writeFolder(root, true);
    rmSync(join(root, "images/m0/front.jpg"));
    const file = join(root, "images/m0/front.png");
    writeFileSync(file, await image(3, "png"));
    return file;
  },
  read: inspect("folder"),
  kinds: {
    ...PNG_KINDS,
    "wrong dtype": refused(/type 3 of 16 bits/, put(png(pngHeader(WIDTH, HEIGHT, 16, 3)))),
    "wrong shape": refused(
      /image is 32 x 32 pixels/,
      put(async () => await image(3, "png", 32, 32)),
    ),
  },
};

const png16Row: FormatRow = {
  name: "PNG of 16 bits (a depth map)",
  readers: ["formats/png16.ts"],
  write: async (root) => {
    await writeFolder(root, true);
    rmSync(join(root, "depth/m0/front.npy"));
    const file = join(root, "depth/m0/front.png");
    writeFileSync(file, await writeDepthPng({ height: HEIGHT, width: WIDTH, depth_m: DEPTH }));
    return file;
  },
  read: inspect("folder"),
  kinds: {
    ...PNG_KINDS,
    "wrong dtype": refused(
      /PNG of 8-bit grey/,
      put(async () => {
        const grey = sharp(new Uint8Array(HEIGHT * WIDTH), {
          raw: { height: HEIGHT, width: WIDTH, channels: 1 },
        });
        return await grey.toColourspace("b-w").png().toBuffer();
      }),
    ),
    "wrong shape": refused(
      /depth map \[1, 2048\]; its camera has \[32, 64\]/,
      put(async () => await writeDepthPng({ height: 1, width: HEIGHT * WIDTH, depth_m: DEPTH })),
    ),
  },
};

const maskRow: FormatRow = {
  name: "PNG of 8 bits (a mask)",
  readers: ["data/masks.ts", "data/scene_masks.ts"],
  write: async (root) => {
    await writeFolder(root, true);
    mkdirSync(join(root, "mask"));
    const file = join(root, "mask/front.png");
    writeFileSync(file, await image(1, "png", HEIGHT, WIDTH, 255));
    return file;
  },
  read: inspect("folder"),
  kinds: {
    ...png8Row.kinds,
    missing: read(({ file }) => rmSync(file)),
    "a directory in its place": refused(/folder|regular file|not read/, ({ file }) => {
      rmSync(file);
      mkdirSync(file);
    }),
  },
};

/** Changes two bytes of the frame header of a JPEG, which has the precision and the size. */
const frame = (offset: number, high: number, low: number) =>
  edit((bytes) => {
    const at = bytes.indexOf(Buffer.of(0xff, 0xc0));
    bytes[at + offset] = high;
    bytes[at + offset + 1] = low;
    return bytes;
  });

const jpegRow: FormatRow = {
  name: "JPEG",
  readers: ["formats/image_structure.ts", "data/image_file.ts"],
  write: async (root) => {
    await writeFolder(root, true);
    return join(root, "images/m0/front.jpg");
  },
  read: inspect("folder"),
  kinds: {
    ...fileKinds(/damaged or cut short/, /is empty/, /no file for camera front/),
    "wrong dtype": refused(/cannot decode the image/, frame(4, 13, 0)),
    "wrong shape": refused(
      /image is 32 x 32 pixels/,
      put(async () => await image(3, "jpeg", 32, 32)),
    ),
    "Fortran order": none("rows always come first"),
    "big-endian": none("the format is big-endian by definition"),
    NaN: NO_NAN,
    "unknown name": refused(/only JPEG and PNG are read/, put("GIF89a and more")),
    "a key twice": refused(
      /damaged or cut short/,
      edit((bytes) => {
        const at = bytes.indexOf(Buffer.of(0xff, 0xc0));
        const header = bytes.subarray(at, at + 2 + bytes.readUInt16BE(at + 2));
        return Buffer.concat([bytes.subarray(0, at), header, bytes.subarray(at)]);
      }),
    ),
    "a path that leaves the root": NO_PATH,
    "a size that overflows": refused(/65535 x 32 pixels|65535/, frame(7, 0xff, 0xff)),
    "a byte order mark": refused(/format is unknown/, withMark),
    "deep nesting": none("its segments do not nest"),
    "an integer beyond 2^53": none("its numbers have 16 bits"),
    "a string for a number": none("its numbers are binary"),
  },
};

/** The cloud as rows of another type or order of bytes. */
const rowsAs = (write: (view: DataView, i: number, value: number) => void, bytes: 4 | 8) =>
  edit((cloud) => {
    const from = new DataView(cloud.buffer, cloud.byteOffset, cloud.length);
    const to = Buffer.alloc((cloud.length / 4) * bytes);
    const view = new DataView(to.buffer, to.byteOffset);
    for (let i = 0; i < cloud.length / 4; i++) write(view, i, from.getFloat32(4 * i, true));
    return to;
  });

const cloudRow: FormatRow = {
  name: "pcd.bin",
  readers: ["data/nuscenes/cloud.ts", "data/lidar_moment.ts"],
  write: async (root) => {
    await writeNuscenes(root);
    const file = join(root, "samples/LIDAR_TOP/a0.pcd.bin");
    // Numbers as a sensor has them, with digits in every byte.
    const points = Array.from({ length: 60 }, (_, i) => 3.1 + Math.sin(i + 1) * (2 + (i % 17)));
    const bytes = Buffer.alloc(points.length * 4);
    points.forEach((value, i) => bytes.writeFloatLE(value, 4 * i));
    writeFileSync(file, bytes);
    return file;
  },
  read: inspect("nuscenes"),
  kinds: {
    ...fileKinds(/expected rows of 5 f32 \(20 bytes\)/, /has 0 bytes/),
    truncated: refused(
      /expected rows of 5 f32/,
      edit((bytes) => bytes.subarray(0, 99)),
    ),
    "wrong dtype": refused(
      /of point \d+ is .*another type or order of bytes/,
      rowsAs((view, i, value) => view.setFloat64(8 * i, value, true), 8),
    ),
    "wrong shape": refused(
      /expected rows of 5 f32/,
      edit((bytes) => bytes.subarray(0, 64)),
    ),
    "Fortran order": none("it has no header: columns before rows cannot be told apart"),
    "big-endian": refused(
      /of point \d+ is .*another type or order of bytes/,
      rowsAs((view, i, value) => view.setFloat32(4 * i, value, false), 4),
    ),
    NaN: refused(
      /y of point 0 is NaN/,
      edit((bytes) => {
        bytes.writeFloatLE(Number.NaN, 4);
        return bytes;
      }),
    ),
    "unknown name": refused(/is a PCD file/, put("# .PCD v0.7\nVERSION 0.7\n")),
    "a key twice": none("it has no keys"),
    "a path that leaves the root": NO_PATH,
    "a size that overflows": none("it states no size"),
    "a byte order mark": refused(/expected rows of 5 f32/, withMark),
    "deep nesting": none("it is a flat list of numbers"),
    "an integer beyond 2^53": none("its numbers are f32"),
    "a string for a number": refused(/expected rows of 5 f32/, put("1.5 2.5 3.5 0 0\n")),
  },
};

const PFM = { height: 2, width: 3, channels: 1, data: Float32Array.of(1, 2, 3, 4, 5, 6) } as const;
const pfmRow: FormatRow = {
  name: "PFM (a teacher's map)",
  readers: ["formats/pfm.ts", "teacher/map_files.ts", "teacher/file_parts.ts"],
  write: (root) => {
    mkdirSync(join(root, "m0"), { recursive: true });
    const file = join(root, "m0/front.pfm");
    writeFileSync(file, writePfm(PFM));
    return file;
  },
  read: {
    by: async ({ root }) =>
      await readMap(root, { sample: "m0", camera: "front", suffix: "", channels: 1 }),
  },
  named: "m0/front",
  kinds: {
    ...fileKinds(/PFM|cut short|bytes/, /not a PFM/, /no teacher map/),
    "a directory in its place": refused(/folder|regular file|no teacher map/, ({ file }) => {
      rmSync(file);
      mkdirSync(file);
    }),
    "wrong dtype": refused(/not a PFM/, put("P5\n3 2\n255\n123456")),
    "wrong shape": refused(
      /has 3 channels, expected one/,
      put(writePfm({ height: 1, width: 2, channels: 3, data: PFM.data })),
    ),
    "Fortran order": none("rows always come first, from the bottom"),
    "big-endian": read(
      edit((bytes) => {
        const text = bytes.toString("latin1").replace(/-1\.0+\n/, "1.0\n");
        const swapped = Buffer.from(text, "latin1");
        swapped.subarray(-24).swap32();
        return swapped;
      }),
    ),
    NaN: refused(
      /is NaN/,
      put(writePfm({ ...PFM, data: Float32Array.of(1, 2, Number.NaN, 4, 5, 6) })),
    ),
    "unknown name": refused(/not a PFM/, put("Px\n3 2\n-1\n")),
    "a key twice": none("it has no keys"),
    "a path that leaves the root": NO_PATH,
    "a size that overflows": refused(/pixels/, put("Pf\n999999999 9\n-1\n")),
    "a byte order mark": refused(/not a PFM/, withMark),
    "deep nesting": none("it is flat"),
    "an integer beyond 2^53": refused(/not a PFM|pixels/, put("Pf\n9007199254740993 1\n-1\n")),
    "a string for a number": refused(/not a PFM/, put("Pf\nthree 2\n-1\n")),
  },
};

/** The rows of this file. */
export const ARRAY_ROWS: readonly FormatRow[] = [
  npyRow,
  npzRow,
  png8Row,
  png16Row,
  maskRow,
  jpegRow,
  cloudRow,
  pfmRow,
];
