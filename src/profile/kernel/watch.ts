// Reports each new text of a shader or file on disk once: after an edit of its own file, or of a snippet of
// shaders/lib that it contains.
import { setTimeout as wait } from "node:timers/promises";
import { snippetsOf, withSnippets } from "../../engine/shader_snippets.ts";
import { readShaderFile, readSnippetFile } from "../../engine/shader_text.ts";
import { InputError } from "../../tensor/error.ts";
import { diskText } from "../outside/subject.ts";

// Polls instead of using notifications: no save is missed before the watch begins, none is reported
// twice, and folders without notifications (network, containers) work.
const LOOK_MS = 100;
// Editors write in several steps; only their final text counts.
const SETTLE_MS = 30;

/** A new text of a shader. */
export interface ChangedShader {
  readonly stem: string;
  readonly code: string;
  /** Snippets with a newer text in shaders/lib, which `code` contains and the file does not yet. */
  readonly pasted: readonly string[];
}

/**
 * Yields a shader whenever it has a new text, until `signal`; `known` has the names and texts read
 * earlier.
 */
export async function* changedShaders(
  known: ReadonlyMap<string, string>,
  signal?: AbortSignal,
): AsyncGenerator<ChangedShader> {
  const texts = new Map(known);
  const names = [...known].flatMap(([stem, code]) => snippetNames(stem, code));
  const library = new Map(names.map((name) => [name, readSnippetFile(name)]));
  for (;;) {
    for (const [stem, before] of texts) {
      const found = readChanged(stem, library);
      if (found.code === "" || found.code === before) continue;
      await wait(SETTLE_MS);
      if (readChanged(stem, library).code !== found.code) continue;
      texts.set(stem, found.code);
      yield found;
    }
    try {
      await wait(LOOK_MS, undefined, { signal });
    } catch {
      return; // the signal
    }
  }
}

/**
 * Yields a file from anywhere whenever it has a new text, until `signal`; `known` has the paths and
 * texts read earlier.
 */
export async function* changedFiles(
  known: ReadonlyMap<string, string>,
  signal?: AbortSignal,
): AsyncGenerator<ChangedShader> {
  const texts = new Map(known);
  for (;;) {
    for (const [file, before] of texts) {
      const code = textNow(file);
      if (code === "" || code === before) continue;
      await wait(SETTLE_MS);
      if (textNow(file) !== code) continue;
      texts.set(file, code);
      yield { stem: file, code, pasted: [] };
    }
    try {
      await wait(LOOK_MS, undefined, { signal });
    } catch {
      return; // the signal
    }
  }
}

/** Empty while an editor has moved the file away. */
function textNow(file: string): string {
  try {
    return diskText(file);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return "";
  }
}

/**
 * A shader with those snippets pasted whose file differs from `library`, which was read at the
 * start: other differing snippets were edited in the shader. Empty while an editor has moved the
 * file away.
 */
function readChanged(stem: string, library: ReadonlyMap<string, string | null>): ChangedShader {
  try {
    const pasted: string[] = [];
    const code = withSnippets(readShaderFile(stem), (name, text) => {
      const now = readSnippetFile(name)?.trimEnd();
      const atStart = library.get(name)?.trimEnd();
      if (now === undefined || now === "" || now === atStart || now === text) return null;
      pasted.push(name);
      return now;
    });
    return { stem, code, pasted };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return { stem, code: "", pasted: [] };
  }
}

/** None if the marks are broken: the text is then reported as it is. */
function snippetNames(stem: string, code: string): string[] {
  try {
    return snippetsOf(stem, code).map(({ name }) => name);
  } catch {
    return [];
  }
}
