#!/usr/bin/env node
// The command `ringdepth`: in a checkout it runs src/cli/main.ts through tsx, in an installed
// package the built dist/cli/main.js. Parses nothing.
import { existsSync } from "node:fs";

const source = new URL("../src/cli/main.ts", import.meta.url);
const built = new URL("../dist/cli/main.js", import.meta.url);

if (existsSync(source)) {
  const { register } = await import("tsx/esm/api");
  register();
  try {
    await import(source.href);
  } catch (error) {
    // A table that is away or half merged: nothing of the program can be loaded.
    if (!String(error instanceof Error ? error.stack : error).includes("shaders.gen")) throw error;
    console.error(
      "ringdepth: src/kernels/shaders.gen.ts is missing or broken: run npm run shaders",
    );
    process.exitCode = 2;
  }
} else {
  await import(built.href);
}
