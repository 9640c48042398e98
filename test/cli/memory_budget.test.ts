// `--memory-budget`: how its text becomes bytes, and that the device gets it.
import { expect, test } from "vitest";
import { memorySize } from "../../src/cli/terminal/options.ts";
import { runCli } from "../../src/cli/program.ts";
import type { GpuOptions } from "../../src/gpu/device.ts";
import { openGpu } from "../../src/gpu/node_device.ts";

test.each([
  ["512MiB", 512 * 2 ** 20],
  ["2GiB", 2 * 2 ** 30],
  ["1.5 kib", 1536],
  ["2GB", 2e9],
  ["100MB", 1e8],
  ["4096b", 4096],
])("%s", (text, bytes) => {
  expect(memorySize("--memory-budget")(text)).toBe(bytes);
});

test.each(["512", "", "-1MiB", "0MiB", "MiB", "2 giga", "1e3MiB", "NaNMiB", "2GiB more"])(
  "%j is refused",
  (text) => {
    expect(() => memorySize("--memory-budget")(text)).toThrow(
      /^--memory-budget.*: expected a size with its unit, such as 512MiB or 2GiB$/,
    );
  },
);

test("a prediction network over the budget ends with what it asks for, exit 3", async () => {
  let options: GpuOptions | null = null;
  let stderr = "";
  const code = await runCli(
    ["check", "--network", "nano", "--size", "32x64", "--memory-budget", "64KiB"],
    {
      stdout: { write: () => true },
      stderr: { write: (text) => (stderr += text) },
      openGpu: async (given) => await openGpu((options = given)),
    },
  );
  expect(options).toMatchObject({ memory_budget_bytes: 65536 });
  expect(stderr).toMatch(
    /GpuMemoryError: \w+ \(largest: .*\): needs \d+ bytes, but only \d+ bytes of the memory budget of 65536 are free/,
  );
  expect(code).toBe(3);
});
