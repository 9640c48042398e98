#!/usr/bin/env node
// The command `ringdepth`: in a checkout it runs src/cli/main.ts through tsx, in an installed
// package the built dist/cli/main.js. Parses nothing.
import { existsSync } from "node:fs";

const source = new URL("../src/cli/main.ts", import.meta.url);
const built = new URL("../dist/cli/main.js", import.meta.url);

if (existsSync(source)) {
  const { register } = await import("tsx/esm/api");
  register();
  await import(source.href);
} else {
  await import(built.href);
}
