/**
 * Checks fence devices with the agent "self", which wait until the victim has fenced itself,
 * against the rest of the configuration.
 * Source: clusterd.
 * Tested in: test/config/complaints.test.ts
 */
import type { FencingConf } from "../../model/conf.ts";
import { type FenceDevices, selfAgent } from "../sections/fence-methods-section.ts";
import type { Report } from "../text/complaint.ts";
import { attributeLocation } from "../text/section.ts";

export function checkSelfDevices(
  devices: FenceDevices,
  cluster: { readonly fencing: FencingConf; readonly twoNode: boolean },
  report: Report,
): void {
  for (const { section, agent } of devices.values()) {
    if (agent !== selfAgent) continue;
    const location = attributeLocation(section, "agent");
    if (cluster.twoNode) {
      const problem = "self-fencing cannot work with two_node: both sides stay quorate";
      const allowed = "use real fence devices, or a third node";
      report.error(location, { type: "conflict", problem, allowed });
    } else if (cluster.fencing.selfFence === "no") {
      const problem = 'the device waits for self-fencing, but self_fence is "no"';
      report.error(location, { type: "conflict", problem, allowed: "set self_fence to auto" });
    }
  }
}
