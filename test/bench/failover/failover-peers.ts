/** The programs that clusterd is compared with, where they are installed. */
import { existsSync } from "node:fs";
import { findTool } from "../../../src/io/processes/system-command.ts";
import type { SceneGroup } from "./failover-subject.ts";
import type { Profile } from "./failover-work.ts";
import { keepalivedGroups, keepalivedLimits } from "./keepalived-scenes.ts";
import { pacemakerGroups, pacemakerLimits } from "./pacemaker-scenes.ts";

export type Peer = {
  /** Programs in PATH or elsewhere, and the package of each. */
  readonly needs: Readonly<Record<string, string>>;
  /** What its timers are. */
  readonly timers: (profile: Profile) => string;
  /** What it does not do at all. */
  readonly limits: string;
  readonly groups: (profile: Profile, directory: string | null) => readonly SceneGroup[];
};

export const peers: Readonly<Record<string, Peer>> = {
  keepalived: {
    needs: { keepalived: "keepalived" },
    timers: ({ advertSeconds }) => `advert_int ${advertSeconds}`,
    limits: keepalivedLimits,
    groups: keepalivedGroups,
  },
  pacemaker: {
    needs: {
      corosync: "corosync",
      pacemakerd: "pacemaker",
      crm_resource: "pacemaker-cli-utils",
      "/usr/lib/ocf/resource.d/heartbeat/IPaddr2": "resource-agents",
    },
    timers: ({ tokenMs }) => `token ${tokenMs}`,
    limits: pacemakerLimits,
    groups: pacemakerGroups,
  },
};

/** The packages that are not there, in words; null: it can be measured. */
export async function missingPackages({ needs }: Peer): Promise<string | null> {
  const missing: string[] = [];
  for (const [program, name] of Object.entries(needs)) {
    const found = program.startsWith("/")
      ? existsSync(program)
      : (await findTool(program)) !== null;
    if (!found) missing.push(name);
  }
  return missing.length === 0 ? null : [...new Set(missing)].join(", ");
}
