// Sealed files: every flipped bit and every cut is told as damage, before anything is interpreted.
import { expect, test } from "vitest";
import { readSafetensors, writeSafetensors } from "../../src/formats/safetensors.ts";
import { openSealed, sealSafetensors } from "../../src/formats/sealed_file.ts";
import { randomStream } from "../../src/tensor/random.ts";

const random = randomStream(5);
const tensors = [
  {
    name: "weight",
    shape: [40, 30],
    data: Float32Array.from({ length: 1200 }, () => random.normal()),
  },
  { name: "bias", shape: [3], data: Float32Array.from([1, 2, 3]) },
];
const metadata = { config: 'text with "checksum":"sha256-" in it\n', step: "12" };
const bytes = sealSafetensors(tensors, metadata);

function refusal(content: Uint8Array): string {
  try {
    openSealed(content, "file");
    return "taken";
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`;
  }
}

test("a sealed file gives back tensors and metadata, and any reader reads it", () => {
  const read = openSealed(bytes, "file");
  expect(read.sealed).toBe(true);
  expect(read.metadata).toEqual(metadata);
  expect(read.tensors.get("bias")!.data).toEqual(tensors[1].data);
  expect([...readSafetensors(bytes, "file").tensors.keys()].sort()).toEqual(["bias", "weight"]);
  expect(sealSafetensors(tensors, metadata)).toEqual(bytes);
});

test("each single bit of the header and 2,000 random ones elsewhere are found", () => {
  const header = 8 + Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const places = Array.from({ length: 8 * header }, (_, bit) => bit);
  for (let i = 0; i < 2000; i++) places.push(Math.floor(8 * bytes.length * random.uniform()));
  for (const bit of places) {
    const copy = bytes.slice();
    copy[bit >> 3] ^= 1 << (bit & 7);
    expect(refusal(copy), `bit ${bit}`).toMatch(/^InputError: file: it is damaged/);
  }
});

test("cut at every byte, and with bytes added, the file is refused", () => {
  for (let length = 0; length < bytes.length; length++) {
    expect(refusal(bytes.subarray(0, length)), `${length} bytes`).toMatch(/^InputError: file: /);
  }
  expect(refusal(Uint8Array.from([...bytes, 0]))).toMatch(/damaged/);
});

test("a file without a seal is read as such", () => {
  const read = openSealed(writeSafetensors(tensors, { step: "3" }), "file");
  expect(read).toMatchObject({ sealed: false, metadata: { step: "3" } });
});

test("the keys of the seal are refused as metadata", () => {
  expect(() => sealSafetensors([], { checksum: "1" })).toThrow("keys of the seal");
});
