/**
 * The section `totem` of a corosync.conf → `<cman>` and `<totem>`.
 * Source: corosync.conf(5) of corosync 1.4, 2.4 and 3.1.
 * Tested in: test/import/import-golden.test.ts
 */
import type { SectionDraft } from "./conf-draft.ts";
import { confAttribute, confElement } from "./conf-element.ts";
import {
  type CorosyncSection,
  type CorosyncSetting,
  sectionsCalled,
  settingOf,
} from "./corosync-syntax.ts";

/** Carried over as they are. */
const timers: readonly string[] = [
  ..."token token_retransmit hold join consensus merge netmtu window_size max_messages".split(" "),
  ..."token_retransmits_before_loss_const seqno_unchanged_const miss_count_const".split(" "),
];

/** Nothing is lost without them, or they are read below. */
const silent: readonly string[] = [
  ..."version cluster_name transport secauth crypto_cipher crypto_hash keyfile threads".split(" "),
  ..."vsftype ip_version crypto_accept crypto_model crypto_compat nodeid".split(" "),
  // Each further ring has a remark of its own.
  ..."clear_node_high_bit rrp_mode link_mode".split(" "),
];

const secondRing = "a second ring is not supported; bond the interfaces instead";

/** Why the others have no effect. */
const reasons: Readonly<Record<string, string>> = {
  fail_recv_const: "a node that cannot receive is noticed after 2 x token",
  token_coefficient: "the token does not grow with the number of nodes; raise token instead",
  key: "a key stands in a file of its own; write one with clusterd --keygen",
};

const keyFileDefault = "/etc/corosync/authkey";

export type NetworkDraft = { readonly cman: SectionDraft; readonly totem: SectionDraft };

export function readTotemSection(section: CorosyncSection, network: NetworkDraft): void {
  const { totem } = network;
  for (const setting of section.settings) {
    const { key, value, at } = setting;
    if (timers.includes(key)) {
      if (settingOf(section, key) === setting) totem.attribute(key, setting);
    } else if (!silent.includes(key)) {
      const reason = reasons[key] ?? "it has no counterpart in cluster.conf";
      totem.remark(at, `totem ${key}: ${value} is not carried over: ${reason}`);
    }
  }
  readSecurity(section, network);
  const interfaces = sectionsCalled(section, "interface");
  const first = interfaces.find((one) => ringOf(one) === "0") ?? interfaces[0];
  readTransport(section, first ?? null, network);
  for (const one of interfaces) {
    if (one !== first) network.cman.remark(one.at, `interface ${ringOf(one)}: ${secondRing}`);
  }
  for (const other of section.sections.filter(({ name }) => name !== "interface")) {
    totem.remark(other.at, `section ${other.name} has no counterpart in cluster.conf`);
  }
}

function ringOf(section: CorosyncSection): string {
  return (settingOf(section, "ringnumber") ?? settingOf(section, "linknumber"))?.value ?? "0";
}

function readSecurity(section: CorosyncSection, { cman, totem }: NetworkDraft): void {
  const secauth = settingOf(section, "secauth");
  const crypto = ["crypto_cipher", "crypto_hash"].flatMap((key) => settingOf(section, key) ?? []);
  const strong = crypto.find(({ value }) => value.toLowerCase() !== "none");
  const isOn = /^(on|yes)$/i.test(secauth?.value ?? "");
  const reason = strong ?? (isOn && crypto.length === 0 ? secauth : null);
  const key = settingOf(section, "keyfile");
  if (reason !== null) {
    cman.attribute("keyfile", { value: key?.value ?? keyFileDefault, at: (key ?? reason).at });
    if (strong !== undefined) {
      const text =
        `${strong.key}: ${strong.value} is not carried over: clusterd always uses AES-256-GCM; ` +
        "the key of corosync serves on";
      totem.remark(strong.at, text);
    }
    return;
  }
  const off = crypto.length > 0 ? crypto[0] : secauth;
  if (off !== null && off !== undefined) totem.attribute("secauth", { value: "off", at: off.at });
}

const silentInInterface: readonly string[] = [
  ..."ringnumber linknumber bindnetaddr mcastaddr mcastport broadcast ttl".split(" "),
];

function readTransport(
  section: CorosyncSection,
  ring: CorosyncSection | null,
  { cman }: NetworkDraft,
): void {
  const transport = settingOf(section, "transport");
  const word = transport?.value.toLowerCase() ?? null;
  const broadcast = ring === null ? null : settingOf(ring, "broadcast");
  const isBroadcast = /^(yes|on)$/i.test(broadcast?.value ?? "");
  const group = ring === null ? null : settingOf(ring, "mcastaddr");
  const hasMulticast = word === "udp" || (word === null && (group !== null || ring !== null));
  const multicast = hasMulticast && !isBroadcast;
  cman.attribute("transport", {
    value: multicast ? "udp" : "udpu",
    at: (transport ?? broadcast ?? ring ?? section).at,
  });
  if (isBroadcast && broadcast !== null) {
    cman.remark(broadcast.at, "broadcast is not supported: frames go to each node (udpu)");
  }
  if (transport !== null && !["udp", "udpu"].includes(word ?? "")) {
    cman.remark(
      transport.at,
      `transport ${transport.value} is not supported: udpu takes its place`,
    );
  }
  if (ring === null) return;
  const port = settingOf(ring, "mcastport");
  if (port !== null) cman.attribute("port", port);
  if (multicast) readGroup(ring, group, cman);
  remarkInterface(ring, cman);
}

function readGroup(ring: CorosyncSection, group: CorosyncSetting | null, cman: SectionDraft): void {
  const ttl = settingOf(ring, "ttl");
  const attributes = [
    ...(group === null ? [] : [confAttribute("addr", group.value, group.at)]),
    ...(ttl === null ? [] : [confAttribute("ttl", ttl.value, ttl.at)]),
  ];
  if (attributes.length > 0) cman.child(confElement("multicast", ring.at, { attributes }));
}

function remarkInterface(ring: CorosyncSection, cman: SectionDraft): void {
  const network = settingOf(ring, "bindnetaddr");
  if (network !== null) {
    const text =
      `bindnetaddr ${network.value} is not carried over: the names of the nodes must resolve ` +
      "to their addresses in that network";
    cman.remark(network.at, text);
  }
  for (const { key, value, at } of ring.settings) {
    if (silentInInterface.includes(key)) continue;
    cman.remark(at, `interface ${key}: ${value} has no counterpart in cluster.conf`);
  }
}
