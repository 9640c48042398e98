// The readers of paths, with valid files to damage: each file is damaged, read and restored.
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { ddad } from "../../src/data/ddad.ts";
import { folder } from "../../src/data/folder.ts";
import { writeSafetensors } from "../../src/formats/safetensors.ts";
import { initialStore, type CpuStore } from "../../src/graph/cpu_store.ts";
import { graph } from "../../src/graph/graph.ts";
import { openCheckpoint, writeCheckpoint } from "../../src/train/checkpoint.ts";
import { readStudent } from "../../src/train/student_file.ts";
import { DGP_FILES, writeDgp } from "../data/dgp_fixture.ts";
import type { Grammar, HostileReader, OpenReader } from "./mutate.ts";
import { withChecksums } from "./png_parts.ts";

const JSON_TOKENS = ["{", "}", "[", "]", ",", ":", '"', '{"a":', "[[", "null", "true", "-1"];
const BINARY: Grammar = { tokens: ["\0", "\u00ff\u00ff", "\n"], isText: false };

/** The readers of paths. */
export const FILE_READERS: readonly HostileReader[] = [
  reader("DGP JSON", jsonOf('"datum"', '"image"', '"rotation":', '"qw":', '"../x"'), 1, dgp),
  reader("rig.json", jsonOf('"cameras"', '"fx"', '"ring":', '"rotation":'), 1, rig),
  reader("PNG image", BINARY, 5, async (root) => await image(root, "png")),
  reader("JPEG image", BINARY, 5, async (root) => await image(root, "jpg")),
  reader(
    "student",
    { tokens: ['"steps"', '"config"', "\\n", ...JSON_TOKENS], isText: true },
    1,
    student,
  ),
  reader("checkpoint", { tokens: ['"step"', ...JSON_TOKENS], isText: true }, 1, checkpoint),
];

function jsonOf(...tokens: readonly string[]): Grammar {
  return { tokens: [...tokens, ...JSON_TOKENS], isText: true };
}

/** A reader in its own folder, which is deleted after use. */
function reader(
  name: string,
  grammar: Grammar,
  every: number,
  make: (root: string) => Promise<OpenReader>,
): HostileReader {
  const open = async (): Promise<OpenReader> => {
    const root = mkdtempSync(join(tmpdir(), "ringdepth-hostile-"));
    return { ...(await make(root)), close: () => rmSync(root, { recursive: true }) };
  };
  return { name, grammar, every, open };
}

/** Damages `files` of a folder, one after the other, for a reader of the whole folder. */
function inPlace(files: readonly string[], read: () => Promise<unknown>): OpenReader {
  const seeds = files.map((file) => readFileSync(file));
  let damaged = 0;
  return {
    seeds,
    read: async (bytes, seed) => {
      if (damaged !== seed) writeFileSync(files[damaged], seeds[damaged]);
      damaged = seed;
      writeFileSync(files[seed], bytes);
      return await read();
    },
  };
}

async function dgp(root: string): Promise<OpenReader> {
  await writeDgp(root);
  const files = [DGP_FILES.set, DGP_FILES.scene, DGP_FILES.calibration];
  return inPlace(
    files.map((file) => join(root, file)),
    async () => await ddad(root, "train"),
  );
}

async function writeRig(root: string, type: "png" | "jpg"): Promise<string> {
  const pinhole = { fx: 8, fy: 8, cx: 3.5, cy: 1.5, rotation: [0.5, -0.5, 0.5, -0.5] };
  const camera = { name: "front", width: 8, height: 4, ...pinhole, translation_m: [0, 0, 1.5] };
  writeFileSync(join(root, "rig.json"), JSON.stringify({ cameras: [camera], ring: ["front"] }));
  mkdirSync(join(root, "images", "a"), { recursive: true });
  const file = join(root, "images", "a", `front.${type}`);
  const pixels = Uint8Array.from({ length: 96 }, (_, i) => (i * 37) % 256);
  await sharp(pixels, { raw: { width: 8, height: 4, channels: 3 } }).toFile(file);
  return file;
}

async function rig(root: string): Promise<OpenReader> {
  await writeRig(root, "png");
  return inPlace([join(root, "rig.json")], async () => await folder(root, "train"));
}

async function image(root: string, type: "png" | "jpg"): Promise<OpenReader> {
  const file = await writeRig(root, type);
  const source = await folder(root, "train");
  const open = inPlace([file], async () => await source.sample(0, { height: 2, width: 4 }));
  return type === "png" ? { ...open, repair: withChecksums } : open;
}

function tinyStore(): CpuStore {
  const g = graph();
  g.parameter("weight", [3, 2], () => Float32Array.of(1, 2, 3, 4, 5, 6));
  g.state("mean", [4], 0);
  return initialStore(g, 0);
}

async function student(root: string): Promise<OpenReader> {
  const file = join(root, "student.safetensors");
  const config = "student: nano\nsize: {height: 32, width: 64}\n";
  const metadata = { format: "ringdepth student", config, depth_max_m: "80", steps: "3" };
  const tensors = [
    { name: "weight", shape: [3, 2], data: Float32Array.of(1, 2, 3, 4, 5, 6) },
    { name: "state/mean", shape: [4], data: new Float32Array(4) },
  ];
  writeFileSync(file, writeSafetensors(tensors, metadata));
  const store = tinyStore();
  const open = inPlace([file], async () => {
    (await readStudent(file, () => {})).load(store);
  });
  return await Promise.resolve({ ...open, repair: withHeaderLength });
}

async function checkpoint(root: string): Promise<OpenReader> {
  const store = tinyStore();
  const info = { step: 12, config: "steps: 3\n", depth_max_m: 80 };
  const file = await writeCheckpoint(root, store, info);
  const open = inPlace([file], async () => {
    (await openCheckpoint(file)).load(tinyStore());
  });
  return { ...open, repair: (damaged, seed) => withSeal(withHeaderLength(damaged, seed)) };
}

const SEAL = '"checksum":"sha256-';
const DIGITS = 64;

/**
 * Corrects the digest of a sealed file, which covers all its bytes with zeros in place of the
 * digest.
 */
function withSeal(damaged: Buffer): Buffer {
  const at = damaged.indexOf(SEAL) + SEAL.length;
  if (at < SEAL.length || at + DIGITS > damaged.length) return damaged;
  damaged.fill("0", at, at + DIGITS);
  damaged.write(createHash("sha256").update(damaged).digest("hex"), at);
  return damaged;
}

/** Adds the bytes that were inserted into a safetensors file to its header length. */
export function withHeaderLength(damaged: Buffer, seed: Uint8Array): Buffer {
  if (damaged.length < 8) return damaged;
  const length = new DataView(seed.buffer, seed.byteOffset).getUint32(0, true);
  damaged.writeBigUInt64LE(BigInt(Math.max(0, length + damaged.length - seed.length)), 0);
  return damaged;
}
