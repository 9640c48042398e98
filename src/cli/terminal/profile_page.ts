// Writes the page of a profile for `--html`.
import { writeFileAtomically } from "../../formats/atomic_file.ts";
import type { ProfileReport } from "../../profile/page/page.ts";
import type { Output } from "./surroundings.ts";

/** Writes the page of a profile if one was requested. */
export async function writeProfilePage(
  output: Output,
  file: string | undefined,
  report: ProfileReport,
): Promise<void> {
  if (file === undefined) return;
  // The chart library takes longer to load than the rest of a command.
  const { renderProfileReport } = await import("../../profile/page/page.ts");
  await writeFileAtomically(file, Buffer.from(renderProfileReport(report)));
  output.say(`report in ${file}`);
}

/** The command line, quoted for a shell. */
export function commandLine(args: readonly string[]): string {
  const quoted = args.map((arg) =>
    /^[\w@%+=:,./-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", String.raw`'\''`)}'`,
  );
  return ["ringdepth", ...quoted].join(" ");
}
