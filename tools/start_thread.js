// Starts a TypeScript module of a checkout in a worker thread, as ringdepth.js starts the command. An
// installed package starts the built module itself.
import { workerData } from "node:worker_threads";
import { register } from "tsx/esm/api";

register();
await import(workerData.module);
