/**
 * Formats the fence domain in the layout of fence_tool.
 * Source: cluster fence/fence_tool/fence_tool.c: do_list (lines, words).
 * Tested in: test/cli/fence-commands.test.ts
 */
import type { FencingStatus, MethodListing, NodeFencing } from "../model/fencing-status.ts";

/** The domain, and with `nodes` a line for every node of the configuration. */
export function formatDomain(
  status: FencingStatus,
  { nodes }: { readonly nodes: boolean },
): string {
  const ascending = status.nodes.toSorted((a, b) => a.id - b.id);
  const members = ascending.filter((node) => node.member).map((node) => node.id);
  const lines = [
    "fence domain",
    `member count  ${members.length}`,
    `victim count  ${ascending.filter((node) => node.victim).length}`,
    `victim now    ${status.victimNow}`,
    `master nodeid ${status.master}`,
    `wait state    ${status.waitState}`,
    `members       ${members.join(" ")}`,
    ...(nodes ? ["all nodes", ...ascending.map(nodeLine)] : []),
  ];
  return `${lines.join("\n")}\n\n`;
}

function nodeLine(node: NodeFencing): string {
  const { id, lastMaster, how } = node;
  const now = `nodeid ${id} member ${Number(node.member)} victim ${Number(node.victim)}`;
  return `${now} last fence master ${lastMaster} how ${how}`;
}

/** One line for each method, in the order in which they are tried. */
export function formatMethods(methods: readonly MethodListing[]): string {
  return methods
    .map(({ name, devices }) => {
      const texts = devices.map(({ device, agent, action }) => `${device} (${agent}, ${action})`);
      return `  method ${name}: ${texts.join(", ")}\n`;
    })
    .join("");
}
