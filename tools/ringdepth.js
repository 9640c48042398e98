#!/usr/bin/env node
// The command `ringdepth`: in a checkout it runs a bundle of src/cli/main.ts (see bundled.js), in an
// installed package the built dist/cli/main.js.
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

// They load TypeScript of bench/, which shares its modules with the program, so they run from source.
const FROM_SOURCE = ["bench", "profile"];

if (existsSync(source)) {
  const isBundled = !process.argv.slice(2).some((word) => FROM_SOURCE.includes(word));
  const { bundledProgram } = await import("./bundled.js");
  const bundle = isBundled ? await bundledProgram() : null;
  if (bundle === null) {
    const { register } = await import("tsx/esm/api");
    register();
  } else process.setSourceMapsEnabled(true);
  await import(bundle ?? source.href);
} else {
  await import(built.href);
}
