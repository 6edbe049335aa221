/**
 * The rules of `<cman>` and `<totem>`: quorum, network and the ring.
 * Source: cman(5), corosync.conf(5), votequorum(5).
 * Tested in: test/config/complaints.test.ts, test/documents/documents.test.ts
 */
import { choices, flags, integers, profiles } from "../text/defaults.ts";
import {
  choiceRule,
  type ElementRule,
  flagRule,
  ignore,
  integerRule,
  lenient,
  noChildren,
  refuseWith,
  strict,
  textRule,
  warn,
} from "./element-rules.ts";

const multicast: ElementRule = {
  ...lenient,
  meaning: "The multicast group of the ring, with the transport udp.",
  attributes: {
    addr: textRule(
      "The multicast address of the ring, of the address family of the nodes.",
      {
        type: "text",
        allowed: "an IPv4 or IPv6 multicast address, not in 224.0.0.0/24",
        pattern: "[0-9A-Fa-f.:]+",
      },
      "239.192.x.y or ff15::z, computed from the cluster id",
    ),
    port: integerRule(integers.multicast.port, "The port, unless cman has one."),
    ttl: integerRule(integers.multicast.ttl, "How many routers a multicast packet may pass."),
  },
  children: noChildren,
};

const quorum = {
  two_node: flagRule(
    flags.cman.two_node,
    "Either of exactly two nodes with one vote each is quorate alone.",
  ),
  expected_votes: integerRule(
    integers.cman.expected_votes,
    "How many votes there are; with two_node 1 or absent.",
    "the sum of the votes of all nodes",
  ),
  wait_for_all: flagRule(
    flags.cman.wait_for_all,
    "A node that starts is quorate only after all votes were present together once.",
    "1 with two_node, else 0",
  ),
  auto_tie_breaker: flagRule(
    flags.cman.auto_tie_breaker,
    "Exactly half of the votes are quorate if the tie-breaker node is among them.",
  ),
  auto_tie_breaker_node: textRule(
    "The tie-breaker node, or several in order of preference.",
    {
      type: "text",
      allowed: "lowest, highest, or a list of node ids",
    },
    "lowest",
  ),
  last_man_standing: flagRule(
    flags.cman.last_man_standing,
    "After the window the votes that are present become the expected ones; needs wait_for_all.",
  ),
  last_man_standing_window: integerRule(
    integers.cman.last_man_standing_window,
    "For how long the membership must be unchanged; not less than the safe wait.",
    "10000, or the safe wait if that is longer",
  ),
};

const keyFileRule = textRule(
  "The file with the key that encrypts and authenticates the traffic; see clusterd --keygen.",
  { type: "path" },
  "none: the key is the name of the cluster, which protects from mistakes only",
);

export const cmanRule: ElementRule = {
  ...strict,
  meaning: "Quorum, and the network of the ring.",
  attributes: {
    ...quorum,
    transport: choiceRule(
      choices.cman.transport,
      "How nodes reach each other: by multicast (udp), or each by its own address (udpu).",
    ),
    broadcast: flagRule(
      flags.cman.broadcast,
      "Only a negative value is accepted: there is no transport by broadcast.",
    ),
    port: integerRule(
      integers.cman.port,
      "The UDP port on which a node receives; it sends from the one below.",
      `the port of multicast, else ${integers.multicast.port.default}`,
    ),
    cluster_id: integerRule(
      integers.cman.cluster_id,
      "The number of the cluster in its frames; it decides the multicast address.",
      "computed from the name",
    ),
    hash_cluster_id: flagRule(
      flags.cman.hash_cluster_id,
      "Compute the number of the cluster by a stronger hash of the name.",
    ),
    keyfile: keyFileRule,
    max_queued: ignore("A limit of corosync's queues."),
    debug_mask: ignore("Messages of cman."),
    disable_openais: ignore("Parts of openais."),
    upgrading: warn("compatibility with RHEL 5 is not offered"),
    disallowed: warn("such nodes are refused by clusterd in any case"),
    quorum_dev_poll: warn("there is no quorum disk"),
    shutdown_timeout: warn("a clean leave waits until the services have stopped"),
    ccsd_poll: warn("a reload is agreed by all nodes or not made"),
    startup_config_timeout: warn("a reload is agreed by all nodes or not made"),
    nodename: refuseWith("the program sets this itself; remove it and start with -n NAME"),
  },
  children: {
    multicast: { type: "once", rule: multicast },
    altmulticast: {
      type: "ignored",
      reason: "a second ring is not supported; bond the interfaces instead",
    },
  },
};

const rows = integers.totem;

const timers = {
  token: integerRule(
    rows.token,
    "For how long the token may be away before its loss is assumed and a new ring is formed.",
    `${profiles.usual.tokenMs}, ${profiles["lan-fast"].tokenMs} with the profile lan-fast`,
  ),
  token_retransmit: integerRule(
    rows.token_retransmit,
    "After what time without the token a node sends its last one again.",
    "token / (token_retransmits_before_loss_const + 0.2)",
  ),
  hold: integerRule(
    rows.hold,
    "How long the token is held where there is nothing to send.",
    "0.8 x token_retransmit - 10",
  ),
  token_retransmits_before_loss_const: integerRule(
    rows.token_retransmits_before_loss_const,
    "How often the token is sent again before its loss is assumed; token_retransmit follows.",
  ),
  join: integerRule(rows.join, "The interval of join messages while a ring is formed."),
  consensus: integerRule(
    rows.consensus,
    "How long nodes try to agree on a ring before they leave out those that are silent.",
    "1.2 x token; for at most two nodes 0.2 x token, but at least 4 x join",
  ),
  merge: integerRule(rows.merge, "The interval at which a ring looks for other rings."),
};

const flowControl = {
  seqno_unchanged_const: integerRule(
    rows.seqno_unchanged_const,
    "After how many visits of the token without new messages it is held.",
  ),
  miss_count_const: integerRule(
    rows.miss_count_const,
    "For how many visits of the token a message may be missing before it is asked for again.",
  ),
  window_size: integerRule(
    rows.window_size,
    "How many messages all nodes together may send in one turn of the token.",
  ),
  max_messages: integerRule(
    rows.max_messages,
    "How many messages a node may send at one visit of the token; at most window_size.",
  ),
  netmtu: integerRule(rows.netmtu, "The largest datagram of the ring, headers included."),
};

const internal = "A value of corosync that clusterd does not need.";

export const totemRule: ElementRule = {
  ...lenient,
  meaning: "The timers and limits of the ring; equal on all nodes.",
  attributes: {
    profile: choiceRule(
      choices.totem.profile,
      "What other values are where they are not given; lan-fast is for one switch.",
    ),
    ...timers,
    ...flowControl,
    secauth: flagRule(
      flags.totem.secauth,
      "Whether the traffic is encrypted and authenticated; without it anybody can take part.",
    ),
    keyfile: keyFileRule,
    ...Object.fromEntries(
      [
        ...["downcheck", "max_network_delay", "heartbeat_failures_allowed", "send_join"],
        ...["version", "nodeid", "vsftype", "threads", "crypto_accept"],
        ...["rrp_problem_count_threshold", "rrp_problem_count_timeout"],
        ...["rrp_token_expired_timeout"],
      ].map((name) => [name, ignore(internal)]),
    ),
    fail_recv_const: warn("a node that cannot receive is noticed after 2 x token"),
    rrp_mode: warn("there is one ring only"),
    transport: refuseWith('write <cman transport="..."> instead'),
  },
  children: {
    interface: {
      type: "ignored",
      reason: "the address is that of the clusternode name; port and multicast belong in <cman>",
    },
  },
};
