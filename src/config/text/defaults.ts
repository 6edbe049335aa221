/**
 * Tables of the numbers, switches and limits of the configuration: default, range, unit and source.
 * An option whose default depends on other options has null here; the section that reads it
 * computes the default.
 * Tested in: test/config/conf-values.test.ts, test/config/timers.test.ts
 */
import { clusterVotesMax, nodeVotesMax } from "../../model/conf.ts";

export type OptionUnit =
  | "ms"
  | "s"
  | "count"
  | "votes"
  | "bytes"
  | "id"
  | "port"
  | "hops"
  | "visits";

export type IntegerOption = {
  readonly default: number | null;
  readonly min: number;
  readonly max: number;
  readonly unit: OptionUnit;
  readonly source: string;
  /** Words that may stand instead of a number; they mean the default. */
  readonly also?: readonly string[];
};

/** Null: it depends on other options. */
export type FlagOption = { readonly default: boolean | null; readonly source: string };

/** One of some words; the default is one of them. */
export type ChoiceOption<Word extends string = string> = {
  readonly words: readonly Word[];
  readonly default: NoInfer<Word>;
  readonly source: string;
};

/** 23 days: the 31 bits of a timer in ms do not hold more than 24. */
export const durationSecondsMax = 2_000_000;

const timerMsMin = 30;
const timerMsMax = 600_000;

/** By element and attribute, as written in the file. */
export const integers = {
  cluster: {
    config_version: {
      default: null,
      min: 1,
      max: 2_147_483_647,
      unit: "count",
      source: "cluster.conf(5)",
    },
  },
  cman: {
    expected_votes: {
      default: null,
      min: 1,
      max: clusterVotesMax,
      unit: "votes",
      source: "cman(5)",
    },
    port: { default: null, min: 1, max: 65_535, unit: "port", source: "cman(5)" },
    cluster_id: { default: null, min: 1, max: 65_535, unit: "id", source: "cman(5)" },
    /** The longer the window, the later fewer votes are expected; below the safe wait: refused. */
    last_man_standing_window: {
      default: null,
      min: 1,
      max: 3_600_000,
      unit: "ms",
      source: "votequorum(5)",
    },
  },
  multicast: {
    port: { default: 5405, min: 1, max: 65_535, unit: "port", source: "cman(5)" },
    ttl: { default: 1, min: 0, max: 255, unit: "hops", source: "cman(5)" },
  },
  totem: {
    token: timer(null, "corosync.conf(5): 1000; 300 with the profile lan-fast"),
    token_retransmit: timer(null, "corosync.conf(5): token / (4 + 0.2)"),
    hold: timer(null, "corosync.conf(5): 0.8 x token_retransmit - 10"),
    join: timer(50, "corosync.conf(5)"),
    consensus: timer(null, "corosync.conf(5): 1.2 x token; two nodes as cman: token / 5"),
    merge: timer(200, "corosync.conf(5)"),
    token_retransmits_before_loss_const: {
      default: 4,
      min: 1,
      max: 100,
      unit: "count",
      source: "corosync.conf(5)",
    },
    seqno_unchanged_const: visits(30),
    miss_count_const: visits(5),
    window_size: { default: 50, min: 1, max: 1000, unit: "count", source: "corosync.conf(5)" },
    max_messages: { default: 17, min: 1, max: 1000, unit: "count", source: "corosync.conf(5)" },
    netmtu: { default: 1500, min: 576, max: 9000, unit: "bytes", source: "corosync.conf(5)" },
  },
  clusternode: {
    nodeid: { default: null, min: 1, max: 4095, unit: "id", source: "cluster.conf(5)" },
    votes: { default: 1, min: 1, max: nodeVotesMax, unit: "votes", source: "cluster.conf(5)" },
  },
  fence_daemon: {
    /** -1: for ever. */
    post_join_delay: seconds({ default: 6, min: -1, source: "fenced(8)" }),
    post_fail_delay: seconds({ default: 0, min: 0, source: "fenced(8)" }),
    override_time: seconds({ default: 3, min: 1, source: "fenced(8)" }),
    agent_timeout: { default: 60, min: 1, max: 3600, unit: "s", source: "clusterd" },
    /**
     * The longer, the later a lost node's services start elsewhere; too short: refused (TIMING1).
     */
    lease: durationOrAuto(3_600_000),
    kill_timeout: { default: null, min: 500, max: 600_000, unit: "ms", source: "clusterd" },
    safe_wait: durationOrAuto(3_600_000),
    /**
     * The longer, the later services start elsewhere; too short: a slow kill is a reset (TIMING2).
     */
    watchdog_timeout: { default: null, min: 1, max: 600, unit: "s", source: "clusterd" },
  },
  rm: {
    status_poll_interval: seconds({ default: null, min: 1, source: "rgmanager(8)" }),
    /** Too short: brokers that only restart are reported, or restarted once more. */
    qpid_hang_timeout: seconds({ default: 30, min: 1, source: "clusterd" }),
    status_child_max: { default: 5, min: 1, max: 1000, unit: "count", source: "rgmanager(8)" },
  },
  failoverdomainnode: {
    priority: { default: null, min: 1, max: 100, unit: "count", source: "rgmanager fo_domain.c" },
  },
  action: {
    depth: {
      default: null,
      min: 0,
      max: 1000,
      unit: "count",
      source: "rgmanager reslist.c",
      also: ["*"],
    },
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, IntegerOption>>>>;

export const flags = {
  cman: {
    two_node: { default: false, source: "cman(5)" },
    hash_cluster_id: { default: false, source: "cman(5)" },
    broadcast: { default: false, source: "cman(5)" },
    wait_for_all: { default: null, source: "votequorum(5)" },
    auto_tie_breaker: { default: false, source: "votequorum(5)" },
    last_man_standing: { default: false, source: "votequorum(5)" },
  },
  totem: { secauth: { default: true, source: "cman(5)" } },
  dlm: { enable_fencing: { default: true, source: "dlm_controld(8)" } },
  fence_daemon: {
    clean_start: { default: false, source: "fenced(8)" },
    skip_undefined: { default: false, source: "fenced(8)" },
  },
  logging: {
    debug: { default: false, source: "cluster.conf(5)" },
    to_logfile: { default: true, source: "cluster.conf(5)" },
    to_syslog: { default: true, source: "cluster.conf(5)" },
  },
  failoverdomain: {
    ordered: { default: false, source: "rgmanager(8)" },
    restricted: { default: false, source: "rgmanager(8)" },
    nofailback: { default: false, source: "rgmanager(8)" },
  },
  rm: {
    disabled: { default: false, source: "rgmanager(8)" },
    native: { default: true, source: "clusterd" },
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, FlagOption>>>>;

/** By element and attribute: one of some words. */
export const choices = {
  cman: { transport: { words: ["udp", "udpu"], default: "udp", source: "cman(5)" } },
  totem: { profile: { words: ["usual", "lan-fast"], default: "usual", source: "clusterd" } },
  fence_daemon: {
    self_fence: {
      words: ["auto", "watchdog", "software", "no"],
      default: "auto",
      source: "clusterd",
    },
  },
  device: {
    /** Of a device that fences; what it does without is the agent's own default. */
    action: {
      words: ["on", "off", "reboot", "enable", "disable", "diag"],
      default: "reboot",
      source: "FenceAgentAPI",
    },
  },
  unfence: { action: { words: ["on", "enable"], default: "on", source: "FenceAgentAPI" } },
  logging: {
    logfile_priority: {
      words: ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"],
      default: "info",
      source: "cluster.conf(5)",
    },
  },
  rm: {
    quorum_loss: { words: ["bound", "stop-all"], default: "bound", source: "clusterd" },
    qpid: { words: ["observe", "off"], default: "observe", source: "clusterd" },
    qpid_hang_recovery: { words: ["report", "restart"], default: "report", source: "clusterd" },
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, ChoiceOption>>>>;

/** The log file if to_logfile is set without a path. */
export const logFileDefault = "/var/log/cluster/clusterd.log";

/**
 * What `<totem profile>` sets where nothing else is given. lan-fast is for machines on one switch
 * that are never without a processor for as long as its token.
 */
export const profiles = {
  usual: { tokenMs: 1000, killTimeoutMs: 1000 },
  "lan-fast": { tokenMs: 300, killTimeoutMs: 500 },
} as const;

/** The error of clock rates, in percent, that the self-fencing lease allows for. */
export const clockErrorPercent = 1;
/** What is added to the safe wait where the guard ends the services: clocks that count in 10 ms. */
export const killMarginMs = 200;
/** The same where a watchdog ends them: how long a machine takes to reset. */
export const resetMarginMs = 1000;
/**
 * What the ring needs beyond token and consensus until it renews a lease again (TIMING1): joins,
 * recovery and state exchange. It is a part of the token where that is short, since such a network
 * is fast, and of both where they are long, since such a network is slow.
 */
export function recoveryReserveMs(ring: {
  readonly tokenMs: number;
  readonly consensusMs: number;
}): number {
  const { tokenMs, consensusMs } = ring;
  const short = Math.min(1000, Math.max(400, 2 * tokenMs));
  return Math.max(short, Math.ceil((tokenMs + consensusMs) / 4));
}

/** sbd(8): SBD_WATCHDOG_TIMEOUT. */
export const watchdogTimeoutSeconds = 5;
export const watchdogDeviceDefault = "/dev/watchdog";
/** Time for looking whether the kill has worked, before the reset (TIMING2). */
export const watchdogVerifyMs = 1000;

/** Long enough for the cause of a failed start to pass, short enough for a waiting operator. */
export const retryDelaySecondsDefault = 30;

export const xmlBytesMax = 1_048_576;
export const xmlDepthMax = 32;
/** More attributes in one element are a mistake or an attack. */
export const xmlAttributesMax = 256;
export const clusterNameBytesMax = 15;
export const servicesMax = 1000;
export const fenceMethodsMax = 8;
export const fenceDevicesMax = 8;

function timer<Default extends number | null>(value: Default, source: string) {
  return { default: value, min: timerMsMin, max: timerMsMax, unit: "ms", source } as const;
}

function durationOrAuto(max: number) {
  const also = ["auto"] as const;
  return { default: null, min: 1, max, unit: "ms", source: "clusterd", also } as const;
}

function visits(value: number) {
  const source = "corosync.conf(5)";
  return { default: value, min: 1, max: 10_000, unit: "visits", source } as const;
}

function seconds<Default extends number | null>(row: {
  readonly default: Default;
  readonly min: number;
  readonly source: string;
}) {
  return { ...row, max: durationSecondsMax, unit: "s" } as const;
}
