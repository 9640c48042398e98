// Entries of a file system that are no regular files.
import { execFileSync } from "node:child_process";

/** Makes a named pipe: to open one for reading waits for a writer. */
export function makePipe(file: string): void {
  execFileSync("sh", ["-c", 'mkfifo "$0"', file]);
}
