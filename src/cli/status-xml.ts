/**
 * Formats the cluster's status as the XML document of `clustat -x`.
 * Source: rgmanager clustat.c (elements, attributes and their order, exit codes).
 * Deviation: text in attributes is escaped, so the document is well-formed whatever the names are.
 * Tested in: test/cli/status-text.test.ts
 */

import {
  type ClusterStatus,
  type NodeStatus,
  type ServiceStatus,
  serviceStateNumbers,
} from "../model/status.ts";
import { xmlText } from "../model/visible-text.ts";
import {
  flagNames,
  flagNumber,
  formatTime,
  managed,
  nameOfNode,
  type Printed,
  type StatusQuery,
  serviceExit,
  servicesUnavailable,
  shownNodes,
  sortedServices,
} from "./status-text.ts";

/** Unlike in the text form, an unknown member or service yields an empty list and exit code 0. */
export function formatXml(status: ClusterStatus, query: StatusQuery): Printed {
  const { member, service } = query;
  const all = member === null && service === null;
  const nodes = shownNodes(status).filter((node) => member === null || node.name === member);
  const wanted = member === null ? sortedServices(status) : [];
  const services = wanted.filter((each) => service === null || each.name === service);
  const unknownStates = member === null && status.services === null;
  const lines = [
    '<?xml version="1.0"?>',
    '<clustat version="4.1.1">',
    ...(all ? clusterElements(status) : []),
    ...(member !== null || service === null ? nodesElement(status, nodes, member === null) : []),
    ...(wanted.length === 0 ? [] : groupsElement(status, services)),
    "</clustat>",
  ];
  return {
    out: lines.map((line) => `${line}\n`).join(""),
    // On standard output it would spoil the document.
    err: unknownStates ? `${servicesUnavailable(status)}\n` : "",
    exit: exitCode(status, query, services),
  };
}

function exitCode(
  status: ClusterStatus,
  query: StatusQuery,
  services: readonly ServiceStatus[],
): number {
  if (query.member !== null) {
    const node = status.nodes.find((each) => each.name === query.member);
    return node === undefined || node.online ? 0 : 1;
  }
  if (query.service === null) return 0;
  if (status.services === null) return 1;
  const [service] = services;
  return service === undefined ? 0 : serviceExit(service);
}

function clusterElements(status: ClusterStatus): readonly string[] {
  const { name, id } = status.cluster;
  const takesPart = status.nodes.some((node) => node.local && managed(status, node));
  const { quorate } = status.quorum;
  return [
    `  ${element("cluster", { name, id, generation: status.generation })}`,
    `  ${element("quorum", { quorate, groupmember: quorate && takesPart })}`,
  ];
}

function nodesElement(
  status: ClusterStatus,
  nodes: readonly NodeStatus[],
  servicesAsked: boolean,
): readonly string[] {
  const rows = nodes.map((node) =>
    element("node", {
      name: node.name,
      state: node.online,
      local: node.local,
      // There are no members that are not configured, but parsers expect the attribute.
      estranged: false,
      rgmanager: servicesAsked && managed(status, node),
      rgmanager_master: false,
      qdisk: false,
      nodeid: `0x${node.id.toString(16).padStart(8, "0")}`,
    }),
  );
  return ["  <nodes>", ...rows.map((row) => `    ${row}`), "  </nodes>"];
}

function groupsElement(
  status: ClusterStatus,
  services: readonly ServiceStatus[],
): readonly string[] {
  const rows = services.map((service) =>
    element("group", {
      name: service.name,
      state: serviceStateNumbers[service.state],
      state_str: service.state,
      flags: flagNumber(service),
      flags_str: flagNames(service).join(" "),
      owner: nameOfNode(status, service.owner),
      last_owner: nameOfNode(status, service.lastOwner),
      restarts: service.restarts,
      last_transition: service.transition,
      last_transition_str: formatTime(service.transition),
    }),
  );
  return ["  <groups>", ...rows.map((row) => `    ${row}`), "  </groups>"];
}

/** An element without content; true and false are written as 1 and 0. */
function element(
  name: string,
  attributes: Readonly<Record<string, string | number | boolean>>,
): string {
  const pairs = Object.entries(attributes).map(([key, value]) => {
    const text = typeof value === "boolean" ? String(Number(value)) : String(value);
    return ` ${key}="${xmlText(text)}"`;
  });
  return `<${name}${pairs.join("")}/>`;
}
