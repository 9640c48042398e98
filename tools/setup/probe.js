// A child process of set-up: asks Dawn for an adapter as src/gpu/device.ts does and prints what it
// found as one line of JSON, null for none. A process of its own, since a broken driver may bring
// it down.
import { register } from "tsx/esm/api";
import { create } from "webgpu";

register();
const { loadSoftwareVulkan } = await import("../../src/gpu/software_adapter.ts");

// Dawn for Node crashes when what create() returned, or the adapter, is collected.
/** @type {unknown[]} */
const pinned = [];
Object.assign(globalThis, { pinned });

async function findAdapter() {
  const gpu = create([]);
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  pinned.push(gpu, adapter);
  return adapter;
}

let adapter = await findAdapter();
if (adapter === null && loadSoftwareVulkan()) adapter = await findAdapter();
const info = adapter?.info;
const name = info === undefined ? null : [info.device, info.description].filter(Boolean).join(", ");
// process.exit: an open Dawn instance keeps the event loop alive.
process.stdout.write(`${JSON.stringify(name)}\n`, () => process.exit(0));
