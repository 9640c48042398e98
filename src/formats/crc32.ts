// 32-bit cyclic redundancy checks, reflected: zip's and Castagnoli's, which TensorBoard uses.

// Reversed polynomials: ISO 3309 (zip appnote 4.4.7), RFC 3720 appendix B.4.
const ZIP = table(0xedb88320);
const CASTAGNOLI = table(0x82f63b78);

/** CRC-32 of zip archives; 0xcbf43926 for "123456789". */
export function crc32(bytes: Uint8Array): number {
  return check(ZIP, bytes);
}

/** CRC-32C (Castagnoli); 0xe3069283 for "123456789". */
export function crc32c(bytes: Uint8Array): number {
  return check(CASTAGNOLI, bytes);
}

function table(polynomial: number): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, byte) => {
    let remainder = byte;
    for (let bit = 0; bit < 8; bit++) {
      remainder = (remainder >>> 1) ^ (remainder & 1 ? polynomial : 0);
    }
    return remainder;
  });
}

function check(remainders: Uint32Array, bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = remainders[(crc ^ byte) & 255] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}
