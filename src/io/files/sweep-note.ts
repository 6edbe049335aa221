/**
 * The note by which a guard tells the next one that it has verified that nothing of any service is
 * left on this machine. It is the file `swept` of the state directory, and contains the name of the
 * machine (machine-name.ts), so that it does not count after a reboot or in another container.
 * NOTE1  A note counts once: it is removed before anything can be started again. A note that cannot
 *     be removed or read does not count.
 */
import { readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { accept, type Result, refuse } from "../../model/outcome.ts";
import { causeCode, causeText } from "../os-error.ts";

/** Leaves the note. It is not written durably, since it counts only in this boot. */
export function leaveSweepNote(stateDirectory: string, machine: string): Result<null, string> {
  try {
    writeFileSync(pathOf(stateDirectory), `${machine}\n`, { mode: 0o600 });
    return accept(null);
  } catch (error) {
    return refuse(causeText(error));
  }
}

/** Removes the note; returns whether there was one of this machine. */
export function takeSweepNote(stateDirectory: string, machine: string): Result<boolean, string> {
  const path = pathOf(stateDirectory);
  try {
    const text = readFileSync(path, "utf8");
    unlinkSync(path);
    return accept(text.trim() === machine);
  } catch (error) {
    return causeCode(error) === "ENOENT" ? accept(false) : refuse(causeText(error));
  }
}

function pathOf(stateDirectory: string): string {
  return join(stateDirectory, "swept");
}
