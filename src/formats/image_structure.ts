// Checks an image file before a decoder sees it: by content it must be JPEG or PNG, whatever its
// name, and complete. Also reads its size.
import { InputError } from "../tensor/error.ts";
import { checkPixels } from "./limits.ts";
import { readPngChunks } from "./png.ts";

interface Size {
  readonly height: number;
  readonly width: number;
}

/**
 * Pixels of a whole JPEG or PNG file. Throws InputError naming `file` for any other format, an empty
 * file, one that is damaged or cut short, and more pixels than `LIMITS` allow.
 */
export function imageSize(bytes: Uint8Array, file: string): Size {
  if (bytes.length === 0) throw new InputError(`${file}: the file is empty`);
  const format = formatOf(bytes);
  if (format === "PNG") return readPngChunks(bytes, file);
  if (format !== "JPEG") {
    const what = format === null ? "its format is unknown" : `it is ${format}`;
    throw new InputError(
      `${file}: cannot decode the image: ${what}; only JPEG and PNG are read, whatever the name says`,
    );
  }
  const size = jpegSize(bytes);
  if (typeof size === "string") throw new InputError(`${file}: cannot decode the image: ${size}`);
  checkPixels(size.width, size.height, file);
  return size;
}

/** Beginnings of formats, as Latin-1 text; "?" is any byte. */
const BEGINNINGS: readonly (readonly [start: string, format: string])[] = [
  ["\u00ff\u00d8\u00ff", "JPEG"],
  ["\u0089PNG\r\n\u001a\n", "PNG"],
  ["GIF8", "GIF"],
  ["II*\u0000", "TIFF"],
  ["MM\u0000*", "TIFF"],
  ["II+\u0000", "TIFF"],
  ["MM\u0000+", "TIFF"],
  ["RIFF????WEBP", "WebP"],
  ["????ftypavi", "AVIF"],
  ["????ftyp", "HEIF or another container of MPEG-4"],
  ["BM", "BMP"],
  ["\u0000\u0000\u0000\fjP  ", "JPEG 2000"],
  ["\u00ffO\u00ffQ", "JPEG 2000"],
  ["\u00ff\n", "JPEG XL"],
  ["\u0000\u0000\u0000\fJXL ", "JPEG XL"],
  ["v/1\u0001", "OpenEXR"],
  ["#?R", "Radiance HDR"],
  ["%PDF", "PDF"],
  ["\u0093NUMPY", "npy"],
  ["PF\n", "PFM"],
  ["Pf\n", "PFM"],
  ["\u001f\u008b", "gzip"],
];

function formatOf(bytes: Uint8Array): string | null {
  const found = BEGINNINGS.find(([start]) =>
    Array.from(start).every((sign, i) => sign === "?" || bytes[i] === sign.charCodeAt(0)),
  );
  if (found) return found[1];
  const text = new TextDecoder("latin1").decode(bytes.subarray(0, 1024));
  if (!/^[\s\u00ef\u00bb\u00bf]*</.test(text)) return null;
  return /<svg/i.test(text) ? "SVG" : "a text in XML or HTML";
}

const CUT_SHORT = "it is damaged or cut short";
const SCAN_LIMIT = 100;

/** The size of a JPEG whose markers are complete, or its fault. */
function jpegSize(bytes: Uint8Array): Size | string {
  const word = (at: number): number => (bytes[at] << 8) | bytes[at + 1];
  let size: Size | undefined;
  const coverage = new Map<number, Uint8Array>();
  let isProgressive = false;
  let scans = 0;
  let at = 2;
  for (;;) {
    if (bytes[at] !== 0xff) return CUT_SHORT;
    while (bytes[at] === 0xff) at++;
    const marker = bytes[at++];
    if (marker === 0xd9) break;
    if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7)) continue;
    if (marker === undefined || at + 2 > bytes.length) return CUT_SHORT;
    const end = at + word(at);
    if (word(at) < 2 || end > bytes.length) return CUT_SHORT;
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) {
      const components = bytes[at + 7];
      if (size !== undefined || end < at + 8 + 3 * components) return CUT_SHORT;
      size = { height: word(at + 3), width: word(at + 5) };
      isProgressive = (marker & 3) === 2;
      for (let i = 0; i < components; i++) {
        coverage.set(bytes[at + 8 + 3 * i], new Uint8Array(64).fill(UNSEEN));
      }
    }
    if (marker === 0xda) {
      if (++scans > SCAN_LIMIT) return `it has more than ${SCAN_LIMIT} scans`;
      if (!countScan(bytes.subarray(at, end), coverage, isProgressive)) return CUT_SHORT;
      at = endOfScan(bytes, end);
    } else at = end;
  }
  if (size === undefined || size.height === 0 || size.width === 0) return CUT_SHORT;
  // A decoder silently shows missing scans as grey or blurred blocks.
  const isWhole = [...coverage.values()].every((bits) => bits.every((bit) => bit === 0));
  return isWhole && coverage.size > 0 ? size : `${CUT_SHORT}: scans are missing`;
}

// State of a coefficient: the number of low bits still missing, or that nothing has come yet.
const UNSEEN = 255;

/**
 * Records which coefficients a scan header (from its length on) adds to each component; false if it
 * is broken.
 */
function countScan(
  header: Uint8Array,
  coverage: ReadonlyMap<number, Uint8Array>,
  isProgressive: boolean,
): boolean {
  const count = header[2];
  if (count < 1 || count > 4 || header.length !== 6 + 2 * count) return false;
  const [first, last, precision] = header.subarray(3 + 2 * count);
  const isRange = !isProgressive || (first <= last && last < 64);
  for (let i = 0; i < count; i++) {
    const bits = coverage.get(header[3 + 2 * i]);
    if (bits === undefined || !isRange) return false;
    if (isProgressive) bits.fill(precision & 15, first, last + 1);
    else bits.fill(0);
  }
  return true;
}

/** Offset of the next marker after the coded data of a scan. */
function endOfScan(bytes: Uint8Array, from: number): number {
  let at = from;
  for (;;) {
    at = bytes.indexOf(0xff, at);
    if (at < 0) return bytes.length;
    const next = bytes[at + 1];
    // 0 stuffs a data byte of 255; restart markers belong to the scan.
    if (next !== 0 && !(next >= 0xd0 && next <= 0xd7)) return at;
    at += 2;
  }
}
