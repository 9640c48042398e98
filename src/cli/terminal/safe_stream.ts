// A stream of the process that never throws and never ends it: a reader that has gone and a disk
// that is full become a fault that commands can ask for.
import { fstatSync, statfsSync, writeSync } from "node:fs";
import { Socket } from "node:net";
import { systemReason } from "../../formats/atomic_file.ts";
import type { StreamFault, TextStream } from "./text_stream.ts";

// What a write to a pipe, socket or terminal fails with once nobody reads it.
const CLOSED = new Set(["EPIPE", "ECONNRESET", "ERR_STREAM_DESTROYED", "EIO"]);

/** `stream` as commands write to it. */
export function safeStream(stream: NodeJS.WriteStream & { readonly fd: number }): TextStream {
  let fault: StreamFault | null = null;
  const fail = (error: NodeJS.ErrnoException | null | undefined): void => {
    if (error) fault ??= { closed: CLOSED.has(error.code ?? ""), reason: systemReason(error) };
  };
  stream.on("error", fail);
  // Files and devices: Node's own stream takes a short write (a disk that fills up) for a whole one.
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
        // Devices refuse an empty write as they would any; a full disk has to be asked.
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

/** Whether a file has no room left on its disk; only Linux names open files. */
function isOnFullDisk(fd: number): boolean {
  if (process.platform !== "linux" || !fstatSync(fd).isFile()) return false;
  try {
    const { bavail, blocks } = statfsSync(`/proc/self/fd/${fd}`);
    return blocks > 0 && bavail === 0;
  } catch {
    return false; // A file that was deleted, or no /proc: the write itself will tell.
  }
}
