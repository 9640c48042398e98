// Library snippets in the text of a shader: the lines between `// <lib NAME>` and `// </lib>` are a
// copy of shaders/lib/NAME.wgsl, so that every shader on disk is valid by itself. Pure.
import { InputError } from "../tensor/error.ts";

/** One pasted snippet of a shader. */
export interface Snippet {
  readonly name: string;
  /** The text between the marks, without trailing blank space. */
  readonly text: string;
  /** The line of the shader, counted from 1, that is line 1 of the snippet. */
  readonly line: number;
}

const SNIPPET = /^(\/\/ <lib (\w+)>\n)([\s\S]*?)^(\/\/ <\/lib>)$/gm;
const MARK = /^\/\/ *<\/?lib\b.*$/gm;

/** The snippets of shaders/`stem`.wgsl, in order; throws InputError for an unpaired mark. */
export function snippetsOf(stem: string, code: string): Snippet[] {
  const found = [...code.matchAll(SNIPPET)];
  const inside = found.find(([, , , text]) => text.search(MARK) >= 0);
  if (inside !== undefined || [...code.matchAll(MARK)].length !== 2 * found.length) {
    throw new InputError(
      `shaders/${stem}.wgsl: a mark of a snippet lacks its partner: "// <lib NAME>" and "// </lib>" go together`,
    );
  }
  return found.map((match) => snippetOf(code, match));
}

function snippetOf(code: string, { 1: mark, 2: name, 3: text, index }: RegExpExecArray): Snippet {
  const line = code.slice(0, index + mark.length).split("\n").length;
  return { name, text: text.trimEnd(), line };
}

/** The text with each snippet replaced by the result of `textOf`; null leaves it unchanged. */
export function withSnippets(
  code: string,
  textOf: (name: string, text: string) => string | null,
): string {
  return code.replace(SNIPPET, (whole, begin: string, name: string, text: string, end: string) => {
    const next = textOf(name, text.trimEnd());
    return next === null ? whole : `${begin}${next.trimEnd()}\n${end}`;
  });
}

/** The file and line that a person edits in order to change `line` of shaders/`stem`.wgsl. */
export function sourcePlace(
  stem: string,
  code: string,
  line: number,
): { readonly file: string; readonly line: number } {
  for (const match of code.matchAll(SNIPPET)) {
    const { name, text, line: first } = snippetOf(code, match);
    if (first <= line && line < first + text.split("\n").length) {
      return { file: `shaders/lib/${name}.wgsl`, line: line - first + 1 };
    }
  }
  return { file: `shaders/${stem}.wgsl`, line };
}
