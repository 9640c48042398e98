// Serves the built page from this machine.
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { extname, join, normalize } from "node:path";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".safetensors": "application/octet-stream",
};

/** Serves a folder on localhost; resolves with the server once it listens. */
export async function servePage(folder: string, port: number): Promise<Server> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    // A path of a URL has no `..` left once it is parsed, but an encoded one may.
    const path = normalize(decodeURIComponent(pathname));
    const file = path === "/" ? "index.html" : path;
    const type = TYPES[extname(file)];
    try {
      const bytes = type === undefined ? null : readFileSync(join(folder, file));
      response.writeHead(bytes === null ? 404 : 200, { "content-type": type ?? "text/plain" });
      response.end(bytes ?? "not found");
    } catch {
      response.writeHead(404, { "content-type": "text/plain" });
      response.end("not found");
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "localhost", resolve);
  });
  return server;
}
