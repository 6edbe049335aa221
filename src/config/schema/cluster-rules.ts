/**
 * The rule of the root element, and of the small ones that stand in it.
 * Source: cluster.conf(5), the cluster schema of the RHEL 6 High Availability Add-On.
 * Tested in: test/config/complaints.test.ts, test/documents/documents.test.ts
 */
import { choices, clusterNameBytesMax, flags, integers, logFileDefault } from "../text/defaults.ts";
import {
  choiceRule,
  type ElementRule,
  flagRule,
  integerRule,
  lenient,
  noChildren,
  required,
  strict,
  textRule,
  warn,
} from "./element-rules.ts";
import { clusternodesRule, fenceDaemonRule, fencedevicesRule } from "./node-rules.ts";
import { cmanRule, totemRule } from "./ring-rules.ts";
import { rmRule } from "./service-rules.ts";

/** The daemons of the original whose priorities are those of log channels here. */
export const loggingDaemons = ["corosync", "fenced", "rgmanager"] as const;

const toStandardOutput = "clusterd writes to standard output, which the system's journal collects";

const oneFile = "clusterd writes one log file, set in <logging>";

const loggingAttributes = {
  to_syslog: flagRule(
    flags.logging.to_syslog,
    `Only switches the warnings about syslog off (no): ${toStandardOutput}.`,
  ),
  syslog_facility: textRule("Without effect, with a warning unless to_syslog is no."),
  syslog_priority: textRule("Without effect, with a warning unless to_syslog is no."),
  to_logfile: flagRule(
    flags.logging.to_logfile,
    `Whether lines also go to a file; written without logfile: to ${logFileDefault}.`,
  ),
  logfile: textRule(
    "The log file.",
    { type: "text", allowed: "an absolute path" },
    "none: standard output only",
  ),
  logfile_priority: choiceRule(
    choices.logging.logfile_priority,
    "The least important level that is logged, to the file and to standard output.",
    { anyCase: true },
  ),
  debug: flagRule(flags.logging.debug, "The level debug, whatever logfile_priority says."),
};

const logging: ElementRule = {
  ...lenient,
  meaning: "What is logged, and where to.",
  attributes: loggingAttributes,
  children: {
    logging_daemon: {
      type: "repeated",
      rule: {
        ...lenient,
        meaning:
          "The level of one part: corosync (ring and quorum, or one of them by subsys), fenced, " +
          "rgmanager (services). The log file is that of <logging>.",
        attributes: {
          name: required(
            textRule("The daemon; other names are without effect.", {
              type: "text",
              allowed: loggingDaemons.join(", "),
            }),
          ),
          subsys: textRule(
            "With corosync: TOTEM or MAIN is the ring, CMAN or QUORUM is quorum.",
            undefined,
            "both",
          ),
          ...loggingAttributes,
          to_logfile: textRule(`Without effect, with a warning: ${oneFile}.`),
          logfile: textRule(`Without effect, with a warning: ${oneFile}.`),
        },
        children: noChildren,
      },
    },
  },
};

const uidgid: ElementRule = {
  // With a warning only, an operator might believe that a misspelt account has access.
  ...strict,
  meaning: "A user or group that may use process groups, see clusterd-groups(7).",
  attributes: {
    uid: textRule("A user.", { type: "text", allowed: "a name, or a number" }),
    gid: textRule("A group.", { type: "text", allowed: "a name, or a number" }),
  },
  children: noChildren,
};

const dlm: ElementRule = {
  unknownAttribute: "silent",
  unknownElement: "silent",
  meaning: "The lock manager of the kernel, which clusterd does not configure.",
  attributes: {
    enable_fencing: flagRule(
      flags.dlm.enable_fencing,
      "No is ignored with a warning: clusterd always waits for fencing.",
    ),
  },
  children: noChildren,
};

const corosyncInternal = "it configures corosync, which clusterd replaces";

export const clusterRule: ElementRule = {
  ...strict,
  meaning: "The root element.",
  attributes: {
    name: required(
      textRule("The name of the cluster; every cluster of a network needs its own.", {
        type: "text",
        allowed: `1 to ${clusterNameBytesMax} letters, digits, . _ -`,
        pattern: `[A-Za-z0-9._\\-]{1,${clusterNameBytesMax}}`,
      }),
    ),
    config_version: required(
      integerRule(
        integers.cluster.config_version,
        "The version of the file, which every change must raise.",
      ),
    ),
    alias: warn("written by older tools; the name identifies the cluster"),
  },
  children: {
    cman: { type: "once", rule: cmanRule },
    totem: { type: "once", rule: totemRule },
    logging: { type: "once", rule: logging },
    clusternodes: { type: "once", needed: true, rule: clusternodesRule },
    fencedevices: { type: "once", rule: fencedevicesRule },
    fence_daemon: { type: "once", rule: fenceDaemonRule },
    rm: { type: "once", rule: rmRule },
    quorumd: {
      type: "refused",
      reason:
        "quorum disk is not supported by clusterd; remove <quorumd> and set " +
        '<cman expected_votes="N"/> to the sum of the votes of the nodes, or leave it out',
    },
    dlm: { type: "repeated", rule: dlm },
    gfs_controld: { type: "silent", meaning: "The daemon of GFS, which is configured by itself." },
    group: { type: "silent", meaning: "The group daemon of RHEL 5." },
    clvmd: {
      type: "silent",
      meaning: "The daemon of clustered LVM, which is configured by itself.",
    },
    uidgid: { type: "repeated", rule: uidgid },
    fence_xvmd: { type: "ignored", reason: "fence_xvmd is configured by its own file" },
    event: { type: "ignored", reason: corosyncInternal },
    amf: { type: "ignored", reason: corosyncInternal },
    aisexec: { type: "ignored", reason: corosyncInternal },
    service: { type: "ignored", reason: `${corosyncInternal}; services belong in <rm>` },
  },
};
