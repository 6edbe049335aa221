/**
 * Which resources run on this node, by what their agents said: for each service, and counted over
 * all services, so that a call need not look at every other service. Calls no agents.
 * STARTED1  `others` agrees with the sets of the workers after each of their changes.
 */
import type { ResourceConf } from "../../model/conf.ts";

/** All services on one node: how many occurrences of each resource each service has started. */
export class RunningResources {
  readonly #holders = new Map<string, Map<StartedResources, number>>();

  count(holder: StartedResources, resource: ResourceConf, change: 1 | -1): void {
    const key = keyOf(resource);
    const holders = this.#holders.get(key) ?? new Map<StartedResources, number>();
    this.#holders.set(key, holders);
    const left = (holders.get(holder) ?? 0) + change;
    if (left > 0) holders.set(holder, left);
    else holders.delete(holder);
    if (holders.size === 0) this.#holders.delete(key);
  }

  /** How many other services have started an occurrence of the resource. */
  others(holder: StartedResources, resource: ResourceConf): number {
    const holders = this.#holders.get(keyOf(resource));
    if (holders === undefined) return 0;
    return holders.size - (holders.has(holder) ? 1 : 0);
  }
}

/** Occurrences of one service that were started and not verifiably stopped since. */
export class StartedResources {
  readonly #all: RunningResources;
  readonly #started = new Set<ResourceConf>();

  constructor(all: RunningResources) {
    this.#all = all;
  }

  has(resource: ResourceConf): boolean {
    return this.#started.has(resource);
  }

  add(resource: ResourceConf): void {
    if (this.#started.has(resource)) return;
    this.#started.add(resource);
    this.#all.count(this, resource, 1);
  }

  delete(resource: ResourceConf): void {
    if (this.#started.delete(resource)) this.#all.count(this, resource, -1);
  }

  clear(): void {
    for (const resource of [...this.#started]) this.delete(resource);
  }

  /** Replaces each occurrence by what `to` returns for it; undefined: it is removed. */
  move(to: (resource: ResourceConf) => ResourceConf | undefined): void {
    const before = [...this.#started];
    this.clear();
    for (const resource of before) {
      const moved = to(resource);
      if (moved !== undefined) this.add(moved);
    }
  }

  /** Other services on this node in which the same resource runs. */
  otherInstances(resource: ResourceConf): number {
    return this.#all.others(this, resource);
  }
}

function keyOf({ type, key }: ResourceConf): string {
  return `${type} ${key}`;
}
