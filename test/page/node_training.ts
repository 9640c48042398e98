// Trains in Node what the page trains, and prints the losses: node_training.ts CONFIG FOLDER. A
// process of its own, since a process opens only one driver.
import { openGpu } from "../../src/gpu/node_device.ts";
import { resolveConfig } from "../../src/train/config.ts";
import { openRunTeacher, openSource } from "../../src/train/source.ts";
import { train } from "../../src/train/trainer.ts";

const [given, out] = process.argv.slice(2);
const gpu = await openGpu({ validation: true, adapter: "SwiftShader" });
const config = resolveConfig(JSON.parse(given), "test");
const source = await openSource(config, "train");
const teacher = await openRunTeacher(config, { gpu: () => gpu, source });
const run = await train({ gpu, config, source, teacher, out, resume: false });
console.log(JSON.stringify(run.folder.records.map(({ loss }) => loss)));
await run.close();
gpu.close();
