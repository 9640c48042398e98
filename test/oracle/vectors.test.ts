// The reader of test vectors and the comparison at published tolerances.
import { describe, expect, test } from "vitest";
import { compare } from "../../tools/oracle/tolerance.ts";
import { readCases, vectorSources, type VectorTensor } from "../../tools/oracle/vectors.ts";

function file(record: object, header: object = {}): string {
  return JSON.stringify({ header, cases: [{ id: "one", ...record }] });
}

function read(record: object, header?: object): ReturnType<typeof readCases>[0] {
  return readCases(file(record, header), "onnx", "onnx/Add.json")[0];
}

function tensor(values: readonly number[], dtype: VectorTensor["dtype"] = "float32"): VectorTensor {
  return { name: "y", shape: [values.length], dtype, values: Float64Array.from(values) };
}

describe("reading", () => {
  test("decimals are rounded to float32, words are numbers that are not finite", () => {
    const { inputs } = read({
      inputs: [
        { name: "x", shape: [4], dtype: "float32", data: [0.1, "NaN", "Infinity", "-Infinity"] },
        null,
      ],
    });
    expect([...inputs[0]!.values]).toEqual([Math.fround(0.1), NaN, Infinity, -Infinity]);
    expect(inputs[1]).toBeNull();
  });

  test("bytes are little-endian in the tensor's dtype", () => {
    const bytes = (array: ArrayBufferView): string =>
      Buffer.from(array.buffer as ArrayBuffer).toString("base64");
    const { inputs } = read({
      inputs: [
        { name: "a", shape: [2], dtype: "float32", b64: bytes(Float32Array.of(1.5, -2)) },
        { name: "b", shape: [2], dtype: "int64", b64: bytes(BigInt64Array.of(-3n, 4n)) },
        { name: "c", shape: [1], dtype: "float16", b64: bytes(Uint16Array.of(0x3e00)) },
      ],
    });
    expect(inputs.map((one) => [...one!.values])).toEqual([[1.5, -2], [-3, 4], [1.5]]);
  });

  test("the operator is the file's name, in `own` the case's", () => {
    expect(read({ op: "Other" }).operator).toBe("Add");
    expect(readCases(file({ op: "conv2d" }), "own", "own/x.json")[0].operator).toBe("conv2d");
  });

  test("a tolerance of the header stands where a case has none", () => {
    const header = { tolerance: { rtol: 1e-3, atol: 1e-7, of: "the runner" } };
    expect(read({}, header).tolerance).toEqual({ rtol: 1e-3, atol: 1e-7 });
    expect(read({ tol: { ulp: 2 } }, header).tolerance).toEqual({ ulp: 2 });
  });

  test.each([
    ["{", "onnx/Add.json: not JSON"],
    ["{}", "onnx/Add.json: cases: "],
  ])("%s is refused with file and place", (text, message) => {
    expect(() => readCases(text, "onnx", "onnx/Add.json")).toThrow(message);
  });

  test.each([
    [{ inputs: [{ name: "x", shape: [3], data: [1] }] }, "x[3] needs 3 numbers, has 1"],
    [{ inputs: [{ name: "x", shape: [1] }] }, "x needs either data or b64"],
    [{ inputs: [{ name: "x", shape: [1], b64: "AAA=" }] }, "no whole number of float32"],
    [{ id: 5 }, "onnx/Add.json: case 0: id: "],
  ])("of %j only the case is lost", (record, message) => {
    expect(read(record).unreadable).toContain(message);
  });

  test("Python's JSON is read: a byte order mark, bare NaN and infinities", () => {
    const text = file({ id: "NaN", inputs: [{ name: "x", shape: [3], data: ["#", "+", "-"] }] })
      .replace('"#"', "NaN")
      .replace('"+"', "Infinity")
      .replace('"-"', "-Infinity");
    const [given] = readCases(`\ufeff${text}`, "onnx", "onnx/Add.json");
    expect(given.id).toBe("NaN");
    expect([...given.inputs[0]!.values]).toEqual([Number.NaN, Infinity, -Infinity]);
  });

  test("a folder that is not there is named", () => {
    expect(() => vectorSources("no/such/folder")).toThrow("no/such/folder: no such folder");
  });
});

describe("comparing", () => {
  const given = (tolerance: object): Parameters<typeof compare>[2] => ({
    source: "s",
    operator: "o",
    tolerance,
  });

  test("a result is rounded to float32 before ULP are counted", () => {
    const want = tensor([Math.fround(0.1)]);
    expect(compare([0.1], want, given({ ulp: 0 }), "cpu")).toBeNull();
    expect(compare([Math.fround(0.1) + 1e-8], want, given({ ulp: 0 }), "cpu")).toMatchObject({
      index: 0,
      count: 1,
      allowed: "0 ULP",
    });
  });

  test("atol and rtol add up", () => {
    const want = tensor([10]);
    expect(compare([10.1], want, given({ atol: 0.05, rtol: 0.006 }), "gpu")).toBeNull();
    expect(compare([10.2], want, given({ atol: 0.05, rtol: 0.006 }), "gpu")).not.toBeNull();
  });

  test("NaN and infinities must match", () => {
    const want = tensor([NaN, Infinity, 1]);
    const wide = given({ atol: 1e9 });
    expect(compare([NaN, Infinity, 1], want, wide, "gpu")).toBeNull();
    expect(compare([0, Infinity, NaN], want, wide, "gpu")).toMatchObject({ index: 0, count: 2 });
    expect(compare([NaN, -Infinity, 1], want, wide, "gpu")).toMatchObject({ index: 1 });
  });

  test("float64 ULP allow the rounding of float32 on the adapter only", () => {
    const want = tensor([1 / 3], "float64");
    expect(compare([Math.fround(1 / 3)], want, given({ ulp64: 0 }), "gpu")).toBeNull();
    expect(compare([Math.fround(1 / 3)], want, given({ ulp64: 0 }), "cpu")).not.toBeNull();
    expect(compare([0.33334], want, given({ ulp64: 0 }), "gpu")).not.toBeNull();
  });

  test("no tolerance at all is exact", () => {
    expect(compare([1], tensor([1]), given({}), "gpu")).toBeNull();
    expect(compare([1 + 2 ** -23], tensor([1]), given({}), "gpu")).not.toBeNull();
  });
});
