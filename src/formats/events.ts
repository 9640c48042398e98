// TensorBoard event files: scalars and PNG pictures by tag and step. Training curves for people;
// ringdepth itself never reads them for decisions. Source: tensorflow/core/util/event.proto,
// framework/summary.proto, and lib/io/record_writer.h for the frame of one record:
//
//   u64 length (little-endian) | u32 masked CRC-32C of it | Event | u32 masked CRC-32C of that
import { InputError } from "../tensor/error.ts";
import { openToAppend } from "./append_file.ts";
import { readBytesIfThere, writeFileAtomically } from "./atomic_file.ts";
import { crc32c } from "./crc32.ts";
import {
  decodeMessage,
  encodeMessage,
  textValue,
  type Message,
  type WireValue,
} from "./protobuf.ts";

/** One record of an event file. */
export interface LoggedEvent {
  /** Seconds since 1970. */
  readonly wallTime_s: number;
  readonly step: number;
  /** Only in a file's first record: "brain.Event:2". */
  readonly fileVersion?: string;
  /** Values by tag, as f32. */
  readonly scalars: Map<string, number>;
  /** PNG files by tag. */
  readonly images: Map<string, Uint8Array>;
}

/** An open event file; a call returns once the system has the record. */
export interface EventLog {
  /** The last step that the file kept when it was opened; 0 for none. */
  readonly lastStep: number;
  /**
   * Adds values by tag as one record, so that a crash leaves either all values of a step or none.
   */
  readonly scalars: (values: ReadonlyMap<string, number>, step: number) => Promise<void>;
  /** Adds a picture, `png` being a whole PNG file. */
  readonly image: (tag: string, png: Uint8Array, step: number) => Promise<void>;
  /** Returns once every record is on the disk. */
  readonly sync: () => Promise<void>;
  readonly close: () => Promise<void>;
}

const FILE_VERSION = "brain.Event:2";

// Field numbers of the three messages.
const EVENT = { wallTime: 1, step: 2, fileVersion: 3, summary: 5 } as const;
const SUMMARY = { value: 1 } as const;
const VALUE = { tag: 1, simpleValue: 2, image: 4 } as const;
const IMAGE = { height: 1, width: 2, colorSpace: 3, encoded: 4 } as const;

/**
 * Opens an event file for a run that continues at `fromStep`: an existing file keeps its intact
 * records before that step and loses the rest; otherwise a new file is created. TensorBoard
 * requires "tfevents" in the name. Throws `InputError` if `file` is not an event file or cannot be
 * written.
 */
export async function openEventLog(
  file: string,
  fromStep: number,
  now_s: () => number = () => Date.now() / 1000,
): Promise<EventLog> {
  const record = (fields: Message): Uint8Array =>
    frame(encodeMessage([[EVENT.wallTime, { double: now_s() }], ...fields]));
  const begin = async (): Promise<number> => {
    const version = record([[EVENT.fileVersion, textValue(FILE_VERSION)]]);
    await writeFileAtomically(file, version);
    return version.length;
  };
  const bytes = (await readBytesIfThere(file)) ?? new Uint8Array(0);
  const kept = keptRecords(bytes, fromStep, file);
  // The file is created again, so that a copy of the run folder by hard links (cp -al) keeps its
  // own.
  if (kept.bytes > 0) await writeFileAtomically(file, bytes.subarray(0, kept.bytes));
  const appended = await openToAppend(file, kept.bytes === 0 ? await begin() : kept.bytes);
  const add = async (
    tagged: readonly (readonly [tag: string, field: number, value: WireValue])[],
    step: number,
  ): Promise<void> => {
    const values = tagged.map(([tag, field, value]): [number, WireValue] => {
      const message = encodeMessage([
        [VALUE.tag, textValue(tag)],
        [field, value],
      ]);
      return [SUMMARY.value, { bytes: message }];
    });
    await appended.append(
      record([
        [EVENT.step, { varint: step }],
        [EVENT.summary, { bytes: encodeMessage(values) }],
      ]),
    );
  };
  return {
    lastStep: kept.lastStep,
    scalars: async (values, step) => {
      await add(
        Array.from(values, ([tag, value]) => [tag, VALUE.simpleValue, { float: value }]),
        step,
      );
    },
    image: async (tag, png, step) => {
      await add([[tag, VALUE.image, { bytes: pngSummary(png) }]], step);
    },
    sync: appended.sync,
    close: appended.close,
  };
}

/** The part of a file to keep: records before the first one damaged or from `fromStep` on. */
function keptRecords(
  bytes: Uint8Array,
  fromStep: number,
  file: string,
): { bytes: number; lastStep: number } {
  const kept = { bytes: 0, lastStep: 0 };
  try {
    for (const { event, end } of records(bytes, file)) {
      if (kept.bytes > 0 && event.step >= fromStep) break; // The first is the version, at step 0.
      kept.bytes = end;
      kept.lastStep = event.step;
    }
  } catch (error) {
    // A killed process leaves half a record at the end; a file that is damaged from the start is
    // not ours.
    if (kept.bytes === 0 && bytes.length > MIN_RECORD_BYTES) throw error;
  }
  return kept;
}

/**
 * All records of an event file; throws `InputError` naming `file` and the position of a damaged
 * one.
 */
export function readEvents(bytes: Uint8Array, file: string): LoggedEvent[] {
  return Array.from(records(bytes, file), ({ event }) => event);
}

const LENGTH_BYTES = 8;
const CHECK_BYTES = 4;
const MIN_RECORD_BYTES = LENGTH_BYTES + 2 * CHECK_BYTES;

function* records(
  bytes: Uint8Array,
  file: string,
): Generator<{ event: LoggedEvent; end: number }, void> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at < bytes.length;) {
    const where = `${file}: event record at byte ${at}`;
    if (at + MIN_RECORD_BYTES > bytes.length) throw new InputError(`${where}: it is cut short`);
    const length = Number(view.getBigUint64(at, true));
    const begin = at + LENGTH_BYTES + CHECK_BYTES;
    const lengthCheck = masked(bytes.subarray(at, at + LENGTH_BYTES));
    if (view.getUint32(at + LENGTH_BYTES, true) !== lengthCheck) {
      throw new InputError(`${where}: the checksum of its length is wrong; the file is damaged`);
    }
    if (begin + length + CHECK_BYTES > bytes.length) {
      throw new InputError(`${where}: it is cut short`);
    }
    const data = bytes.subarray(begin, begin + length);
    if (view.getUint32(begin + length, true) !== masked(data)) {
      throw new InputError(`${where}: its checksum is wrong; the file is damaged`);
    }
    at = begin + length + CHECK_BYTES;
    yield { event: parseEvent(data, where), end: at };
  }
}

/** An event while its fields are read. */
type EventDraft = { -readonly [field in keyof LoggedEvent]: LoggedEvent[field] };

function parseEvent(data: Uint8Array, where: string): LoggedEvent {
  const event: EventDraft = { wallTime_s: 0, step: 0, scalars: new Map(), images: new Map() };
  try {
    for (const [field, value] of decodeMessage(data)) {
      if (field === EVENT.wallTime && "double" in value) event.wallTime_s = value.double;
      if (field === EVENT.step && "varint" in value) event.step = value.varint;
      if (field === EVENT.fileVersion && "bytes" in value) event.fileVersion = text(value.bytes);
      if (field === EVENT.summary && "bytes" in value) {
        for (const [, item] of decodeMessage(value.bytes)) {
          if ("bytes" in item) parseValue(decodeMessage(item.bytes), event);
        }
      }
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new InputError(`${where}: not an Event message: ${error.message}`);
  }
  return event;
}

function parseValue(message: Message, event: LoggedEvent): void {
  const fields = new Map(message);
  const tagValue = fields.get(VALUE.tag);
  const tag = tagValue && "bytes" in tagValue ? text(tagValue.bytes) : "";
  const scalar = fields.get(VALUE.simpleValue);
  if (scalar && "float" in scalar) event.scalars.set(tag, scalar.float);
  const image = fields.get(VALUE.image);
  if (image && "bytes" in image) {
    const encoded = new Map(decodeMessage(image.bytes)).get(IMAGE.encoded);
    if (encoded && "bytes" in encoded) event.images.set(tag, encoded.bytes);
  }
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

function frame(data: Uint8Array): Uint8Array {
  const record = new Uint8Array(MIN_RECORD_BYTES + data.length);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(LENGTH_BYTES, masked(record.subarray(0, LENGTH_BYTES)), true);
  record.set(data, LENGTH_BYTES + CHECK_BYTES);
  view.setUint32(record.length - CHECK_BYTES, masked(data), true);
  return record;
}

/**
 * TensorFlow's mask, because the CRC of data that contains CRCs would be weak (lib/hash/crc32c.h).
 */
function masked(data: Uint8Array): number {
  const crc = crc32c(data);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

// PNG's colour types (grey, RGB, palette, grey and alpha, RGBA) as Summary.Image's colour spaces.
const COLOR_SPACES = new Map([
  [0, 1],
  [2, 3],
  [3, 3],
  [4, 2],
  [6, 4],
]);

/** Summary.Image of a PNG, whose first chunk has the width at byte 16, the colour type at 25. */
function pngSummary(png: Uint8Array): Uint8Array {
  const view = new DataView(png.buffer, png.byteOffset, png.length);
  const colorSpace = png.length > 25 ? COLOR_SPACES.get(view.getUint8(25)) : undefined;
  if (colorSpace === undefined || view.getUint32(0) !== 0x89504e47) {
    throw new Error("openEventLog: image takes the bytes of a PNG file");
  }
  return encodeMessage([
    [IMAGE.height, { varint: view.getUint32(20) }],
    [IMAGE.width, { varint: view.getUint32(16) }],
    [IMAGE.colorSpace, { varint: colorSpace }],
    [IMAGE.encoded, { bytes: png }],
  ]);
}
