// JSON from outside: checked in one pass without recursion before `JSON.parse` sees it, so that
// deep nesting cannot exhaust the stack, nor many values the memory, and faults have a line and a
// column. Equal keys are a fault here; `JSON.parse` would silently keep the last one.
import { InputError } from "../tensor/error.ts";
import { LIMITS } from "./limits.ts";
import { decodeText, lineAndColumn } from "./text.ts";

/**
 * The value of a JSON text or file, with or without a byte order mark. Throws `InputError` that
 * begins with `where` if it is not JSON (with line and column), has a key twice, or exceeds
 * `LIMITS.json_*`.
 */
export function parseJson(
  source: string | Uint8Array,
  where: string,
  maxBytes: number = LIMITS.json_bytes,
): unknown {
  if (source.length > maxBytes) {
    throw new InputError(`${where}: ${source.length} bytes of JSON, at most ${maxBytes} are read`);
  }
  const text =
    typeof source === "string" ? source.replace(/^\ufeff/, "") : decodeText(source, where);
  checkJson(text, where);
  return JSON.parse(text);
}

// The tokens that may come next.
const VALUE = 0;
const VALUE_OR_CLOSE = 1;
const KEY = 2;
const KEY_OR_CLOSE = 3;
const COMMA_OR_CLOSE = 4;

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

const EXPECTED = [
  "a value",
  'a value or "]"',
  "a key in double quotes",
  'a key in double quotes or "}"',
  '"," or the end of the object or array',
];

function checkJson(text: string, where: string): void {
  // The keys of each open object; null for an open array.
  const open: (Set<string> | null)[] = [];
  let values = 0;
  let next = VALUE;
  let at = skipSpace(text, 0);
  const fail = (fault: string): never => {
    throw new InputError(`${where}: not valid JSON: ${lineAndColumn(text, at)}: ${fault}`);
  };
  const refuse = (count: number, what: string): never => {
    throw new InputError(`${where}: JSON of more than ${count} ${what}; such files are not read`);
  };
  while (next !== COMMA_OR_CLOSE || open.length > 0) {
    const code = text.charCodeAt(at); // NaN at the end.
    const isClose = code === CLOSE_OBJECT || code === CLOSE_ARRAY;
    if (isClose && next !== VALUE && next !== KEY) {
      if (open.length === 0 || (open.at(-1) === null) !== (code === CLOSE_ARRAY)) {
        fail("a closing bracket without its opening one");
      }
      open.pop();
      next = COMMA_OR_CLOSE;
      at++;
    } else if (next === COMMA_OR_CLOSE) {
      if (code !== COMMA) fail(`expected ${EXPECTED[next]}`);
      next = open.at(-1) === null ? VALUE : KEY;
      at++;
    } else if (next === KEY || next === KEY_OR_CLOSE) {
      if (code !== QUOTE) fail(`expected ${EXPECTED[next]}`);
      const end = stringEnd(text, at);
      if (end < 0) fail(STRING_FAULT);
      const key = keyOf(text.slice(at, end));
      const keys = open.at(-1)!;
      if (keys.has(key)) throw new InputError(`${where}: key ${shown(key)} appears twice`);
      keys.add(key);
      if (keys.size > LIMITS.json_keys) refuse(LIMITS.json_keys, "keys in one object");
      at = skipSpace(text, end);
      if (text.charCodeAt(at) !== COLON) fail('expected ":" after the key');
      next = VALUE;
      at++;
    } else {
      if (++values > LIMITS.json_values) refuse(LIMITS.json_values, "values");
      if (code === OPEN_OBJECT || code === OPEN_ARRAY) {
        open.push(code === OPEN_OBJECT ? new Set() : null);
        if (open.length > LIMITS.json_depth) refuse(LIMITS.json_depth, "levels");
        next = code === OPEN_OBJECT ? KEY_OR_CLOSE : VALUE_OR_CLOSE;
        at++;
      } else {
        const end = code === QUOTE ? stringEnd(text, at) : wordEnd(text, at);
        if (end < 0) fail(code === QUOTE ? STRING_FAULT : `expected ${EXPECTED[next]}`);
        next = COMMA_OR_CLOSE;
        at = end;
      }
    }
    at = skipSpace(text, at);
  }
  if (at < text.length) fail("text after the end of the value");
}

function skipSpace(text: string, from: number): number {
  let at = from;
  for (;;) {
    const code = text.charCodeAt(at);
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return at;
    at++;
  }
}

const STRING_FAULT =
  "a string that does not end, or that has a control character or an invalid escape";
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

/** End of the string that starts at `from`; -1 if there is none. */
function stringEnd(text: string, from: number): number {
  for (let at = from + 1; at < text.length;) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) return at + 1;
    if (code < 0x20) return -1;
    if (code !== BACKSLASH) {
      at++;
      continue;
    }
    ESCAPE.lastIndex = at;
    if (!ESCAPE.test(text)) return -1;
    at = ESCAPE.lastIndex;
  }
  return -1;
}

const WORD = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;

/** End of the number or word that starts at `from`; -1 if there is none. */
function wordEnd(text: string, from: number): number {
  WORD.lastIndex = from;
  return WORD.test(text) ? WORD.lastIndex : -1;
}

/** Escapes allow many spellings of one key. */
function keyOf(quoted: string): string {
  return quoted.includes("\\") ? (JSON.parse(quoted) as string) : quoted.slice(1, -1);
}

const SHOWN_LENGTH = 100;

/** A key as an error shows it. */
function shown(key: string): string {
  return JSON.stringify(key.length <= SHOWN_LENGTH ? key : `${key.slice(0, SHOWN_LENGTH)}...`);
}
