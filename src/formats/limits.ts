// Limits beyond which readers refuse a file before they read on or allocate. A file beyond a limit
// is a mistake or an attack: each limit is far above the needs of real data, for the reason stated.
import { InputError } from "../tensor/error.ts";

/** The limits of all readers. */
export const LIMITS = {
  /** A whole JSON file; the scenes and calibrations of DDAD have up to a few MB each. */
  json_bytes: 67_108_864,
  /** Objects and arrays within each other; serde_json and so the safetensors reference stop here. */
  json_depth: 128,
  /** Keys of one object; the largest published networks have a few thousand tensors per file. */
  json_keys: 100_000,
  /** Values of one file; parsing and checking this many takes a second. */
  json_values: 2_000_000,

  /** A YAML file; a configuration has 5 kB with its explanations. */
  yaml_bytes: 16_384,
  /** Mappings and sequences within each other; a configuration nests three deep. */
  yaml_depth: 16,
  /** Keys and items; the parser compares each key of a mapping with all others. */
  yaml_items: 2_000,
  /** Values that aliases repeat, the parser's own default. */
  yaml_aliases: 100,

  /** The reference's guard against a header length that is not one. */
  safetensors_header_bytes: 100_000_000,

  /** numpy's own `max_header_size`. */
  npy_header_bytes: 10_000,
  /** numpy's NPY_MAXDIMS. */
  npy_axes: 64,

  /** Members of an archive; numpy writes one per array. */
  zip_members: 20_000,
  /** A packed file may always unpack to this much: a large LiDAR sweep has 10 MB. */
  unpacked_free_bytes: 67_108_864,
  /** Beyond that, unpacked bytes per packed one: noise gives 1, smooth depth 10, zeros 1,000. */
  unpacked_ratio: 100,

  /** Pixels of an image, the count above which Pillow warns of a bomb. */
  image_pixels: 89_478_485,
  /** Room for an ICC profile of any printer in its packed form. */
  png_profile_bytes: 4_194_304,
  /** Chunks of a PNG; encoders write image data in pieces of 8 KiB or more. */
  png_chunks: 100_000,

  /** Room for many comments; a body is not searched for the end of the header. */
  ply_header_bytes: 65_536,
} as const;

/** Throws `InputError` if `packed` bytes unpack to too many. */
export function checkUnpacked(packed: number, unpacked: number, where: string): void {
  const most = Math.max(LIMITS.unpacked_free_bytes, packed * LIMITS.unpacked_ratio);
  if (unpacked <= most) return;
  throw new InputError(
    `${where}: ${packed} bytes that unpack to ${unpacked} are refused; the limit is ` +
      `${LIMITS.unpacked_ratio} times the packed size, or ${LIMITS.unpacked_free_bytes} bytes`,
  );
}

/** Throws `InputError` where an image has more pixels than `LIMITS.image_pixels`. */
export function checkPixels(width: number, height: number, where: string): void {
  if (width * height <= LIMITS.image_pixels) return;
  throw new InputError(
    `${where}: ${width} x ${height} pixels; at most ${LIMITS.image_pixels} are read`,
  );
}
