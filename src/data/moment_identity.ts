// Identifies a moment wherever its files are: the id that the source gives, and a hash of what the
// cameras saw. Copying or renaming a folder changes only the id.
import { sha256 } from "../formats/sha256.ts";

/** A moment by name and by content. */
export interface MomentIdentity {
  /** The `id` of its sample. */
  readonly id: string;
  /**
   * Equal for moments with the same content; a hash, or a text that describes the content fully.
   */
  readonly content: string;
}

const KEY_DIGITS = 16;

/** 64 bits of the hash of an id or a content, in hexadecimal. */
export function identityKey(text: string): string {
  return sha256(text).slice(0, KEY_DIGITS);
}
