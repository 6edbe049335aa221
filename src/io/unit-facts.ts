/**
 * What systemd says of units, if it runs here. Judges nothing.
 * Source: systemctl(1), show; sd_booted(3).
 */
import { access } from "node:fs/promises";
import type { UnitFact } from "../config/host-check.ts";
import { findTool, runTool } from "./tool.ts";

export async function unitFact(unit: string): Promise<UnitFact> {
  const systemctl = await findTool("systemctl");
  if (systemctl === null || !(await exists("/run/systemd/system"))) return { type: "no-systemd" };
  const shown = await runTool(systemctl, [
    "show",
    "--property=LoadState",
    "--property=UnitFileState",
    "--",
    unit,
  ]);
  if (!shown.ok) return { type: "failed", cause: shown.problem.cause };
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
