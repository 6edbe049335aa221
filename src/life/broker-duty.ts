/**
 * Which broker this node has to look after, and what it may do about it, by the conf and
 * the service table: the services that run a broker, with init scripts or without.
 * Tested in: test/life/broker-observer.test.ts
 */
import { type BrokerDuty, type BrokerProcesses, nothingToDo } from "../brokers/care-events.ts";
import { type BrokerSource, ofInitScripts } from "../brokers/own-broker.ts";
import type { ClusterConf, ServiceConf } from "../model/conf.ts";
import type { NodeId, ServiceName } from "../model/ids.ts";
import { resourceMark } from "../services/agents/agent-marks.ts";
import type { ServiceRecord } from "../services/table/service-state.ts";
import type { ServiceTable } from "../services/table/service-table.ts";
import { type BrokerScript, brokerScripts } from "../services/tree/broker-scripts.ts";

type OwnScript = BrokerProcesses & Pick<BrokerScript, "promotes" | "source">;

/** States in which a broker may run and can be asked. */
const present: readonly ServiceRecord["state"][] = ["started", "stopping", "recoverable"];

/** The duty of one node, while its conf and the table change. */
export class BrokerDuties {
  readonly #self: NodeId;
  #conf: ClusterConf | null = null;
  #scripts: readonly OwnScript[] = [];
  #duty = nothingToDo;
  /** From which records the duty was made; null: there was no table. */
  #records: Records = [];

  constructor(self: NodeId) {
    this.#self = self;
  }

  /** How the broker of this node is asked: by what runs it, if that says so. */
  get source(): BrokerSource {
    return sourceOfScripts(this.#scripts);
  }

  /** The services that this node may run. */
  get services(): readonly ServiceName[] {
    return this.#duty.services;
  }

  /** Null: it is the same as before. `table` is null while this node takes no part. */
  change(conf: ClusterConf, table: Pick<ServiceTable, "service"> | null): BrokerDuty | null {
    const same = conf === this.#conf;
    if (!same) {
      this.#conf = conf;
      this.#scripts = ownBrokerScripts(conf, this.#self);
    }
    const records = table && this.#scripts.map(({ service }) => table.service(service));
    if (same && areSame(records, this.#records)) return null;
    this.#records = records;
    if (this.#scripts.length === 0 && !this.#duty.observed) return null;
    const given = { table, self: this.#self, before: this.#duty };
    const duty = brokerDuty(this.#scripts, given);
    if (JSON.stringify(duty) === JSON.stringify(this.#duty)) return null;
    this.#duty = duty;
    return duty;
  }
}

/** What runs or promotes a broker here; nothing with `<rm qpid="off">`. */
export function ownBrokerScripts(conf: ClusterConf, self: NodeId): readonly OwnScript[] {
  const { services, domains, brokers } = conf.services;
  if (brokers === "off") return [];
  const mayRun = ({ domain }: ServiceConf): boolean => {
    const found = domains.find(({ name }) => name === domain);
    return found?.restricted !== true || found.nodes.some(({ node }) => node === self);
  };
  return services.filter(mayRun).flatMap((service) =>
    brokerScripts(service).map(({ service: name, resource, ...rest }) => {
      return { service: name, resource: resourceMark(resource), ...rest };
    }),
  );
}

type Records = readonly (ServiceRecord | null)[] | null;

/** A record is replaced when its service changes. */
function areSame(one: Records, other: Records): boolean {
  if (one === null || other === null) return one === other;
  return one.length === other.length && one.every((record, at) => record === other[at]);
}

function sourceOfScripts(scripts: readonly OwnScript[]): BrokerSource {
  const running = scripts.find(({ promotes }) => !promotes);
  return (running ?? scripts[0])?.source ?? ofInitScripts;
}

/** `table` is null while this node takes no part; then it looks after what it did `before`. */
function brokerDuty(
  scripts: readonly OwnScript[],
  given: {
    readonly table: Pick<ServiceTable, "service"> | null;
    readonly self: NodeId;
    readonly before: BrokerDuty;
  },
): BrokerDuty {
  const { table, self, before } = given;
  const services = [...new Set(scripts.map(({ service }) => service))];
  if (table === null) {
    const observed = before.observed && scripts.length > 0;
    return { ...before, observed, services, restraint: "this node takes no part in the cluster" };
  }
  const here = (service: ServiceName) => {
    const record = table.service(service);
    return record?.owner === self ? record : null;
  };
  const states = (service: ServiceName) => here(service)?.state ?? "stopped";
  const held = services.find((service) => here(service)?.frozen === true);
  const frozen = held === undefined ? null : `an operator has frozen ${held} (clusvcadm -Z)`;
  const marks = scripts.map(({ service, resource }) => ({ service, resource }));
  return {
    observed: scripts.some(({ service }) => present.includes(states(service))),
    // A service that is starting or stopping has a script under way, which must not be killed. One
    // that is disabled may have left its broker to the primary service.
    processes: marks.filter(({ service }) => ["started", "stopped"].includes(states(service))),
    marks,
    services,
    heartbeatMs: sourceOfScripts(scripts).heartbeatMs,
    running: scripts.some((one) => !one.promotes && here(one.service)?.state === "started"),
    promoting: scripts.some((one) => one.promotes && here(one.service)?.state === "starting"),
    held: frozen,
    restraint: frozen,
  };
}
