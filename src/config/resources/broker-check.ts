/**
 * Complains about brokers without init scripts that clusterd could not look after: it must observe
 * them, since nothing else asks or promotes them, and each node must have its own.
 * Tested in: test/config/broker-elements.test.ts
 */
import type { ResourceConf, ServiceConf, ServicesConf } from "../../model/conf.ts";
import type { Report } from "../text/complaint.ts";

export function checkBrokerResources(services: ServicesConf, report: Report): void {
  const all = services.services.flatMap(({ tree }) => brokersBelow(tree));
  const runsBroker = all.some(({ type }) => type === "qpidd");
  for (const service of services.services) {
    for (const resource of brokersBelow(service.tree)) {
      const location = locationOf(service, resource);
      if (services.brokers === "off") {
        const problem = `<${resource.type}> and qpid="off" in <rm>: nothing would ask this broker`;
        const allowed = 'remove qpid="off", or use the init script of the broker';
        report.error(location, { type: "bad-value", problem, allowed });
      }
      if (resource.type === "qpidd-primary" && !runsBroker) {
        const problem = "no service runs a broker that could be promoted";
        const allowed = "a service with <qpidd> for each node";
        report.warning(location, { type: "missing-element", problem, allowed });
      }
      if (resource.type === "qpidd" && !runsOnOneNode(service, services)) {
        const problem =
          `${service.name} may run on several nodes: the state of its broker decides nothing ` +
          "about the primary";
        const allowed =
          "a service for each node, in a restricted failover domain with that node only";
        report.warning(location, { type: "unsafe", problem, allowed });
      }
    }
  }
}

function runsOnOneNode({ domain }: ServiceConf, { domains }: ServicesConf): boolean {
  const found = domains.find(({ name }) => name === domain);
  return found?.restricted === true && found.nodes.length === 1;
}

function brokersBelow(resource: ResourceConf): readonly ResourceConf[] {
  const own = resource.type === "qpidd" || resource.type === "qpidd-primary" ? [resource] : [];
  return [...own, ...resource.children.flatMap(brokersBelow)];
}

function locationOf({ tree }: ServiceConf, { type, key, line }: ResourceConf) {
  return { path: `/cluster/rm/service(${tree.key})/${type}(${key})`, line };
}
