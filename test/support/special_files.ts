// File system entries that are not regular files.
import { execFileSync } from "node:child_process";

/** Creates a named pipe: opening one for reading waits for a writer. */
export function makePipe(file: string): void {
  execFileSync("sh", ["-c", 'mkfifo "$0"', file]);
}
