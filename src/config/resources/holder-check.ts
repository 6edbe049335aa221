/**
 * Warns about services that hold something which does not end with their processes, such as a
 * mounted file system, if a node has no fence devices.
 * Tested in: test/config/agent-elements.test.ts
 * HOLDER1  The end of a lease ends processes and addresses only. A node that hangs still holds
 *     everything else when other nodes start its services; only a fence device ends that.
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
  for (const { name, tree } of services) {
    const [element] = name.split(":");
    for (const { type, key, line } of holders(tree)) {
      const problem =
        `<${type}> ${key} holds more than processes and addresses, and ${first.name} has no ` +
        "fence device: if it hangs, another node starts the service while it still holds them";
      const allowed = "give every node a fence device";
      const location = { path: `/cluster/rm/${element}(${tree.key})/${type}(${key})`, line };
      report.warning(location, { type: "unsafe", problem, allowed });
    }
  }
}

function holders(tree: ResourceConf): readonly ResourceConf[] {
  const own = tree.agent?.holds === true ? [tree] : [];
  return [...own, ...tree.children.flatMap(holders)];
}
