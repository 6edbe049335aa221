/**
 * Whether a new conf would stop a running service that cannot be started again, since this
 * node lacks a script. Does not look for scripts: its caller says which are missing.
 * Deviation: rgmanager stops services that have changed, and notices only when it starts them.
 */
import type { FailoverDomainConf, ResourceConf, ServicesConf } from "../../model/conf.ts";
import type { NodeId } from "../../model/ids.ts";
import { compareServices, type ServiceDelta } from "./tree-delta.ts";

/**
 * Only changes of running services: a new service stops nothing, and its start reports the script.
 */
const stopping: readonly ServiceDelta[] = ["replaced", "parts"];

export type ServicesChange = { readonly old: ServicesConf; readonly next: ServicesConf };

/** The problem in words, or null. `causes`: why this node cannot run a script, by path. */
export function missingScript(
  { old, next }: ServicesChange,
  self: NodeId,
  causes: ReadonlyMap<string, string>,
): string | null {
  const deltas = compareServices(old, next);
  for (const { name, domain, tree } of next.services) {
    const delta = deltas.get(name);
    if (delta === undefined || !stopping.includes(delta)) continue;
    if (!mayRunOn(next.domains, domain, self)) continue;
    const before = old.services.find((one) => one.name === name);
    const known = before === undefined ? [] : scriptsOf(before.tree);
    const lost = scriptsOf(tree).find((path) => causes.has(path) && !known.includes(path));
    if (lost === undefined) continue;
    return `${name} would be stopped, and ${lost} cannot be run here: ${causes.get(lost)}`;
  }
  return null;
}

function mayRunOn(
  domains: readonly FailoverDomainConf[],
  name: string | null,
  node: NodeId,
): boolean {
  const domain = domains.find((one) => one.name === name);
  if (domain === undefined || !domain.restricted) return true;
  return domain.nodes.some((one) => one.node === node);
}

function scriptsOf(tree: ResourceConf): readonly string[] {
  const file = tree.type === "script" ? new Map(tree.attributes).get("file") : undefined;
  return [...(file === undefined ? [] : [file]), ...tree.children.flatMap(scriptsOf)];
}
