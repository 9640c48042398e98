import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineConfig, type ViteUserConfig } from "vitest/config";

// One process and no isolation: the whole suite shares one GPU device (a second Dawn instance costs
// seconds on a software adapter, and pipelines compiled once serve every test).
const config: ViteUserConfig = defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    pool: "forks",
    maxWorkers: 1,
    isolate: false,
    // What the developer's adapter was tuned to is not what tests run.
    env: { RINGDEPTH_CACHE: join(tmpdir(), "ringdepth-tests") },
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
export default config;
