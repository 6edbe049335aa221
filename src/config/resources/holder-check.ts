/**
 * Warns where a service holds what does not end with its processes, and a node that holds it cannot
 * be fenced.
 * Tested in: test/config/agent-elements.test.ts
 * HOLDER1  A lease ends processes and addresses. Whatever else is held by a node that stands still
 *     is held still when the others take over; only power from outside ends it.
 */
import type { NodeConf, ResourceConf, ServicesConf } from "../../model/conf.ts";
import type { Report } from "../text/complaint.ts";

export function warnUnfencedHolders(
  nodes: readonly NodeConf[],
  { services }: ServicesConf,
  report: Report,
): void {
  const unfenced = nodes.filter(({ fenceMethods }) => fenceMethods.length === 0);
  const [first] = unfenced;
  if (first === undefined || nodes.length === 1) return;
  for (const { tree } of services) {
    for (const { type, key, line } of holders(tree)) {
      const problem =
        `what <${type}> ${key} holds does not end with its processes, and ${first.name} has no ` +
        "fence device: when it stands still, the others take over what it still holds";
      const allowed = "give every node a fence device";
      const place = { path: `/cluster/rm/service(${tree.key})/${type}(${key})`, line };
      report.warning(place, { type: "unsafe", problem, allowed });
    }
  }
}

function holders(tree: ResourceConf): readonly ResourceConf[] {
  const own = tree.agent?.holds === true ? [tree] : [];
  return [...own, ...tree.children.flatMap(holders)];
}
