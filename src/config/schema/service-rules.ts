/**
 * The rules of `<rm>` and of its failover domains. Services and resources have the rules of their
 * agents.
 * Source: rgmanager(8), rgmanager fo_domain.c.
 * Tested in: test/config/complaints.test.ts, test/documents/documents.test.ts
 */
import { agentDirectoryDefault } from "../agents/discovered-agents.ts";
import { choices, flags, integers, servicesMax } from "../text/defaults.ts";
import {
  choiceRule,
  type ElementRule,
  flagRule,
  integerRule,
  noChildren,
  required,
  strict,
  textRule,
  warn,
} from "./element-rules.ts";

const failoverdomain: ElementRule = {
  ...strict,
  meaning: "A named set of nodes that services prefer, or are restricted to.",
  attributes: {
    name: required(
      textRule("Its name.", {
        type: "text",
        allowed: "a name that is unique within <failoverdomains>",
      }),
    ),
    ordered: flagRule(
      flags.failoverdomain.ordered,
      "Whether the priorities of its nodes count; a service moves to a better node that is back.",
    ),
    restricted: flagRule(
      flags.failoverdomain.restricted,
      "Whether its services may run on no other node.",
    ),
    nofailback: flagRule(
      flags.failoverdomain.nofailback,
      "A running service does not move to a better node that is back.",
    ),
  },
  children: {
    failoverdomainnode: {
      type: "repeated",
      rule: {
        ...strict,
        meaning: "A node of the domain.",
        attributes: {
          name: required(
            textRule("The node.", { type: "text", allowed: "the name of a clusternode" }),
          ),
          priority: integerRule(
            integers.failoverdomainnode.priority,
            "Its rank in an ordered domain, 1 first.",
            "after all numbered ones",
          ),
        },
        children: noChildren,
      },
    },
  },
};

export const rmRule: ElementRule = {
  unknownAttribute: "warning",
  // With a warning only, a misspelt <service> would not run.
  unknownElement: "error",
  meaning: "Services and their resources.",
  attributes: {
    status_poll_interval: integerRule(
      integers.rm.status_poll_interval,
      "The longest interval of the checks of built-in types without an <action> of their own.",
      "the interval of each type",
    ),
    status_child_max: integerRule(
      integers.rm.status_child_max,
      "How many checks run at the same time.",
    ),
    disabled: flagRule(
      flags.rm.disabled,
      "Whether service management is off: clusterd then ends at once with status 2.",
    ),
    agent_path: textRule(
      "The directory of resource agents of rgmanager's kind.",
      { type: "path" },
      agentDirectoryDefault,
    ),
    native: flagRule(
      flags.rm.native,
      "Whether script, ip and service are built in; if not, agents of the directory replace them.",
    ),
    quorum_loss: choiceRule(
      choices.rm.quorum_loss,
      "Which services a node without quorum stops: those that another node may run, or all.",
    ),
    qpid: choiceRule(choices.rm.qpid, "Whether clusterd observes the broker of each node."),
    qpid_hang_timeout: integerRule(
      integers.rm.qpid_hang_timeout,
      "After what time a standstill of all brokers is reported, or ended.",
    ),
    qpid_hang_recovery: choiceRule(
      choices.rm.qpid_hang_recovery,
      "What is done about it: a report, or a restart that loses what is only in memory.",
    ),
    log_level: warn("use <logging>"),
    log_facility: warn("use <logging>"),
    transition_throttling: warn("transitions are handled one by one"),
    central_processing: warn("scripted event processing is not offered"),
  },
  children: {
    failoverdomains: {
      type: "once",
      rule: {
        ...strict,
        meaning: "The failover domains.",
        attributes: {},
        children: { failoverdomain: { type: "repeated", rule: failoverdomain } },
      },
    },
    events: { type: "ignored", reason: "scripted event processing is not offered" },
    resources: {
      type: "opaque",
      once: true,
      meaning: "Definitions of resources, to which services refer by ref.",
    },
    "resource-defaults": {
      type: "opaque",
      once: true,
      meaning: "Elements whose attributes are the defaults of all resources of their types.",
    },
    service: {
      type: "opaque",
      once: false,
      meaning:
        `A service, at most ${servicesMax}: a tree of resources that starts, is checked, moves ` +
        "and stops as a whole.",
    },
    vm: {
      type: "opaque",
      once: false,
      meaning: "A virtual machine, which is a service of its own: vm:NAME.",
    },
  },
};
