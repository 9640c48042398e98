// Runs other programs for set-up: output is kept and shown only when something fails.
// Plain JavaScript: set-up runs before any package is installed.
import { spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** @typedef {{ ok: boolean, output: string, stdout: string }} CommandResult */

/**
 * Runs a program to its end without stdin; `output` is stdout and stderr as they came. Never
 * throws: a program that cannot be started, or runs past `limit_s`, is not `ok` and `output` says
 * why.
 * @param {string} program
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, limit_s?: number, shell?: boolean }} [options]
 * @returns {Promise<CommandResult>}
 */
export function runCommand(program, args, options = {}) {
  const { limit_s = 600, ...spawnOptions } = options;
  return new Promise((resolve) => {
    let output = "";
    let stdout = "";
    const child = spawn(program, args, { ...spawnOptions, stdio: ["ignore", "pipe", "pipe"] });
    const timer = setTimeout(() => {
      output += `\nstopped after ${limit_s} s`;
      child.kill();
    }, limit_s * 1000);
    child.stdout.setEncoding("utf8").on("data", (/** @type {string} */ text) => {
      stdout += text;
      output += text;
    });
    child.stderr.setEncoding("utf8").on("data", (/** @type {string} */ text) => {
      output += text;
    });
    child.on("error", (error) => {
      clearTimeout(timer);
      resolve({ ok: false, output: `${program}: ${error.message}`, stdout });
    });
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      if (signal !== null) output += `\n${program}: ended by ${signal}`;
      resolve({ ok: code === 0, output, stdout });
    });
  });
}

/**
 * Runs npm, the one that started us where there is one (Windows cannot spawn `npm` without a
 * shell).
 * @param {readonly string[]} args
 * @param {string} root folder of package.json
 * @returns {Promise<CommandResult>}
 */
export function runNpm(args, root) {
  const quiet = ["--loglevel=error", "--no-update-notifier"];
  const cache = canWrite(homedir()) ? [] : ["--cache", join(root, ".cache", "npm")];
  const all = [...args, ...quiet, ...cache];
  const cli = process.env["npm_execpath"];
  if (cli !== undefined && cli.endsWith("npm-cli.js")) {
    return runCommand(process.execPath, [cli, ...all], { cwd: root });
  }
  return runCommand("npm", all, { cwd: root, shell: process.platform === "win32" });
}

/** @param {string} folder */
function canWrite(folder) {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false; // service accounts have no home
  }
}

/** @param {string} text */
export function say(text) {
  process.stderr.write(`setup: ${text}\n`);
}

/**
 * The last lines of a program's output, indented: enough to see why it failed.
 * @param {string} output
 * @returns {string}
 */
export function tail(output) {
  const lines = output.trim().split("\n").slice(-8);
  return lines.map((line) => `  | ${line}`).join("\n");
}

/** A failure with its reason for people; set-up prints the message and ends with the exit code. */
export class SetupError extends Error {
  /**
   * @param {string} message
   * @param {number} exitCode as the command line's: 1 failed, 4 no adapter
   */
  constructor(message, exitCode) {
    super(message);
    this.exitCode = exitCode;
  }
}
