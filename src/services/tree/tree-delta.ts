/**
 * What a new conf changes of the services: which are added, removed or replaced, and of
 * the others, which parts of their trees are gone and which are new.
 * Compares values; does not know what runs.
 * Source: rgmanager reslist.c: rescmp; restree.c: resource_tree_delta; groups.c.
 * Deviations: only values of the file are compared, not those that agents add; inherited values are
 * compared only where they are written, since a resource that changes is replaced together with
 * all that is below it; `retry_delay` never restarts a service.
 * DELTA1  The result does not depend on the agents of the node that computes it.
 */
import type { ResourceConf, ServiceConf, ServicesConf } from "../../model/conf.ts";
import type { ServiceName } from "../../model/ids.ts";

export type ServiceDelta =
  | "same"
  /** Only attributes changed that may change while the service runs. */
  | "attributes"
  /** Resources below it were added, removed or changed. */
  | "parts"
  /** Its own attributes changed: it counts as another service of the same name. */
  | "replaced"
  | "added"
  | "removed";

/** Attributes of a service that may change while it runs (metadata: reconfig). */
const reconfigurable: readonly string[] = ["domain", "autostart", "exclusive", "recovery"];
/** An attribute that only clusterd has; no agent knows it. */
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
  /**
   * `gone`: roots of the parts that only the old tree has; `fresh`: those only the new tree has.
   */
  readonly gone: readonly ResourceConf[];
  readonly fresh: readonly ResourceConf[];
  /** Each resource of the old tree that stays → the same resource in the new tree. */
  readonly kept: ReadonlyMap<ResourceConf, ResourceConf>;
};

/** Compares two trees of one service; their roots always count as the same resource. */
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
