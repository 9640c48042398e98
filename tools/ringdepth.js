#!/usr/bin/env node
// The command `ringdepth`: in a checkout it runs src/cli/main.ts through tsx, in an installed
// package the built dist/cli/main.js. Parses nothing.
import { existsSync } from "node:fs";

// A signal ends the process with its line and its code, from the second in which the modules load
// until the end, unless the command listens itself. Without a handler the system would end it:
// without the line, and with its locks left behind.
const CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 };
for (const [name, code] of Object.entries(CODES)) {
  process.on(name, () => {
    if (process.listenerCount(name) > 1) return;
    console.error(`ringdepth: ${name}: stopped`);
    process.exit(code);
  });
}

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
