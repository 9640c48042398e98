// JSON that must fit a schema: every fault is one line with file and field.
import type { z } from "zod";
import { InputError } from "../tensor/error.ts";
import { parseJson } from "./json.ts";

/** The value of JSON, parsed by `schema`. Throws InputError that begins with `where`. */
export function parseJsonAs<T>(
  source: string | Uint8Array,
  where: string,
  schema: z.ZodType<T>,
): T {
  const result = schema.safeParse(parseJson(source, where));
  if (result.success) return result.data;
  throw new InputError(`${where}: ${firstIssue(result.error)}`);
}

/** The first fault that a schema found, such as `cameras[0].fx: ...`. */
function firstIssue(error: z.ZodError): string {
  const issue = error.issues[0];
  let path = "";
  for (const key of issue.path) {
    path += typeof key === "number" ? `[${key}]` : `${path === "" ? "" : "."}${String(key)}`;
  }
  return path === "" ? issue.message : `${path}: ${issue.message}`;
}
