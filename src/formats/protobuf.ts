// The part of Protocol Buffers' wire format that TensorBoard's events need: messages are lists of
// numbered fields, whose meaning the caller knows. Source:
// protobuf.dev/programming-guides/encoding.

/** A field's value on the wire: varint, 8 bytes, length-delimited, 4 bytes. */
export type WireValue =
  | { varint: number }
  | { double: number }
  | { bytes: Uint8Array }
  | { float: number };

/** Field numbers and values, in the order of the message. */
export type Message = readonly (readonly [field: number, value: WireValue])[];

const VARINT = 0;
const DOUBLE = 1;
const BYTES = 2;
const FLOAT = 5;

/** The bytes of a message. */
export function encodeMessage(message: Message): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const [field, value] of message) {
    if ("varint" in value) parts.push(varint(field * 8 + VARINT), varint(value.varint));
    else if ("double" in value) parts.push(varint(field * 8 + DOUBLE), doubleBytes(value.double));
    else if ("float" in value) parts.push(varint(field * 8 + FLOAT), floatBytes(value.float));
    else parts.push(varint(field * 8 + BYTES), varint(value.bytes.length), value.bytes);
  }
  return Buffer.concat(parts);
}

/** A length-delimited field of UTF-8 text. */
export function textValue(text: string): WireValue {
  return { bytes: new TextEncoder().encode(text) };
}

/** The fields of a message; throws `RangeError` if the bytes are not a message. */
export function decodeMessage(bytes: Uint8Array): Message {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const message: [number, WireValue][] = [];
  let at = 0;
  const readVarint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = view.getUint8(at++);
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
    throw new RangeError("a varint of more than 10 bytes");
  };
  while (at < bytes.length) {
    const key = readVarint();
    const field = Math.floor(key / 8);
    switch (key % 8) {
      case VARINT:
        message.push([field, { varint: readVarint() }]);
        break;
      case DOUBLE:
        message.push([field, { double: view.getFloat64(at, true) }]);
        at += 8;
        break;
      case BYTES: {
        const length = readVarint();
        if (at + length > bytes.length) throw new RangeError("a field longer than its message");
        message.push([field, { bytes: bytes.subarray(at, at + length) }]);
        at += length;
        break;
      }
      case FLOAT:
        message.push([field, { float: view.getFloat32(at, true) }]);
        at += 4;
        break;
      default:
        throw new RangeError(`wire type ${key % 8}`);
    }
  }
  return message;
}

/**
 * Seven bits per byte, lowest first, the top bit set on all but the last; `value` from 0 to 2^53.
 */
function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  return Uint8Array.from([...bytes, rest]);
}

function doubleBytes(value: number): Uint8Array {
  return new Uint8Array(Float64Array.of(value).buffer);
}

function floatBytes(value: number): Uint8Array {
  return new Uint8Array(Float32Array.of(value).buffer);
}
