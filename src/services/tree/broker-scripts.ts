/**
 * Which services run a broker of Apache Qpid, and which one promotes it: those with resources
 * `qpidd` and `qpidd-primary`, or with init scripts of these names, in whatever directory.
 * Source: qpid-cpp etc/fedora/qpidd.in, qpidd-primary.in; the manual's example configuration.
 * Tested in: test/services/broker-promotion.test.ts, test/life/broker-observer.test.ts
 */
import { type BrokerSource, ofInitScripts, sourceOf } from "../../brokers/own-broker.ts";
import type {
  FailoverDomainConf,
  ResourceConf,
  ServiceConf,
  ServicesConf,
} from "../../model/conf.ts";
import type { NodeId, ServiceName } from "../../model/ids.ts";
import { startOrder } from "./resource-tree.ts";

export type BrokerScript = {
  readonly service: ServiceName;
  readonly resource: ResourceConf;
  /** `qpidd-primary`: its start makes the broker of its node the primary. */
  readonly promotes: boolean;
  /** How its broker is asked. */
  readonly source: BrokerSource;
};

const promotingName = "qpidd-primary";
const brokerNames = ["qpidd", promotingName];

/** The broker scripts of one service, in the order in which they start. */
export function brokerScripts({ name: service, tree }: ServiceConf): readonly BrokerScript[] {
  return startOrder(tree).flatMap((resource) => {
    const script = scriptName(resource);
    const name = script === "" ? resource.type : script;
    if (!brokerNames.includes(name)) return [];
    const source = script === "" ? sourceOf(new Map(resource.attributes)) : ofInitScripts;
    return [{ service, resource, promotes: name === promotingName, source }];
  });
}

export function isPromotingScript(file: string): boolean {
  return fileName(file) === promotingName;
}

function scriptName({ type, attributes }: ResourceConf): string {
  return type === "script" ? fileName(new Map(attributes).get("file") ?? "") : "";
}

function fileName(path: string): string {
  return path.split("/").at(-1) ?? "";
}

/** By node, the service that runs the broker of that node and may run nowhere else. */
export type BrokerServices = ReadonlyMap<NodeId, ServiceName>;

/**
 * For each service that promotes a broker: the brokers that there are. Empty where the state of
 * brokers decides nothing: with `<rm qpid="off">`, and where no two nodes have a broker of their
 * own that could be chosen from.
 */
export function promotingServices(conf: ServicesConf): ReadonlyMap<ServiceName, BrokerServices> {
  if (conf.brokers === "off") return new Map();
  const scripts = conf.services.map((service) => ({ service, scripts: brokerScripts(service) }));
  const brokers = new Map<NodeId, ServiceName>();
  for (const { service, scripts: found } of scripts) {
    const node = onlyNode(service, conf.domains);
    const runs = found.length > 0 && found.every(({ promotes }) => !promotes);
    if (runs && node !== null && !brokers.has(node)) brokers.set(node, service.name);
  }
  if (brokers.size < 2) return new Map();
  const promoting = scripts.filter(({ scripts: found }) => found.some(({ promotes }) => promotes));
  return new Map(promoting.map(({ service }) => [service.name, brokers]));
}

function onlyNode(service: ServiceConf, domains: readonly FailoverDomainConf[]): NodeId | null {
  const domain = domains.find(({ name }) => name === service.domain);
  const [first, ...others] = domain?.restricted === true ? domain.nodes : [];
  return first === undefined || others.length > 0 ? null : first.node;
}
