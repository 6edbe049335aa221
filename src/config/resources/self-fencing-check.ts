/**
 * What must hold between fence devices and the rest of the configuration.
 * Does not know how fencing is done.
 * Source: clusterd; a device with agent "self" waits until the victim has fenced itself.
 * Tested in: test/config/complaints.test.ts
 */
import type { FencingConf } from "../../model/conf.ts";
import { type FenceDevices, selfAgent } from "../sections/fence-methods-section.ts";
import type { Report } from "../text/complaint.ts";
import { placeOfAttribute } from "../text/section.ts";

export function checkSelfDevices(
  devices: FenceDevices,
  cluster: { readonly fencing: FencingConf; readonly twoNode: boolean },
  report: Report,
): void {
  for (const { section, agent } of devices.values()) {
    if (agent !== selfAgent) continue;
    const place = placeOfAttribute(section, "agent");
    if (cluster.twoNode) {
      const problem = "self-fencing cannot work with two_node: both sides stay quorate";
      const allowed = "use real fence devices, or a third node";
      report.error(place, { type: "conflict", problem, allowed });
    } else if (cluster.fencing.selfFence === "no") {
      const problem = 'the device waits for self-fencing, but self_fence is "no"';
      report.error(place, { type: "conflict", problem, allowed: "set self_fence to auto" });
    }
  }
}
