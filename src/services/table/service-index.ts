/**
 * Indexes over the service records and the conf, so that a step need not walk through all
 * services for each service. Contains no rules, only what the records say.
 * INDEX1  After `put`, every answer agrees with the records that were put last.
 */
import type { ClusterConf, FailoverDomainConf, ServiceConf } from "../../model/conf.ts";
import type { NodeId, ServiceName } from "../../model/ids.ts";
import { invariant } from "../../model/outcome.ts";
import { type BrokerServices, promotingServices } from "../tree/broker-scripts.ts";
import { occupies, type ServiceRecord } from "./service-state.ts";

/** The services of one node. */
class Holdings {
  /** Owned, whatever their state. */
  readonly owned = new Set<ServiceName>();
  /** Started or starting. */
  readonly occupying = new Set<ServiceName>();
  /** The owned services that are exclusive. */
  readonly exclusive = new Set<ServiceName>();
}

export class ServiceIndex {
  /** In the order of the conf, lower `priority` first. */
  readonly order: readonly ServiceName[];
  readonly #confs: ReadonlyMap<ServiceName, ServiceConf>;
  readonly #domains: ReadonlyMap<ServiceName, FailoverDomainConf | null>;
  readonly #nothingFloats: boolean;
  /** The services that promote a broker, and the brokers that there are for each. */
  readonly promoting: ReadonlyMap<ServiceName, BrokerServices>;
  readonly #dependents = new Map<ServiceName, ServiceName[]>();
  readonly #holdings = new Map<NodeId, Holdings>();
  readonly #operations = new Map<number, ServiceName>();
  readonly #crowdedOut = new Set<ServiceName>();
  readonly #waiting = new Set<ServiceName>();

  constructor(conf: ClusterConf) {
    const { services, domains } = conf.services;
    this.promoting = promotingServices(conf.services);
    this.order = services.toSorted((a, b) => a.priority - b.priority).map(({ name }) => name);
    this.#confs = new Map(services.map((service) => [service.name, service]));
    this.#nothingFloats = services.every(({ boundTo }) => boundTo !== null);
    const domainByName = new Map(domains.map((domain) => [domain.name, domain]));
    this.#domains = new Map(
      services.map(({ name, domain }) => [name, domainByName.get(domain ?? "") ?? null]),
    );
    for (const { name, depend } of services) {
      if (depend === null) continue;
      this.#dependents.set(depend, [...(this.#dependents.get(depend) ?? []), name]);
    }
  }

  has(name: ServiceName): boolean {
    return this.#confs.has(name);
  }

  conf(name: ServiceName): ServiceConf {
    const found = this.#confs.get(name);
    invariant(found !== undefined, `no configuration of ${name}`);
    return found;
  }

  /**
   * Whether services bound to other nodes may become stale while this one works. Floating services
   * use bound ones; if none is configured to float, a bound service works by itself.
   */
  outdates(name: ServiceName): boolean {
    return this.#nothingFloats || this.conf(name).boundTo === null;
  }

  /** Whether the service runs the broker of a node, and does not promote it. */
  runsBroker(name: ServiceName): boolean {
    for (const brokers of this.promoting.values()) {
      for (const service of brokers.values()) if (service === name) return true;
    }
    return false;
  }

  domainOf(name: ServiceName): FailoverDomainConf | null {
    return this.#domains.get(name) ?? null;
  }

  /** Services whose `depend` names this one, in the order of the conf. */
  dependentsOf(name: ServiceName): readonly ServiceName[] {
    return this.#dependents.get(name) ?? [];
  }

  /** `before` is the record that `service` replaces; undefined: it had none. */
  put(before: ServiceRecord | undefined, service: ServiceRecord): void {
    const { name, owner, op } = service;
    if (before !== undefined) this.#forget(before);
    if (owner !== null) {
      const holdings = this.#holdingsOf(owner);
      holdings.owned.add(name);
      if (occupies(service, owner)) holdings.occupying.add(name);
      if (this.conf(name).exclusive) holdings.exclusive.add(name);
    }
    if (op !== null) this.#operations.set(op.id, name);
    if (service.crowdedOut) this.#crowdedOut.add(name);
    if (service.retryAt !== null) this.#waiting.add(name);
  }

  /** The service whose present operation has this number. */
  ofOperation(id: number): ServiceName | null {
    return this.#operations.get(id) ?? null;
  }

  /** Whether no service waits because of exclusive services. */
  get nobodyCrowdedOut(): boolean {
    return this.#crowdedOut.size === 0;
  }

  /** Services with a time for their next attempt. */
  get waiting(): Iterable<ServiceName> {
    return this.#waiting;
  }

  /** Services that are started or starting on the node, except one. */
  loadOf(node: NodeId, except: ServiceName | null): number {
    const { occupying } = this.#holdingsOf(node);
    return occupying.size - (except !== null && occupying.has(except) ? 1 : 0);
  }

  /** Whether the node owns any other service, also one that is stopping. */
  ownsOthers(node: NodeId, name: ServiceName): boolean {
    const { owned } = this.#holdingsOf(node);
    return owned.size > (owned.has(name) ? 1 : 0);
  }

  /** Another service on the node that is exclusive; the first by name. */
  rivalOn(node: NodeId, name: ServiceName): ServiceName | null {
    const { exclusive } = this.#holdingsOf(node);
    const rivals = [...exclusive].filter((one) => one !== name).toSorted();
    return rivals[0] ?? null;
  }

  #forget({ name, owner, op }: ServiceRecord): void {
    if (owner !== null) {
      const holdings = this.#holdingsOf(owner);
      holdings.owned.delete(name);
      holdings.occupying.delete(name);
      holdings.exclusive.delete(name);
    }
    if (op !== null) this.#operations.delete(op.id);
    this.#crowdedOut.delete(name);
    this.#waiting.delete(name);
  }

  #holdingsOf(node: NodeId): Holdings {
    const known = this.#holdings.get(node);
    if (known !== undefined) return known;
    const none = new Holdings();
    this.#holdings.set(node, none);
    return none;
  }
}
