// Repeated keys in a JSON text.
import { expect, test } from "vitest";
import { duplicateKey } from "../../src/formats/json_keys.ts";

test.each([
  ['{"a":1,"a":2}', "a"],
  ['{"x":{"b":1 , "b" :2}}', "b"],
  ['{"a":1,"\\u0061":2}', "a"],
  ['[{"k":[]},{"k":{},"k":{}}]', "k"],
  ['{"__proto__":1,"__proto__":2}', "__proto__"],
  ['{"a\\"":1,"a\\"":2}', 'a"'],
])("%s repeats %s", (json, key) => expect(duplicateKey(json)).toBe(key));

test.each([
  '{"a":{"a":{"a":"a"}},"b":"a"}',
  '[{"a":1},{"a":1},"a","a"]',
  '{"a":"{\\"a\\":1,\\"a\\":2}","\\\\":"\\\\"}',
  '{"a":"a","b":["a",":"]}',
  "{}",
  "3",
])("%s repeats no key", (json) => expect(duplicateKey(json)).toBeUndefined());
