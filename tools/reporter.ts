// A vitest reporter that ends the output with the line `N passed, N failed[, N skipped]`. Counts
// tests and failures outside tests; prints no other detail, because the default reporter runs too.
import type { SerializedError } from "vitest";
import type { Reporter, TestModule } from "vitest/node";

/** Numbers of tests by outcome; `failed` also counts errors outside tests. */
interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/** The reporter; vitest makes one for each run. */
class SummaryLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], uncaught: readonly SerializedError[]): void {
    const counts = countTests(modules);
    counts.failed += uncaught.length;
    // On exit: after the default reporter's summary, and after what a late failure prints.
    process.once("exit", () => {
      const { passed, failed, skipped } = counts;
      const line = `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
      process.stdout.write(`${line}\n`);
    });
    if (counts.failed > 0) process.exitCode = 1;
  }
}

function countTests(modules: readonly TestModule[]): Counts {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const module of modules) {
    counts.failed += module.errors().length; // it could not be loaded
    for (const suite of module.children.allSuites()) {
      counts.failed += suite.errors().length; // a hook failed
    }
    for (const test of module.children.allTests()) {
      const state = test.result().state;
      // Pending: the run ended before it, so it counts as failed.
      counts[state === "pending" ? "failed" : state]++;
    }
  }
  return counts;
}

export default SummaryLine;
