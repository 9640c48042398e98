// `ringdepth bench peers`: other WebGPU engines on the same device, in a process of its own: they
// are installed in bench/peers, which only a clone has, and none is a dependency.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { InputError } from "../../tensor/error.ts";
import type { CommandContext } from "../terminal/define.ts";
import { wholeNumber } from "../terminal/options.ts";

interface PeersOptions {
  readonly rounds?: number;
  readonly torch?: string;
  readonly json?: boolean;
  readonly output?: string;
}

const PROGRAM = fileURLToPath(new URL("../../../bench/peers/main.ts", import.meta.url));
// Without it, Node spends half a minute optimising one function of an engine's WebAssembly.
const NODE_OPTIONS = ["--liftoff-only", "--import", "tsx"];

/** Defines the command under `bench`. */
export function defineBenchPeers(parent: Command, { exit }: CommandContext): void {
  parent
    .command("peers")
    .argument("[problem...]", "parts of the problems' names (default: all)")
    .option("--rounds <n>", "interleaved rounds (default: 5)", wholeNumber("--rounds", 1))
    .option("--torch <python>", "a python with PyTorch, for a column of its times on the CPU")
    .option("--json", "print the result as JSON")
    .option("-o, --output <name>", "write NAME.json and NAME.md")
    .addHelpText("after", "\nExample:\n  ringdepth bench peers gelu attention --rounds 3")
    .action(async (problems: string[], { rounds, torch, json, output }: PeersOptions) => {
      if (!existsSync(PROGRAM)) {
        throw new InputError(
          "there is no bench/ here: it exists only in a clone of the repository",
        );
      }
      const options = [
        ...(rounds === undefined ? [] : ["--rounds", String(rounds)]),
        ...(torch === undefined ? [] : ["--torch", torch]),
        ...(json === true ? ["--json"] : []),
        ...(output === undefined ? [] : ["--output", output]),
      ];
      const child = spawn(
        process.execPath,
        [...NODE_OPTIONS, PROGRAM, ...options, "--", ...problems],
        { stdio: "inherit" },
      );
      const code = await new Promise<number>((resolve, reject) => {
        child.once("error", reject);
        child.once("exit", (status) => {
          resolve(status ?? 1);
        });
      });
      exit(code);
    });
}
