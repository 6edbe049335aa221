/**
 * Which elements and attributes the file may have, and how each is treated: used, silently ignored,
 * ignored with a warning, or refused.
 * The contents of services and resources are not in this schema.
 * Source: cluster.conf(5), cman(5), fenced(8), the cluster schema of the RHEL 6 High Availability
 * Add-On.
 * Tested in: test/config/complaints.test.ts
 */

export type AttributeRules = {
  readonly used?: readonly string[];
  readonly silent?: readonly string[];
  /** Name → why it has no effect, or what to write instead. */
  readonly ignored?: Readonly<Record<string, string>>;
  readonly refused?: Readonly<Record<string, string>>;
};

export type ElementRule = {
  /** How unlisted names are treated: as errors where a typing error would endanger safety. */
  readonly unknownAttribute: "error" | "warning";
  readonly unknownElement: "error" | "warning";
  /** Null: any attribute is allowed (parameters of agents). */
  readonly attributes: AttributeRules | null;
  readonly children: Readonly<Record<string, ChildElementRule>>;
};

export type ChildElementRule =
  | { readonly type: "once"; readonly rule: ElementRule }
  | { readonly type: "repeated"; readonly rule: ElementRule }
  /** Checked by the section that reads it. */
  | { readonly type: "opaque"; readonly once: boolean }
  | { readonly type: "silent" }
  | { readonly type: "ignored"; readonly reason: string }
  | { readonly type: "refused"; readonly reason: string };

const noChildren = {} as const;
const lenient = { unknownAttribute: "warning", unknownElement: "warning" } as const;
const strict = { unknownAttribute: "error", unknownElement: "error" } as const;

const multicast: ElementRule = {
  ...lenient,
  attributes: { used: ["addr", "port", "ttl"] },
  children: noChildren,
};

const cman: ElementRule = {
  ...strict,
  attributes: {
    used: [
      ..."two_node expected_votes transport broadcast port cluster_id hash_cluster_id".split(" "),
      ..."keyfile wait_for_all auto_tie_breaker auto_tie_breaker_node".split(" "),
      ..."last_man_standing last_man_standing_window".split(" "),
    ],
    silent: ["max_queued", "debug_mask", "disable_openais"],
    ignored: {
      upgrading: "compatibility with RHEL 5 is not offered",
      disallowed: "such nodes are refused by clusterd in any case",
      quorum_dev_poll: "there is no quorum disk",
      shutdown_timeout: "a clean leave waits until the services have stopped",
      ccsd_poll: "a reload is agreed by all nodes or not made",
      startup_config_timeout: "a reload is agreed by all nodes or not made",
    },
    refused: { nodename: "the program sets this itself; remove it and start with -n NAME" },
  },
  children: {
    multicast: { type: "once", rule: multicast },
    altmulticast: {
      type: "ignored",
      reason: "a second ring is not supported; bond the interfaces instead",
    },
  },
};

const totem: ElementRule = {
  ...lenient,
  attributes: {
    used: [
      ..."token token_retransmit hold join consensus merge secauth keyfile netmtu".split(" "),
      ..."token_retransmits_before_loss_const seqno_unchanged_const miss_count_const".split(" "),
      ..."window_size max_messages profile".split(" "),
    ],
    silent: [
      ..."downcheck max_network_delay heartbeat_failures_allowed send_join version".split(" "),
      ..."nodeid vsftype threads crypto_accept rrp_problem_count_threshold".split(" "),
      ..."rrp_problem_count_timeout rrp_token_expired_timeout".split(" "),
    ],
    ignored: {
      fail_recv_const: "a node that cannot receive is noticed after 2 x token",
      rrp_mode: "there is one ring only",
    },
    refused: { transport: 'write <cman transport="..."> instead' },
  },
  children: {
    interface: {
      type: "ignored",
      reason: "the address is that of the clusternode name; port and multicast belong in <cman>",
    },
  },
};

const device: ElementRule = { ...lenient, attributes: null, children: noChildren };

const fence: ElementRule = {
  ...strict,
  attributes: {},
  children: {
    method: {
      type: "repeated",
      rule: {
        ...strict,
        attributes: { used: ["name"] },
        children: { device: { type: "repeated", rule: device } },
      },
    },
  },
};

const unfence: ElementRule = {
  ...lenient,
  attributes: {},
  children: {
    device: { type: "repeated", rule: device },
    method: { type: "refused", reason: "<unfence> contains <device> directly" },
  },
};

const rhel4 = "written for RHEL 4; use <cman><multicast addr=.../></cman>";

const clusternode: ElementRule = {
  ...strict,
  attributes: { used: ["name", "nodeid", "votes"], silent: ["weight"] },
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

const fenceDaemon: ElementRule = {
  ...strict,
  attributes: {
    used: [
      ..."post_join_delay post_fail_delay override_time clean_start skip_undefined".split(" "),
      ..."agent_timeout self_fence lease kill_timeout safe_wait".split(" "),
      ..."watchdog_device watchdog_timeout".split(" "),
    ],
    ignored: {
      override_path: "use fence_ack-ts instead",
      fence_check_delay: "there is no periodic check of fence devices",
    },
  },
  children: noChildren,
};

const loggingAttributes = [
  ..."to_syslog to_logfile syslog_facility syslog_priority".split(" "),
  ..."logfile_priority logfile debug".split(" "),
];

const logging: ElementRule = {
  ...lenient,
  attributes: { used: loggingAttributes },
  children: {
    logging_daemon: {
      type: "repeated",
      rule: {
        ...lenient,
        attributes: { used: ["name", "subsys", ...loggingAttributes] },
        children: noChildren,
      },
    },
  },
};

const failoverdomain: ElementRule = {
  ...strict,
  attributes: { used: ["name", "ordered", "restricted", "nofailback"] },
  children: {
    failoverdomainnode: {
      type: "repeated",
      rule: { ...strict, attributes: { used: ["name", "priority"] }, children: noChildren },
    },
  },
};

const rm: ElementRule = {
  unknownAttribute: "warning",
  // With a warning only, a misspelt <service> would not run.
  unknownElement: "error",
  attributes: {
    used: [
      ...["status_poll_interval", "status_child_max", "disabled", "agent_path", "native"],
      ...["quorum_loss", "qpid", "qpid_hang_timeout", "qpid_hang_recovery"],
    ],
    ignored: {
      log_level: "use <logging>",
      log_facility: "use <logging>",
      transition_throttling: "transitions are handled one by one",
      central_processing: "scripted event processing is not offered",
    },
  },
  children: {
    failoverdomains: {
      type: "once",
      rule: {
        ...strict,
        attributes: {},
        children: { failoverdomain: { type: "repeated", rule: failoverdomain } },
      },
    },
    events: { type: "ignored", reason: "scripted event processing is not offered" },
    resources: { type: "opaque", once: true },
    "resource-defaults": { type: "opaque", once: true },
    service: { type: "opaque", once: false },
    vm: {
      type: "refused",
      reason:
        "virtual machines are not moved while they run; in a <service>, one is a resource: " +
        '<ocf agent="heartbeat:VirtualDomain" config="/etc/libvirt/qemu/NAME.xml"/>',
    },
  },
};

const corosyncInternal = "it configures corosync, which clusterd replaces";

/** The rule of the root element. */
export const clusterRule: ElementRule = {
  ...strict,
  attributes: {
    used: ["name", "config_version"],
    ignored: { alias: "written by older tools; the name identifies the cluster" },
  },
  children: {
    cman: { type: "once", rule: cman },
    totem: { type: "once", rule: totem },
    logging: { type: "once", rule: logging },
    clusternodes: {
      type: "once",
      rule: {
        unknownAttribute: "warning",
        // With a warning only, a misspelt <clusternode> would change the quorum.
        unknownElement: "error",
        attributes: {},
        children: { clusternode: { type: "repeated", rule: clusternode } },
      },
    },
    fencedevices: {
      type: "once",
      rule: {
        unknownAttribute: "warning",
        unknownElement: "error",
        attributes: {},
        children: { fencedevice: { type: "repeated", rule: device } },
      },
    },
    fence_daemon: { type: "once", rule: fenceDaemon },
    rm: { type: "once", rule: rm },
    quorumd: {
      type: "refused",
      reason:
        "quorum disk is not supported by clusterd; remove <quorumd> and set " +
        '<cman expected_votes="N"/> to the sum of the votes of the nodes, or leave it out',
    },
    dlm: { type: "silent" },
    gfs_controld: { type: "silent" },
    group: { type: "silent" },
    clvmd: { type: "silent" },
    uidgid: {
      type: "repeated",
      // With a warning only, an operator might believe that a misspelt account has access.
      rule: { ...strict, attributes: { used: ["uid", "gid"] }, children: noChildren },
    },
    fence_xvmd: { type: "ignored", reason: "fence_xvmd is configured by its own file" },
    event: { type: "ignored", reason: corosyncInternal },
    amf: { type: "ignored", reason: corosyncInternal },
    aisexec: { type: "ignored", reason: corosyncInternal },
    service: { type: "ignored", reason: `${corosyncInternal}; services belong in <rm>` },
  },
};
