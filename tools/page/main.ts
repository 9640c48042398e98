// Builds the browser page and serves it: npm run page [-- --port N]. With `--out FOLDER` it only
// builds it there.
import { parseArgs } from "node:util";
import { buildPage } from "./build.ts";
import { servePage } from "./serve.ts";

const { values } = parseArgs({ options: { port: { type: "string" }, out: { type: "string" } } });
const folder = values.out ?? ".cache/page";
await buildPage(folder);
if (values.out === undefined) {
  const port = Number(values.port ?? 8080);
  await servePage(folder, port);
  console.log(`the page is at http://localhost:${port} (Ctrl-C ends it)`);
} else {
  console.log(`the page is in ${folder}: any web server can serve it, by https or on localhost`);
}
