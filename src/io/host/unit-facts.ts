/**
 * Gathers what systemd says of units, if it runs here. config/host/host-check.ts judges it.
 * Source: systemctl(1), show; sd_booted(3).
 * Tested in: test/e2e/systemd-units.test.ts
 */

import { access } from "node:fs/promises";
import type { UnitFact } from "../../config/host/host-check.ts";
import { searchPath } from "../../model/search-path.ts";
import { runTool } from "../processes/system-command.ts";

/** The exit status of env(1). */
const noSuchProgram = 127;

export async function unitFact(unit: string): Promise<UnitFact> {
  if (!(await exists("/run/systemd/system"))) return { type: "no-systemd" };
  const properties = ["--property=LoadState", "--property=UnitFileState"];
  const words = [`PATH=${searchPath}`, "systemctl", "show", ...properties, "--", unit];
  const shown = await runTool("/usr/bin/env", words);
  if (!shown.ok) {
    if (shown.problem.code === noSuchProgram) return { type: "no-systemd" };
    return { type: "failed", cause: shown.problem.cause };
  }
  const value = (name: string) =>
    new RegExp(`^${name}=(.*)$`, "m").exec(shown.value)?.[1]?.trim() ?? "";
  return { type: "known", loadState: value("LoadState"), fileState: value("UnitFileState") };
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}
