/**
 * The rules of `<clusternodes>`, `<fencedevices>` and `<fence_daemon>`: nodes and their fencing.
 * Source: cluster.conf(5), fenced(8), FenceAgentAPI.
 * Tested in: test/config/complaints.test.ts, test/documents/documents.test.ts
 */
import { nodesMax } from "../../model/ids.ts";
import {
  choices,
  fenceDevicesMax,
  fenceMethodsMax,
  flags,
  integers,
  profiles,
  watchdogDeviceDefault,
  watchdogTimeoutSeconds,
} from "../text/defaults.ts";
import {
  choiceRule,
  type ElementRule,
  flagRule,
  ignore,
  integerRule,
  lenient,
  noChildren,
  open,
  required,
  strict,
  textRule,
  warn,
} from "./element-rules.ts";

const deviceName = required(
  textRule("The fence device.", { type: "text", allowed: "the name of a <fencedevice>" }),
);

const option = textRule("The obsolete name of action, passed on as action with a warning.", {
  type: "text",
  allowed: "as for action",
});

const device: ElementRule = {
  ...open,
  meaning:
    `One device of the method, at most ${fenceDevicesMax}: all of them must succeed, in this ` +
    "order. Other attributes are parameters of the agent and take precedence over those of the " +
    "fencedevice.",
  attributes: {
    name: deviceName,
    action: choiceRule(choices.device.action, "What the agent shall do.", {
      anyCase: true,
      computed: "the agent's own, usually reboot",
    }),
    option,
    delay: textRule(
      "How many seconds the agent waits first; for the node of two that shall win a cut.",
      { type: "text", allowed: "seconds" },
      "0",
    ),
    nodename: textRule("The victim, for agents that ask for it.", undefined, "the node's name"),
  },
  children: noChildren,
};

const unfenceDevice: ElementRule = {
  ...open,
  meaning: "A device that gives the node access again; all are tried.",
  attributes: {
    name: deviceName,
    action: choiceRule(choices.unfence.action, "What the agent shall do.", {
      anyCase: true,
      computed: "none; it must be given",
    }),
    option,
  },
  children: noChildren,
};

const fence: ElementRule = {
  ...strict,
  meaning: "How this node is fenced when it is lost.",
  attributes: {},
  children: {
    method: {
      type: "repeated",
      rule: {
        ...strict,
        meaning: `A way to fence the node, at most ${fenceMethodsMax}; tried in this order.`,
        attributes: {
          name: required(
            textRule("Names the method in the log.", {
              type: "text",
              allowed: "a name that is unique within the node",
            }),
          ),
        },
        children: { device: { type: "repeated", needed: true, rule: device } },
      },
    },
  },
};

const unfence: ElementRule = {
  ...lenient,
  meaning: "What this node does at its start, before its services.",
  attributes: {},
  children: {
    device: { type: "repeated", rule: unfenceDevice },
    method: { type: "refused", reason: "<unfence> contains <device> directly" },
  },
};

const rhel4 = "written for RHEL 4; use <cman><multicast addr=.../></cman>";

const clusternode: ElementRule = {
  ...strict,
  meaning: `A node, at most ${nodesMax}.`,
  attributes: {
    name: required(
      textRule("Its name, which must resolve to its address on the network of the ring.", {
        type: "text",
        allowed: "a host name or address of at most 254 bytes",
        pattern: "\\S{1,254}",
      }),
    ),
    nodeid: required(
      integerRule(integers.clusternode.nodeid, "Its number, which no other node may have."),
    ),
    votes: integerRule(integers.clusternode.votes, "How many votes it has."),
    weight: ignore("The weight of the node for the lock manager."),
  },
  children: {
    fence: { type: "once", rule: fence },
    unfence: { type: "once", rule: unfence },
    altname: {
      type: "ignored",
      reason: "a second ring is not supported; bond the interfaces instead",
    },
    multicast: { type: "ignored", reason: rhel4 },
    interface: { type: "ignored", reason: rhel4 },
  },
};

export const clusternodesRule: ElementRule = {
  unknownAttribute: "warning",
  // With a warning only, a misspelt <clusternode> would change the quorum.
  unknownElement: "error",
  meaning: "The nodes of the cluster, at least one.",
  attributes: {},
  children: { clusternode: { type: "repeated", needed: true, rule: clusternode } },
};

export const fencedevicesRule: ElementRule = {
  unknownAttribute: "warning",
  unknownElement: "error",
  meaning: "The fence devices that the methods of the nodes name.",
  attributes: {},
  children: {
    fencedevice: {
      type: "repeated",
      rule: {
        ...open,
        meaning: "A fence device. Other attributes are parameters of its agent.",
        attributes: {
          name: required(
            textRule("Its name, with a letter or _ first.", {
              type: "text",
              allowed: "a name that is unique within <fencedevices>",
              pattern: "(\\p{L}|[_0-9]).*",
            }),
          ),
          agent: required(
            textRule("The program that fences; self: wait until the node has fenced itself.", {
              type: "text",
              allowed: 'the name of a program in PATH, for example "fence_ipmilan"',
              pattern: "[A-Za-z0-9_][A-Za-z0-9_.\\-]*",
            }),
          ),
          action: choiceRule(choices.device.action, "What the agent does unless a device says.", {
            anyCase: true,
            computed: "the agent's own, usually reboot",
          }),
          option,
        },
        children: noChildren,
      },
    },
  },
};

const rows = integers.fence_daemon;

export const fenceDaemonRule: ElementRule = {
  ...strict,
  meaning: "Delays of fencing, and self-fencing of nodes without fence devices.",
  attributes: {
    post_join_delay: integerRule(
      rows.post_join_delay,
      "How long nodes that have not joined after a start are waited for; -1: for ever.",
    ),
    post_fail_delay: integerRule(
      rows.post_fail_delay,
      "How long a lost node is waited for before it is fenced.",
    ),
    override_time: integerRule(
      rows.override_time,
      "The pause after all methods of a node have failed, before they are tried again.",
    ),
    clean_start: flagRule(
      flags.fence_daemon.clean_start,
      "Nodes that are absent at the start of the cluster count as off and are not fenced.",
    ),
    skip_undefined: flagRule(
      flags.fence_daemon.skip_undefined,
      "At the start, absent nodes without fence methods count as off.",
    ),
    agent_timeout: integerRule(
      rows.agent_timeout,
      "After what time an agent that fences is ended; that is a failure.",
    ),
    self_fence: choiceRule(
      choices.fence_daemon.self_fence,
      "How a node that lost the cluster ends its services: watchdog if there is one, else its " +
        "guard (auto); only with a watchdog; only by its guard (software); not at all (no). With " +
        "two_node auto means no.",
    ),
    lease: integerRule(
      rows.lease,
      "For how long a proof of membership lets a node run services.",
      "auto: token, consensus and what recovery takes",
    ),
    kill_timeout: integerRule(
      rows.kill_timeout,
      "Within what time the guard ends all services when the lease has ended.",
      `${profiles.usual.killTimeoutMs}, ${profiles["lan-fast"].killTimeoutMs} with the profile ` +
        "lan-fast",
    ),
    safe_wait: integerRule(
      rows.safe_wait,
      "How long after it was last heard a lost node counts as off; it may only be raised.",
      "auto: lease and kill_timeout (watchdog_timeout) with a margin",
    ),
    watchdog_device: textRule(
      "The device that resets the machine when the guard cannot end its services.",
      { type: "path" },
      watchdogDeviceDefault,
    ),
    watchdog_timeout: integerRule(
      rows.watchdog_timeout,
      "After what time without feeding the device resets the machine.",
      `${watchdogTimeoutSeconds}, or more if kill_timeout needs it`,
    ),
    override_path: warn("use fence_ack-ts instead"),
    fence_check_delay: warn("there is no periodic check of fence devices"),
  },
  children: noChildren,
};
