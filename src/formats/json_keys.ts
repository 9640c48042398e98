// Keys of a JSON text that `JSON.parse` hides: of two equal ones it keeps the last without a word.

/** The first key that stands twice in one object of `json`, which must be valid JSON. */
export function duplicateKey(json: string): string | undefined {
  // One set of keys for each open object, none for an array.
  const open: (Set<string> | undefined)[] = [];
  for (let at = 0; at < json.length; at++) {
    const character = json[at];
    if (character === "{") open.push(new Set());
    else if (character === "[") open.push(undefined);
    else if (character === "}" || character === "]") open.pop();
    if (character !== '"') continue;

    const begin = at++;
    while (json[at] !== '"') at += json[at] === "\\" ? 2 : 1;
    let after = at + 1;
    while (/[ \t\n\r]/.test(json[after] ?? "")) after++;
    if (json[after] !== ":") continue;
    const key = JSON.parse(json.slice(begin, at + 1)) as string; // Escapes spell one key many ways.
    const keys = open.at(-1)!;
    if (keys.has(key)) return key;
    keys.add(key);
  }
  return undefined;
}
