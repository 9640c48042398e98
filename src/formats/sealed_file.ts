// Sealed safetensors: students and checkpoints carry a SHA-256 over every byte of the file, so that
// damage is found before anything in it is interpreted. Any program that reads safetensors can read
// a sealed file.
import { InputError } from "../tensor/error.ts";
import {
  readSafetensors,
  writeSafetensors,
  type NewTensor,
  type SafetensorsFile,
} from "./safetensors.ts";
import { sha256 } from "./sha256.ts";

/** A file as read, and whether it had a seal (always a valid one). */
export interface SealedFile extends SafetensorsFile {
  readonly sealed: boolean;
}

// The digest covers the whole file, with zeros where its own digits are.
const ZEROS = "0".repeat(64);
const DIGEST_MARK = `"checksum":"sha256-`;
// The second mark distinguishes a damaged digest mark from a file that never had a seal.
const SEAL_MARK = `"sealed":"whole file"`;
// The header of a safetensors file begins with its metadata.
const SEARCHED_BYTES = 2 ** 20;
// A function takes a limited number of arguments.
const PIECE_BYTES = 8192;

/**
 * The bytes of a sealed safetensors file, the same for the same content. Throws if the metadata
 * already has a key of the seal ("checksum", "sealed").
 */
export function sealSafetensors(
  tensors: readonly NewTensor[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  if ("checksum" in metadata || "sealed" in metadata) {
    throw new Error("sealSafetensors: checksum and sealed are keys of the seal");
  }
  const seal = { checksum: `sha256-${ZEROS}`, sealed: "whole file" };
  const bytes = writeSafetensors(tensors, { ...metadata, ...seal });
  const at = digestPlace(bytes)!;
  bytes.set(new TextEncoder().encode(digest(bytes, at)), at);
  return bytes;
}

/**
 * Reads a safetensors file, sealed or not; the caller decides whether to accept one without a seal.
 * Throws `InputError` naming `file` if the seal does not match, and as `readSafetensors` does.
 */
export function openSealed(bytes: Uint8Array, file: string): SealedFile {
  const at = digestPlace(bytes);
  if (at === null) {
    if (place(bytes, SEAL_MARK) !== -1) throw damaged(file);
    return { ...readSafetensors(bytes, file), sealed: false };
  }
  const stored = latin1(bytes.subarray(at, at + ZEROS.length));
  if (stored !== digest(bytes, at)) throw damaged(file);
  const { tensors, metadata } = readSafetensors(bytes, file);
  const { checksum: _checksum, sealed: _sealed, ...rest } = metadata;
  return { tensors, metadata: rest, sealed: true };
}

function damaged(file: string): InputError {
  return new InputError(`${file}: it is damaged: its checksum does not match its content`);
}

/** Offset of the digest's digits, or null if there are none. */
function digestPlace(bytes: Uint8Array): number | null {
  const at = place(bytes, DIGEST_MARK);
  return at === -1 ? null : at + DIGEST_MARK.length;
}

/**
 * The offset of `mark` in the header; in JSON it can only be a key with its value, because quotes
 * are escaped.
 */
function place(bytes: Uint8Array, mark: string): number {
  return latin1(bytes.subarray(0, SEARCHED_BYTES)).indexOf(mark);
}

/** One character per byte. */
function latin1(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    text += String.fromCharCode(...bytes.subarray(at, at + PIECE_BYTES));
  }
  return text;
}

function digest(bytes: Uint8Array, at: number): string {
  return sha256(bytes.subarray(0, at), ZEROS, bytes.subarray(at + ZEROS.length));
}
