// Everything that a fresh clone needs before its first command: npm packages and a WebGPU adapter.
// Runs on plain Node before any package is there; a second run only looks and is silent.
// `--packages`: packages only.
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { adapterIsKnown, findOrBringAdapter, looksLikeVulkan } from "./adapter.js";
import { say, SetupError } from "./command.js";
import { installLavapipe, thisMachinesArchive } from "./lavapipe.js";
import { installPackages, packagesToInstall } from "./packages.js";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const wantsAdapter = !process.argv.includes("--packages");

async function setUp() {
  const started_ms = performance.now();
  // Two programs that mostly wait for the network: run them side by side where no driver can be
  // there.
  const lavapipe =
    wantsAdapter && !looksLikeVulkan() && !adapterIsKnown(root)
      ? installLavapipe(thisMachinesArchive())
      : undefined;
  const why = packagesToInstall(root);
  if (why !== null) await installPackages(root, why);
  const lavapipeFailure = await lavapipe;
  const asks = wantsAdapter && !adapterIsKnown(root);
  if (asks) await findOrBringAdapter(root, lavapipeFailure);
  if (why !== null || asks)
    say(`done in ${((performance.now() - started_ms) / 1000).toFixed(1)} s`);
}

try {
  await setUp();
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  say(error.message);
  process.exitCode = error.exitCode;
}
