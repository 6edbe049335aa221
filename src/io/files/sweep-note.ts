/**
 * The word that a guard leaves to the next one: everything of the services was swept from this
 * machine, and that was verified. A file `swept` of the state directory with the name of the
 * machine (machine-name.ts), so it says nothing after a reboot, or in another container.
 * Does not know what a sweep is.
 * NOTE1  A note counts once: it is gone before anything can be started again. What cannot be
 *     removed or read was not there.
 */
import { readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { accept, type Result, refuse } from "../../model/outcome.ts";
import { causeCode, causeText } from "../os-error.ts";

/** The last act of a process: not durable, since no boot but this one may read it. */
export function leaveSweepNote(stateDirectory: string, machine: string): Result<null, string> {
  try {
    writeFileSync(pathOf(stateDirectory), `${machine}\n`, { mode: 0o600 });
    return accept(null);
  } catch (error) {
    return refuse(causeText(error));
  }
}

/** Whether there was one of this machine. */
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
