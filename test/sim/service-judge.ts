/**
 * Judges of any configuration of services: they look at the machines' processes and addresses, read
 * the configuration as an operator would, and share no code with the core.
 */
import type { ClusterConf, ServiceConf } from "../../src/model/conf.ts";
import type { NodeId, ServiceName } from "../../src/model/ids.ts";
import type { ServiceRecord } from "../../src/services/table/service-state.ts";
import type { Cluster } from "./cluster.ts";
import {
  judgeRecordAtRest,
  judgeReplicas,
  TakeoverJudge,
  tableAtRest,
  Violation,
  wasStoppedByUser,
} from "./judges.ts";
import type { VirtualTime } from "./virtual-time.ts";

export class ServiceJudge {
  readonly #conf: ClusterConf;
  readonly #addresses: readonly string[];
  readonly #takeovers: readonly TakeoverJudge[];
  /** `service node`: what a failed stop has left there, until it is gone. */
  readonly #leftovers = new Set<string>();

  constructor(conf: ClusterConf, time: VirtualTime) {
    this.#conf = conf;
    this.#addresses = conf.services.services.flatMap(({ tree }) =>
      tree.children.filter(({ type }) => type === "ip").map(({ key }) => key),
    );
    this.#takeovers = conf.services.services.map(
      ({ name }) => new TakeoverJudge(name, time, conf.fencing),
    );
  }

  look(cluster: Cluster): void {
    for (const service of this.#services) this.#judgeOwner(cluster, service);
    for (const node of cluster.nodes) this.#judgeExclusive(cluster, node);
    for (const address of this.#addresses) {
      const holders = cluster.holders(address);
      if (holders.length > 1) throw new Violation(`${address} twice: nodes ${holders.join(", ")}`);
    }
    for (const judge of this.#takeovers) judge.look(cluster);
    judgeReplicas(cluster);
  }

  get #services(): readonly ServiceConf[] {
    return this.#conf.services.services;
  }

  #judgeOwner(cluster: Cluster, service: ServiceConf): void {
    const owners = cluster.runningOn(service.name);
    if (owners.length > 1) {
      throw new Violation(`${service.name} runs on nodes ${owners.join(", ")}`);
    }
    const [owner] = owners;
    if (owner !== undefined && !this.#allowed(service).includes(owner)) {
      throw new Violation(`${service.name} runs on node ${owner}, outside its restricted domain`);
    }
  }

  /** Where the service may run at all. */
  #allowed(service: ServiceConf): readonly NodeId[] {
    const domain = this.#conf.services.domains.find(({ name }) => name === service.domain);
    if (domain === undefined || !domain.restricted) return this.#conf.nodes.map(({ id }) => id);
    return domain.nodes.map(({ node }) => node);
  }

  /** Nothing else runs beside an exclusive service, but what a failed stop has left. */
  #judgeExclusive(cluster: Cluster, node: NodeId): void {
    const here = this.#services.filter(({ name }) => this.#runsOn(cluster, node, name));
    const exclusive = here.find((service) => service.exclusive);
    if (exclusive !== undefined && here.length > 1) {
      const names = here.map(({ name }) => name).join(", ");
      throw new Violation(`${names} run on node ${node}, and ${exclusive.name} is exclusive`);
    }
  }

  #runsOn(cluster: Cluster, node: NodeId, name: ServiceName): boolean {
    const key = `${name} ${node}`;
    if (!cluster.runningOn(name).includes(node)) this.#leftovers.delete(key);
    else if (hasFailed(cluster, name)) this.#leftovers.add(key);
    else return !this.#leftovers.has(key);
    return false;
  }

  /** After healing and rest: nothing half done, and whatever does not run has a reason. */
  finish(cluster: Cluster): void {
    const table = tableAtRest(cluster);
    const { services } = table.snapshot();
    for (const record of services) {
      judgeRecordAtRest(cluster, record);
      const conf = this.#services.find(({ name }) => name === record.name);
      if (conf === undefined) throw new Violation(`${record.name} is not configured`);
      this.#judgeDependency(conf, record, services);
      if (record.state !== "stopped" || wasStoppedByUser(table, record.name)) continue;
      if (!this.#mayWait(conf, services)) throw new Violation(`liveness: ${conf.name} is stopped`);
    }
  }

  #judgeDependency(
    conf: ServiceConf,
    record: ServiceRecord,
    services: readonly ServiceRecord[],
  ): void {
    if (conf.depend === null || conf.dependMode === "soft" || record.state !== "started") return;
    if (stateOf(services, conf.depend) !== "started") {
      throw new Violation(`liveness: ${conf.name} is started, but not ${conf.depend}`);
    }
  }

  /** It depends on what does not run, or no node is free for it. */
  #mayWait(conf: ServiceConf, services: readonly ServiceRecord[]): boolean {
    if (conf.depend !== null && stateOf(services, conf.depend) !== "started") return true;
    return this.#allowed(conf).every((node) => {
      const here = services.filter(({ state, owner }) => state === "started" && owner === node);
      const exclusive = here.some((record) =>
        this.#services.some(({ name, exclusive: alone }) => name === record.name && alone),
      );
      return exclusive || (conf.exclusive && here.length > 0);
    });
  }
}

function stateOf(services: readonly ServiceRecord[], name: string): string {
  return services.find((record) => record.name === name)?.state ?? "unknown";
}

/** In the eyes of any node that has a table. */
function hasFailed(cluster: Cluster, name: string): boolean {
  return cluster.nodes.some((node) => cluster.record(node, name)?.state === "failed");
}
