// What holds for every op of the engine, whichever family it is of.
import { readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { kernelOp } from "../../src/graph/apply.ts";
import { arithmeticOps } from "../../src/graph/ops/arithmetic.ts";
import type { Lowering } from "../../src/graph/value.ts";
import { binary, type BinaryAttributes } from "../../src/kernels/binary.ts";
import { ALL_OPS } from "../../tools/oracle/own/all_ops.ts";
import { OWN_OPS } from "../../tools/oracle/own/ops.ts";

test("every op has its own name and a case builder", () => {
  for (const [name, op] of Object.entries(ALL_OPS)) expect(op.name).toBe(name);
  expect(Object.keys(OWN_OPS).toSorted()).toEqual(Object.keys(ALL_OPS).toSorted());
});

const FOLDER = new URL("../../src/graph/ops/", import.meta.url);

test("every file of ops exports one record of them, and no name comes twice", async () => {
  const names: string[] = [];
  for (const file of readdirSync(FOLDER)) {
    const family = (await import(new URL(file, FOLDER).href)) as Record<string, object>;
    const records = Object.keys(family).filter((name) => name.endsWith("Ops"));
    expect(records, file).toHaveLength(1);
    names.push(...Object.keys(family[records[0]]));
  }
  expect(names.toSorted()).toEqual(Object.keys(ALL_OPS).toSorted());
});

test("what an op lacks or misspells does not compile", () => {
  const { gradient: _, ...rest } = arithmeticOps.binary;
  // @ts-expect-error -- no gradient
  const bare: typeof arithmeticOps.binary = rest;
  expect(bare.gradient).toBeUndefined();
  // @ts-expect-error -- the kernel has no binding c
  kernelOp("binary", binary, ["a", "b", "c"], ["y"], null);
  // @ts-expect-error -- binding b is left out
  kernelOp("binary", binary, ["a"], ["y"], null);
  const a = { name: "a", shape: [1], value: null };
  const y = { ...a, name: "y" };
  const at = { call: (): void => {} } as unknown as Lowering<BinaryAttributes>;
  at.call(binary, { a, b: a, y }, { kind: "add" });
  // @ts-expect-error -- binding b is left out
  at.call(binary, { a, y }, { kind: "add" });
  // @ts-expect-error -- the kernel knows no such kind
  at.call(binary, { a, b: a, y }, { kind: "plus" });
});
