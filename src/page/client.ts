// The page's side of its worker: questions with answers, and news.
import type { Ask, News, Questions, Told } from "./messages.ts";

/** The worker as the views use it. */
export interface Client {
  /** The answer to a question; rejects with the worker's words. */
  readonly ask: <Name extends keyof Questions>(
    name: Name,
    value: Questions[Name]["ask"],
  ) => Promise<Questions[Name]["answer"]>;
  /** Calls `listener` with each message of this kind. */
  readonly on: <Name extends keyof News>(name: Name, listener: (value: News[Name]) => void) => void;
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** Starts the worker. */
export function startWorker(): Client {
  const worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
  const waiting = new Map<number, Waiting>();
  const listeners = new Map<keyof News, ((value: unknown) => void)[]>();
  let last = 0;
  worker.addEventListener("message", ({ data }: MessageEvent<Told>) => {
    if ("news" in data) {
      for (const listener of listeners.get(data.news) ?? []) listener(data.value);
      return;
    }
    const { resolve, reject } = waiting.get(data.id)!;
    waiting.delete(data.id);
    if ("error" in data) reject(new Error(data.error));
    else resolve(data.value);
  });
  worker.addEventListener("error", ({ message }) => {
    const error = new Error(`the page's worker stopped: ${message}`);
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  });
  return {
    ask: async (name, value) =>
      await new Promise((resolve, reject) => {
        const id = ++last;
        waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
        worker.postMessage({ id, name, value } satisfies Ask);
      }),
    on: (name, listener) => {
      const known = listeners.get(name) ?? [];
      listeners.set(name, [...known, listener as (value: unknown) => void]);
    },
  };
}
