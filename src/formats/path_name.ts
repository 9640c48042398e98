// Turns names from manifests into file names: any name of a camera or a moment becomes one harmless
// path component, and no two names share a file.
import { createHash } from "node:crypto";

// A file name may contain a name twice, plus its ending and that of a temporary file; common file
// systems allow 255 bytes.
const LIMIT_BYTES = 100;
const KEPT_BYTES = 80;

// Characters that stay: letters, marks and digits of all scripts, and a few others. They have no
// special meaning to any file system or shell.
const SAFE = /^[\p{L}\p{M}\p{Nd}._ -]$/u;
const DEVICE = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(\.|$)/i;

/**
 * `name` as one component of a path. Equal names give equal components and different names (apart
 * from Unicode normalisation) different ones; a plain name such as CAMERA_01 is unchanged.
 *
 * Other characters are percent-encoded, as are a leading dot, a dot or space at the end and device
 * names. A long name ends in a hash. Only shortened names contain "~".
 */
export function pathName(name: string): string {
  const composed = name.normalize("NFC");
  let encoded = "";
  for (const character of composed)
    encoded += SAFE.test(character) ? character : percent(character);
  if (encoded === "") encoded = "%";
  if (/^[. ]/.test(encoded)) encoded = percent(encoded[0]) + encoded.slice(1);
  if (/[. ]$/.test(encoded)) encoded = encoded.slice(0, -1) + percent(encoded.at(-1)!);
  if (DEVICE.test(encoded)) encoded = percent(encoded[0]) + encoded.slice(1);
  if (Buffer.byteLength(encoded) <= LIMIT_BYTES) return encoded;
  return `${cut(encoded, KEPT_BYTES)}~${hash(composed, 16)}`;
}

/** Hands out distinct names, even for file systems that fold case or normalise names. */
export interface PathNames {
  /**
   * The name of `key`, the same whenever asked: `plain` (the parts of `key` as `pathName` writes
   * them, joined by "_", unless given), which must be made of such names. If an earlier key has
   * that name already, it ends in "~" and a hash of the key.
   */
  readonly of: (key: string, plain?: string) => string;
}

/**
 * Names of files or folders in one folder. `taken` exist already; `endings` are what the files of
 * one name append to it.
 */
export function pathNames(
  taken: readonly string[] = [],
  endings: readonly string[] = [""],
): PathNames {
  const held = new Set(taken.map(folded));
  const given = new Map<string, string>();
  const isFree = (name: string): boolean =>
    endings.every((ending) => !held.has(folded(name + ending)));
  // Parts of an id stay readable: "folder/moment" becomes folder_moment.
  const of = (key: string, plain: string = key.split("/").map(pathName).join("_")): string => {
    const before = given.get(key);
    if (before !== undefined) return before;
    const fits = Buffer.byteLength(plain) <= LIMIT_BYTES && isFree(plain);
    const name = fits ? plain : `${cut(plain, KEPT_BYTES)}~${hash(key, 16)}`;
    given.set(key, name);
    for (const ending of endings) held.add(folded(name + ending));
    return name;
  };
  return { of };
}

/** A name as seen by a file system that ignores case and normalisation. */
export function folded(name: string): string {
  return name.normalize("NFKC").toUpperCase().toLowerCase().normalize("NFKC");
}

/**
 * Percent-encoding of the UTF-8 bytes; a lone surrogate, which has no UTF-8, is encoded by its
 * code.
 */
function percent(character: string): string {
  const code = character.codePointAt(0)!;
  if (code >= 0xd800 && code <= 0xdfff) return `%u${code.toString(16).toUpperCase()}`;
  return [...Buffer.from(character)]
    .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`)
    .join("");
}

/** The longest prefix of at most `bytes` bytes that splits no character and no encoding. */
function cut(text: string, bytes: number): string {
  let kept = "";
  let length = 0;
  for (const [unit] of text.matchAll(/%u[0-9A-F]{4}|%[0-9A-F]{2}|./gsu)) {
    length += Buffer.byteLength(unit);
    if (length > bytes) break;
    kept += unit;
  }
  return kept;
}

function hash(text: string, digits: number): string {
  return createHash("sha256").update(text, "utf16le").digest("hex").slice(0, digits);
}
