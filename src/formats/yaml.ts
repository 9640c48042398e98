// YAML from outside. The parser recurses, compares all keys of a mapping with each other and prints
// warnings to the terminal; so size, depth and number of values are limited before it sees the
// text, and its warnings are errors.
import { LineCounter, parseDocument } from "yaml";
import { InputError } from "../tensor/error.ts";
import { LIMITS } from "./limits.ts";
import { decodeText, lineAndColumn } from "./text.ts";

/**
 * The value of a YAML text or file with one document; null if it is empty. Throws `InputError` that
 * begins with `where` if it is not YAML (with line and column) or exceeds `LIMITS.yaml_*`.
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
    JSON.stringify(value); // Throws if an alias contains itself.
    return value;
  } catch {
    throw new InputError(
      `${where}: its aliases contain themselves or repeat more than ${LIMITS.yaml_aliases} values; ` +
        `write the values out`,
    );
  }
}

// Characters that the YAML 1.2 specification forbids (production c-printable).
const UNPRINTABLE =
  // oxlint-disable-next-line eslint/no-control-regex -- the pattern looks for control characters
  /[^\t\n\r\u0020-\u007e\u0085\u00a0-\ud7ff\ud800-\udfff\ue000-\ufffd]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

/** Limits what the parser would build, by counting the characters that can begin a value. */
function checkYaml(text: string, where: string): void {
  const control = text.search(UNPRINTABLE);
  if (control >= 0) {
    throw new InputError(
      `${where}: not valid YAML: ${lineAndColumn(text, control)}: a control character`,
    );
  }
  // Every key ends with ":" or begins with "?", every item begins with "-" or follows "[" or ",".
  // The parser collects a fault for each closing bracket without an opening one.
  const items = text.match(/[:,[\]{}]|[-?](?=\s)/g)?.length ?? 0;
  if (items > LIMITS.yaml_items) {
    throw new InputError(
      `${where}: YAML with ${items} keys and items; at most ${LIMITS.yaml_items} are read`,
    );
  }
  const depth = blockDepth(text) + flowDepth(text);
  if (depth > LIMITS.yaml_depth) {
    throw new InputError(
      `${where}: YAML nested ${depth} levels deep; at most ${LIMITS.yaml_depth} are read`,
    );
  }
}

/** The maximum depth of open blocks: each level is indented further. */
function blockDepth(text: string): number {
  const open: number[] = [];
  let deepest = 0;
  for (const line of text.split(/\r\n?|\n/)) {
    // Spaces, and the marks of items and complex keys; each may begin a level.
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

/** The maximum number of open brackets, including those in quotes and comments. */
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

/** A message of the parser, shortened because it may quote the text at length. */
function shortened(message: string): string {
  const line = message.split("\n")[0];
  return line.length <= SHOWN_LENGTH ? line : `${line.slice(0, SHOWN_LENGTH)}...`;
}
