// YAML from outside. The parser recurses, compares all keys of a mapping with each other and prints
// warnings to the terminal; so size, depth and breadth are bounded before it sees the text, and what
// it warns about is an error.
import { LineCounter, parseDocument } from "yaml";
import { InputError } from "../tensor/error.ts";
import { LIMITS } from "./limits.ts";
import { decodeText, lineAndColumn } from "./text.ts";

/**
 * The value of a YAML text or file of one document; null where it holds none. Throws `InputError`
 * that begins with `where`: not YAML (line and column), or beyond `LIMITS.yaml_*`.
 */
export function parseYaml(source: string | Uint8Array, where: string): unknown {
  if (source.length > LIMITS.yaml_bytes) {
    throw new InputError(
      `${where}: ${source.length} bytes of YAML, at most ${LIMITS.yaml_bytes} are read`,
    );
  }
  const text = typeof source === "string" ? source : decodeText(source, where);
  checkYaml(text, where);
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, prettyErrors: false, logLevel: "error" });
  const [fault] = [...document.errors, ...document.warnings];
  if (fault !== undefined) {
    const { line, col } = lineCounter.linePos(fault.pos[0]);
    throw new InputError(
      `${where}: not valid YAML: line ${line}, column ${col}: ${shortened(fault.message)}`,
    );
  }
  try {
    const value = document.toJS({ maxAliasCount: LIMITS.yaml_aliases }) as unknown;
    JSON.stringify(value); // Throws where an alias stands within what it repeats.
    return value;
  } catch {
    throw new InputError(
      `${where}: its aliases repeat themselves, or more than ${LIMITS.yaml_aliases} values; ` +
        `write the values out`,
    );
  }
}

// What the YAML 1.2 specification does not let a text contain (production c-printable).
const UNPRINTABLE =
  // oxlint-disable-next-line eslint/no-control-regex -- these are what is looked for
  /[^\t\n\r\u0020-\u007e\u0085\u00a0-\ud7ff\ud800-\udfff\ue000-\ufffd]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

/** Bounds what the parser would build, by the characters that can begin something. */
function checkYaml(text: string, where: string): void {
  const control = text.search(UNPRINTABLE);
  if (control >= 0) {
    throw new InputError(
      `${where}: not valid YAML: ${lineAndColumn(text, control)}: a control character`,
    );
  }
  // Every key ends with ":" or begins with "?", every item begins with "-" or follows "[" or ",".
  // A closing bracket without an opening one is a fault each, which the parser collects.
  const items = text.match(/[:,[\]{}]|[-?](?=\s)/g)?.length ?? 0;
  if (items > LIMITS.yaml_items) {
    throw new InputError(`${where}: YAML of ${items} keys and items, at most ${LIMITS.yaml_items}`);
  }
  const depth = blockDepth(text) + flowDepth(text);
  if (depth > LIMITS.yaml_depth) {
    throw new InputError(`${where}: YAML nested ${depth} deep, at most ${LIMITS.yaml_depth}`);
  }
}

/** The most columns at which blocks are open together: each level is indented further. */
function blockDepth(text: string): number {
  const open: number[] = [];
  let deepest = 0;
  for (const line of text.split(/\r\n?|\n/)) {
    // Spaces and the marks of items and complex keys, each of which may begin a level.
    const start = /^(?: |[-?:](?=\s)|\t)*/.exec(line)![0];
    const columns = [...start.matchAll(/[-?:]/g)].map(({ index }) => index);
    if (columns.length === 0 && /^(?:#|$)/.test(line.slice(start.length))) continue;
    columns.push(start.length);
    while (open.length > 0 && open.at(-1)! >= columns[0]) open.pop();
    open.push(...columns);
    deepest = Math.max(deepest, open.length);
  }
  return deepest;
}

/** The most brackets open together, those in quotes and comments included. */
function flowDepth(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (const bracket of text.match(/[[\]{}]/g) ?? []) {
    depth += bracket === "[" || bracket === "{" ? 1 : -1;
    if (depth < 0) depth = 0;
    deepest = Math.max(deepest, depth);
  }
  return deepest;
}

const SHOWN_LENGTH = 120;

/** A message of the parser, which may quote the text at length. */
function shortened(message: string): string {
  const line = message.split("\n")[0];
  return line.length <= SHOWN_LENGTH ? line : `${line.slice(0, SHOWN_LENGTH)}...`;
}
