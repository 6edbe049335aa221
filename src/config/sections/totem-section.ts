/**
 * `<totem>` and the network options of `<cman>`: transport, addresses, key and timers of the ring.
 * Source: corosync totemconfig.c and corosync.conf(5) for formulas and minima; cman(5) for names.
 * Deviation: a token of 1000 ms instead of cman's 10000, and 1.2 x token for consensus.
 * Tested in: test/config/timers.test.ts
 */
import type { TotemConf } from "../../model/conf.ts";
import {
  type AddressFamily,
  familyWords,
  isMulticast,
  parseAddress,
} from "../../model/numeric-address.ts";
import { type Ms, ms } from "../../model/time.ts";
import { quoted } from "../../model/visible-text.ts";
import type { Report } from "../text/complaint.ts";
import { choices, flags, integers, profiles } from "../text/defaults.ts";
import { attributeLocation, onlySection, type Section, SectionReader } from "../text/section.ts";
import { clusterIdFromName, hashClusterId, multicastAddress } from "./cluster-id.ts";
import type { NodeEntry } from "./nodes-section.ts";

export function readClusterId(root: Section, name: string, report: Report): number {
  const reader = new SectionReader(onlySection(root, "cman"), report);
  const hashed = reader.flag("hash_cluster_id", flags.cman.hash_cluster_id);
  const given = reader.integer("cluster_id", integers.cman.cluster_id);
  return given ?? (hashed ? hashClusterId(name) : clusterIdFromName(name));
}

export function readTotem(
  root: Section,
  cluster: { readonly id: number; readonly nodes: readonly NodeEntry[] },
  report: Report,
): TotemConf {
  const cman = new SectionReader(onlySection(root, "cman"), report);
  const totem = new SectionReader(onlySection(root, "totem"), report);
  const multicast = new SectionReader(onlySection(cman.section, "multicast"), report);
  const multicastPort = multicast.integer("port", integers.multicast.port);
  return {
    transport: readTransport(cman, report),
    port: cman.integer("port", integers.cman.port) ?? multicastPort,
    multicast: {
      address: readAddress(multicast, cluster, report),
      ttl: multicast.integer("ttl", integers.multicast.ttl),
    },
    ...readTimers(totem, cluster.nodes.length, report),
    ...readFlowControl(totem, report),
    secauth: readSecauth(totem, report),
    keyFile: readKeyFile(cman, totem, report),
  };
}

function readTransport(cman: SectionReader, report: Report): TotemConf["transport"] {
  const transport = cman.text("transport");
  const broadcast = cman.flag("broadcast", flags.cman.broadcast);
  const allowed = "udp (multicast), udpu (unicast)";
  const location = attributeLocation(cman.section, "transport");
  if (broadcast) {
    const exclusive = transport !== null && transport !== "udpb";
    const problem = exclusive
      ? `broadcast and transport ${quoted(transport)} are mutually exclusive`
      : "broadcast is not supported by clusterd";
    const type = exclusive ? "conflict" : "not-supported";
    report.error(attributeLocation(cman.section, "broadcast"), { type, problem, allowed });
  }
  const { words, default: usual } = choices.cman.transport;
  const known = words.find((word) => word === (transport ?? usual));
  if (transport === null || known !== undefined) return known ?? usual;
  switch (transport) {
    case "udpb":
    case "rdma": {
      const problem = `transport "${transport}" is not supported by clusterd`;
      report.error(location, { type: "not-supported", problem, allowed });
      return usual;
    }
    default:
      report.error(location, {
        type: "bad-value",
        problem: `${quoted(transport)} is not a transport`,
        allowed,
      });
      return usual;
  }
}

function readAddress(
  multicast: SectionReader,
  cluster: { readonly id: number; readonly nodes: readonly NodeEntry[] },
  report: Report,
): string {
  const nodeFamily = literalFamily(cluster.nodes);
  const suggested = multicastAddress(cluster.id, nodeFamily ?? "ipv4");
  const text = multicast.text("addr");
  if (text === null) return suggested;
  const literal = parseAddress(text);
  const location = attributeLocation(multicast.section, "addr");
  const allowed = `for example ${suggested}`;
  if (literal === null || !isMulticast(literal)) {
    const problem = `${quoted(text)} is not a multicast address`;
    report.error(location, { type: "bad-value", problem, allowed });
  } else if (text.startsWith("224.0.0.")) {
    const problem = `${quoted(text)} is in the local-control block`;
    report.error(location, { type: "bad-value", problem, allowed });
  } else if (nodeFamily !== null && nodeFamily !== literal.family) {
    const [own, nodes] = [familyWords[literal.family], familyWords[nodeFamily]];
    const problem = `${quoted(text)} is ${own}, but the nodes are ${nodes}`;
    report.error(location, { type: "conflict", problem, allowed });
  }
  return text;
}

/** The family of the first node whose name is an address; null when all are host names. */
function literalFamily(nodes: readonly NodeEntry[]): AddressFamily | null {
  for (const { name } of nodes) {
    const literal = parseAddress(name);
    if (literal !== null) return literal.family;
  }
  return null;
}

function readSecauth(totem: SectionReader, report: Report): boolean {
  const secauth = totem.flag("secauth", flags.totem.secauth);
  if (!secauth) {
    const problem = "cluster traffic is not authenticated";
    const allowed = "remove secauth unless no one else can reach the network";
    report.warning(attributeLocation(totem.section, "secauth"), {
      type: "unsafe",
      problem,
      allowed,
    });
  }
  return secauth;
}

function readKeyFile(cman: SectionReader, totem: SectionReader, report: Report): string | null {
  for (const reader of [cman, totem]) {
    const path = reader.text("keyfile");
    if (path === null || path.startsWith("/")) continue;
    const problem = `${quoted(path)} is not an absolute path`;
    const location = attributeLocation(reader.section, "keyfile");
    report.error(location, { type: "bad-value", problem, allowed: "a path that starts with /" });
  }
  return cman.text("keyfile") ?? totem.text("keyfile");
}

type Timers = Pick<
  TotemConf,
  "tokenMs" | "tokenRetransmitMs" | "holdMs" | "joinMs" | "consensusMs" | "mergeMs" | "failRecvMs"
>;

function readTimers(totem: SectionReader, nodes: number, report: Report): Timers {
  const rows = integers.totem;
  const { tokenMs: usualMs } = profiles[readProfile(totem)];
  const tokenMs = totem.duration("token", rows.token) ?? ms(usualMs);
  const losses = totem.integer(
    "token_retransmits_before_loss_const",
    rows.token_retransmits_before_loss_const,
  );
  const joinMs = totem.duration("join", rows.join);
  const tokenRetransmitMs =
    totem.duration("token_retransmit", rows.token_retransmit) ?? retransmitMs(tokenMs, losses);
  const timers = {
    tokenMs,
    tokenRetransmitMs,
    holdMs: totem.duration("hold", rows.hold) ?? holdMs(tokenRetransmitMs),
    joinMs,
    consensusMs:
      totem.duration("consensus", rows.consensus) ?? consensusMs({ tokenMs, joinMs, nodes }),
    mergeMs: totem.duration("merge", rows.merge),
    failRecvMs: ms(2 * tokenMs),
  };
  checkTimers(totem.section, { ...timers, nodes }, report);
  return timers;
}

/** What other values are where they are not given. */
export function readProfile(totem: SectionReader): keyof typeof profiles {
  return totem.choice("profile", choices.totem.profile);
}

/** corosync: token / (constant + 0.2), rounded down; computed in integers. */
export function retransmitMs(tokenMs: Ms, losses: number): Ms {
  return ms(Math.floor((tokenMs * 10) / (losses * 10 + 2)));
}

/** corosync: 0.8 x token_retransmit - 10, rounded down. */
export function holdMs(tokenRetransmitMs: Ms): Ms {
  return ms(Math.floor((tokenRetransmitMs * 8) / 10 - 10));
}

/** 1.2 x token; for at most two nodes 0.2 x token but at least 4 x join. */
export function consensusMs(given: {
  readonly tokenMs: Ms;
  readonly joinMs: Ms;
  readonly nodes: number;
}): Ms {
  const { tokenMs, joinMs, nodes } = given;
  if (nodes <= 2) return ms(Math.max(Math.ceil(tokenMs / 5), 4 * joinMs));
  return ms(Math.ceil((tokenMs * 6) / 5));
}

function checkTimers(
  section: Section,
  timers: Timers & { readonly nodes: number },
  report: Report,
): void {
  const { tokenMs, tokenRetransmitMs, joinMs, nodes } = timers;
  const conflict = (name: string, problem: string, allowed: string): void =>
    report.error(attributeLocation(section, name), { type: "conflict", problem, allowed });
  const consensusMin = nodes > 2 ? Math.ceil((tokenMs * 6) / 5) : joinMs;
  if (timers.consensusMs < consensusMin) {
    const cause = nodes > 2 ? "1.2 x token" : "join";
    const allowed = `at least ${consensusMin} (${cause}); leave it out`;
    conflict("consensus", `consensus ${timers.consensusMs} ms is too short`, allowed);
  }
  if (tokenMs < 2 * tokenRetransmitMs) {
    const problem = `token ${tokenMs} ms is less than twice token_retransmit`;
    conflict("token_retransmit", problem, `at most ${Math.floor(tokenMs / 2)}; leave it out`);
  }
  if (tokenRetransmitMs < integers.totem.token_retransmit.min) {
    const problem = `token ${tokenMs} ms leads to token_retransmit ${tokenRetransmitMs} ms`;
    conflict("token", problem, `at least ${integers.totem.token_retransmit.min} ms between two`);
  }
  if (timers.holdMs < 14) {
    conflict("hold", `hold is ${timers.holdMs} ms`, "at least 14 ms; a longer token raises it");
  }
  if (timers.holdMs >= tokenRetransmitMs) {
    const problem = `hold ${timers.holdMs} ms is not below token_retransmit`;
    conflict("hold", problem, `less than ${tokenRetransmitMs}; leave it out`);
  }
}

/** The most bytes that a node should send at one visit of the token. */
const visitBytesMax = 256_000;

type FlowControl = Pick<
  TotemConf,
  | "seqnoUnchangedVisits"
  | "missCountVisits"
  | "windowFrames"
  | "maxFramesPerVisit"
  | "widens"
  | "netmtuBytes"
>;

function readFlowControl(totem: SectionReader, report: Report): FlowControl {
  const rows = integers.totem;
  const flow = {
    seqnoUnchangedVisits: totem.integer("seqno_unchanged_const", rows.seqno_unchanged_const),
    missCountVisits: totem.integer("miss_count_const", rows.miss_count_const),
    windowFrames: totem.integer("window_size", rows.window_size),
    maxFramesPerVisit: totem.integer("max_messages", rows.max_messages),
    netmtuBytes: totem.integer("netmtu", rows.netmtu),
  };
  const { windowFrames, maxFramesPerVisit, netmtuBytes } = flow;
  const chosen = totem.has("window_size") || totem.has("max_messages");
  // While the network loses nothing, a visit may send twice as much.
  const widens = !chosen && 2 * netmtuBytes * maxFramesPerVisit <= visitBytesMax;
  if (maxFramesPerVisit > windowFrames) {
    const problem = `max_messages ${maxFramesPerVisit} exceeds window_size ${windowFrames}`;
    const location = attributeLocation(totem.section, "max_messages");
    report.error(location, { type: "conflict", problem, allowed: `at most ${windowFrames}` });
  }
  if (netmtuBytes * maxFramesPerVisit > visitBytesMax) {
    const problem = `netmtu x max_messages is ${netmtuBytes * maxFramesPerVisit} bytes`;
    const allowed = `more than ${visitBytesMax} overflows usual receive buffers`;
    report.warning(attributeLocation(totem.section, "netmtu"), {
      type: "unsafe",
      problem,
      allowed,
    });
  }
  return { ...flow, widens };
}
