// JSON files of a data set, read against a schema: every fault is one line with file and field.
import { join } from "node:path";
import type { z } from "zod";
import { readInside } from "../formats/inside_root.ts";
import { parseJsonAs } from "../formats/json_schema.ts";
import { LIMITS } from "../formats/limits.ts";

/**
 * The value of the JSON file `root`/`name`, parsed by `schema`; the file must be below `root` after
 * links are resolved. Throws InputError naming file and field.
 */
export async function readJson<T>(root: string, name: string, schema: z.ZodType<T>): Promise<T> {
  const file = join(root, name);
  return parseJsonAs(await readInside(root, name, LIMITS.json_bytes), file, schema);
}
