// Tells when shaders change on disk, once for each new text.
import { readFile } from "node:fs/promises";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const SHADERS = fileURLToPath(new URL("../../shaders", import.meta.url));
// Looked at rather than notified of: no save is missed before the watch stands, none is told twice,
// and folders without notifications (network, containers) work.
const LOOK_MS = 100;
// Editors write in several steps; what they leave counts.
const SETTLE_MS = 30;

/**
 * Yields the name of a shader whenever its file has a new text, until `signal`; `known` are the
 * names and the texts that were read before.
 */
export async function* changedShaders(
  known: ReadonlyMap<string, string>,
  signal?: AbortSignal,
): AsyncGenerator<string> {
  const texts = new Map(known);
  for (;;) {
    for (const [stem, before] of texts) {
      const text = await readText(stem);
      if (text === "" || text === before) continue;
      await wait(SETTLE_MS);
      if ((await readText(stem)) !== text) continue;
      texts.set(stem, text);
      yield stem;
    }
    try {
      await wait(LOOK_MS, undefined, { signal });
    } catch {
      return; // the signal
    }
  }
}

/** The text of a shader; empty while an editor has it away. */
async function readText(stem: string): Promise<string> {
  return await readFile(`${SHADERS}/${stem}.wgsl`, "utf8").catch(() => "");
}
