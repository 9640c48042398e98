// 16-bit floats widened to f32, exactly: every half and every bfloat16 is an f32. Nothing narrows.

/** IEEE 754 binary16 bits (sign 1, exponent 5 biased by 15, mantissa 10) to f32, NaNs kept. */
export function widenHalf(bits: Uint16Array): Float32Array {
  const values = new Float32Array(bits.length);
  const words = new Uint32Array(values.buffer);
  for (let i = 0; i < bits.length; i++) {
    const half = bits[i];
    const sign = (half & 0x8000) << 16;
    const exponent = (half >> 10) & 31;
    const mantissa = half & 1023;
    if (exponent === 0) {
      // Zero and subnormals count in units of 2^-24; f32 holds all of them as normal numbers.
      values[i] = mantissa * 2 ** -24;
      words[i] = words[i] | sign;
    } else {
      const widened = exponent === 31 ? 255 : exponent - 15 + 127;
      words[i] = sign | (widened << 23) | (mantissa << 13);
    }
  }
  return values;
}

/** bfloat16 bits to f32: they are its upper half. */
export function widenBfloat16(bits: Uint16Array): Float32Array {
  const words = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) words[i] = bits[i] << 16;
  return new Float32Array(words.buffer);
}
