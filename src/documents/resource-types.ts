/**
 * The types of resources that the documents describe: the built-in ones, and those of rgmanager
 * that other agents run.
 * Tested in: test/documents/documents.test.ts
 */
import {
  type AgentRule,
  builtInAgents,
  ocfRule,
  systemdRule,
} from "../config/agents/agent-tables.ts";
import { replacementOf } from "../config/agents/equivalent-agents.ts";
import { ocfEquivalents, withoutEquivalent } from "../model/ocf-equivalents.ts";

/** Elements with a rule of their own; `service` is the first. */
export const ownTypes: readonly AgentRule[] = [...builtInAgents, systemdRule, ocfRule];

export const serviceType = "service";
/** It may also stand in the place of a service. */
export const machineType = "vm";

/** What a type means, in one sentence. */
export const typeMeanings: Readonly<Record<string, string>> = {
  service: "A service: a tree of resources.",
  script: "An init script (LSB).",
  ip: "A virtual address.",
  qpidd: "A broker of Apache Qpid, without an init script.",
  "qpidd-primary": "The promotion of the broker of the node to primary.",
  systemd: "A unit of systemd.",
  ocf: "An agent of Heartbeat's and Pacemaker's kind.",
};

/** rgmanager's types that an agent of the package resource-agents runs. */
export const replacedTypes = Object.keys(ocfEquivalents).flatMap((type) => {
  const replacement = replacementOf(type);
  return replacement === null ? [] : [replacement];
});

/** rgmanager's types that nothing replaces, with what to use instead. */
export const typesWithoutAgent: readonly (readonly [string, string])[] =
  Object.entries(withoutEquivalent);
