// A stream of the process that never throws and never ends it: a closed reader or a full disk
// becomes a fault that commands can query.
import { fstatSync, statfsSync, writeSync } from "node:fs";
import { Socket } from "node:net";
import { systemReason } from "../../formats/atomic_file.ts";
import type { StreamFault, TextStream } from "./surroundings.ts";

// Error codes of a write to a pipe, socket or terminal that nobody reads any more.
const CLOSED = new Set(["EPIPE", "ECONNRESET", "ERR_STREAM_DESTROYED", "EIO"]);

/** `stream`, wrapped for commands. */
export function safeStream(stream: NodeJS.WriteStream & { readonly fd: number }): TextStream {
  let fault: StreamFault | null = null;
  const fail = (error: NodeJS.ErrnoException | null | undefined): void => {
    if (error) fault ??= { closed: CLOSED.has(error.code ?? ""), reason: systemReason(error) };
  };
  stream.on("error", fail);
  // Files and devices: Node's own stream treats a short write (on a disk that fills up) as
  // complete.
  const isFile = !((stream as object) instanceof Socket);
  const attempt = (action: () => void): void => {
    if (fault !== null) return;
    try {
      action();
    } catch (error) {
      fail(error as NodeJS.ErrnoException);
    }
  };
  return {
    get isTTY() {
      return stream.isTTY;
    },
    get columns() {
      return stream.columns;
    },
    write: (text) =>
      attempt(() => {
        if (isFile) writeWhole(stream.fd, text);
        else stream.write(text, fail);
      }),
    fault: () => fault,
    flush: async () => {
      if (fault !== null || isFile) return;
      await new Promise<void>((resolve) => {
        stream.write("", (error) => {
          fail(error);
          resolve();
        });
      });
      // The event of a failed write comes after its callback.
      await new Promise((resolve) => setImmediate(resolve));
    },
    probe: () =>
      attempt(() => {
        if (!isFile) return;
        // Devices refuse an empty write like any other; a full disk must be queried.
        writeSync(stream.fd, new Uint8Array(0), 0, 0);
        if (isOnFullDisk(stream.fd)) {
          throw Object.assign(new Error("no space"), { code: "ENOSPC" });
        }
      }),
  };
}

function writeWhole(fd: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let done = 0; done < bytes.length;) {
    done += writeSync(fd, bytes, done, bytes.length - done);
  }
}

/** Whether the disk of an open file is full; only Linux can tell. */
function isOnFullDisk(fd: number): boolean {
  if (process.platform !== "linux" || !fstatSync(fd).isFile()) return false;
  try {
    const { bavail, blocks } = statfsSync(`/proc/self/fd/${fd}`);
    return blocks > 0 && bavail === 0;
  } catch {
    return false; // The file was deleted, or there is no /proc: the write itself will show it.
  }
}
