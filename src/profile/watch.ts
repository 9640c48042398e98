// Tells when shaders change on disk, once for each new text.
import { readFile, watch } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { setTimeout as wait } from "node:timers/promises";

const SHADERS = fileURLToPath(new URL("../../shaders", import.meta.url));
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
  // What was saved since it was read.
  for (const [stem, before] of known) {
    const text = await readText(stem);
    if (text === "" || text === before) continue;
    texts.set(stem, text);
    yield stem;
  }
  try {
    // The folder, not the files: editors that save by renaming would end the watch of a file.
    for await (const { filename } of watch(SHADERS, { signal })) {
      const stem = filename?.replace(/\.wgsl$/, "") ?? "";
      if (!texts.has(stem)) continue;
      await wait(SETTLE_MS);
      const text = await readText(stem);
      if (text === "" || text === texts.get(stem)) continue;
      texts.set(stem, text);
      yield stem;
    }
  } catch (error) {
    if (signal?.aborted !== true) throw error;
  }
}

/** The text of a shader; empty while an editor has it away. */
async function readText(stem: string): Promise<string> {
  return await readFile(`${SHADERS}/${stem}.wgsl`, "utf8").catch(() => "");
}
