/**
 * What a new configuration changes of the services: which are added, removed or replaced, and of
 * the others, which parts of their trees are gone and which are new.
 * Compares values only; decides nothing about what runs.
 * Source: rgmanager reslist.c: rescmp; restree.c: resource_tree_delta; groups.c.
 * Deviations: what is compared is what the file says, not what agents add to it; inherited values
 * are not compared where they arrive, since the giver is replaced with all that is below it;
 * `retry_delay` never restarts a service.
 * DELTA1  The result does not depend on the agents of the node that computes it.
 */
import type { ResourceConf, ServiceConf, ServicesConf } from "../../model/conf.ts";
import type { ServiceName } from "../../model/ids.ts";

export type ServiceDelta =
  | "same"
  /** Values that may change while it runs. */
  | "attributes"
  /** Resources below it came, went or changed. */
  | "parts"
  /** Its own attributes changed: another service of the same name. */
  | "replaced"
  | "added"
  | "removed";

/** Attributes of a service that may change while it runs (metadata: reconfig). */
const reconfigurable: readonly string[] = ["domain", "autostart", "exclusive", "recovery"];
/** Not known to the agent at all. */
const ownAddition = "retry_delay";

export function compareServices(
  old: ServicesConf,
  next: ServicesConf,
): ReadonlyMap<ServiceName, ServiceDelta> {
  const deltas = new Map<ServiceName, ServiceDelta>();
  const others = new Map(next.services.map((one) => [one.name, one]));
  for (const service of old.services) {
    const other = others.get(service.name);
    deltas.set(service.name, other === undefined ? "removed" : compareService(service, other));
  }
  for (const { name } of next.services) if (!deltas.has(name)) deltas.set(name, "added");
  return deltas;
}

function compareService(old: ServiceConf, next: ServiceConf): ServiceDelta {
  const [before, after] = [old, next].map(({ tree }) => new Map(tree.written));
  const names = new Set([...(before?.keys() ?? []), ...(after?.keys() ?? [])]);
  names.delete(ownAddition);
  let changed = old.retryDelayMs !== next.retryDelayMs;
  for (const name of names) {
    const [one, other] = [before?.get(name), after?.get(name)];
    if (one === other) continue;
    if (one === undefined || other === undefined || !reconfigurable.includes(name)) {
      return "replaced";
    }
    changed = true;
  }
  const { gone, fresh } = compareTrees(old.tree, next.tree);
  if (gone.length > 0 || fresh.length > 0) return "parts";
  return changed ? "attributes" : "same";
}

export type TreeDelta = {
  /** Roots of what is in the old tree only, and of what is in the new one only. */
  readonly gone: readonly ResourceConf[];
  readonly fresh: readonly ResourceConf[];
  /** Old occurrence → the one that takes its place. */
  readonly kept: ReadonlyMap<ResourceConf, ResourceConf>;
};

/** The roots stand for each other. */
export function compareTrees(old: ResourceConf, next: ResourceConf): TreeDelta {
  const gone: ResourceConf[] = [];
  const fresh: ResourceConf[] = [];
  const kept = new Map<ResourceConf, ResourceConf>();
  const pair = (one: ResourceConf, other: ResourceConf): void => {
    kept.set(one, other);
    const free = new Set(other.children);
    for (const child of one.children) {
      const match = [...free].find((each) => sameResource(child, each));
      if (match === undefined) gone.push(child);
      else {
        free.delete(match);
        pair(child, match);
      }
    }
    fresh.push(...free);
  };
  pair(old, next);
  return { gone, fresh, kept };
}

function sameResource(a: ResourceConf, b: ResourceConf): boolean {
  return a.type === b.type && JSON.stringify(a.written) === JSON.stringify(b.written);
}
