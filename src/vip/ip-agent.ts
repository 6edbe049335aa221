/**
 * The ip resource: a virtual address that is added, announced, checked and removed.
 * Yields orders and reads reports; runs nothing itself.
 * Source: resource-agents ip.sh (start, stop, status).
 * Deviations: another holder is found by an ARP or neighbour probe instead of a ping; a message
 * says why no interface can carry an address; the announcement does not delay the start; an address
 * on an interface of this node that clusterd has not put there is neither adopted nor removed.
 * ADDRESS1  An address is claimed before it is put up, and only claimed addresses are removed.
 * ADDRESS2  A probe finds the address free before it is put up, unless it is proven that no other
 *     node has it. Then it is put up at once and probed meanwhile, and a check fails when another
 *     host has answered.
 */

import { sleepSecondsDefault } from "../model/address-holders.ts";
import type {
  AgentCall,
  AgentOrder,
  AgentReport,
  AgentVerdict,
  ContestedAddress,
  InterfaceReport,
} from "../model/agent-orders.ts";
import {
  exhaustionPauseMs,
  isExhaustion,
  type RetryLimit,
  retryWhileExhausted,
} from "../model/exhaustion-retry.ts";
import {
  type AddressFamily,
  parseAddressWithPrefix,
  sameAddress,
} from "../model/numeric-address.ts";
import { seconds, toMs } from "../model/time.ts";
import { chooseInterface } from "./interface-choice.ts";

export type IpSettings = {
  readonly address: string;
  readonly prefix: number | null;
  readonly family: AddressFamily;
  readonly monitorLink: boolean;
  readonly sleepSeconds: number;
  /** Do not notify the router discovery daemon. */
  readonly disableRdisc: boolean;
  /** Tell NFS clients that they may reclaim their locks. */
  readonly nfsLock: boolean;
  /** Only this interface may carry the address; null: any. */
  readonly preferred: string | null;
};

const good: AgentVerdict = { code: 0, text: "" };

/** Null when the attribute `address` is not an address. */
export function ipSettings(attributes: ReadonlyMap<string, string>): IpSettings | null {
  const parsed = parseAddressWithPrefix(attributes.get("address") ?? "");
  if (parsed === null) return null;
  const monitor = (attributes.get("monitor_link") ?? "1").toLowerCase();
  const sleep = attributes.get("sleeptime") ?? "";
  return {
    address: parsed.address,
    prefix: parsed.prefix,
    family: parsed.family,
    monitorLink: monitor !== "no" && monitor !== "0",
    disableRdisc: isYes(attributes.get("disable_rdisc")),
    nfsLock: isYes(attributes.get("nfslock")),
    preferred: attributes.get("prefer_interface") || null,
    sleepSeconds: /^\d{1,4}$/.test(sleep) ? Number(sleep) : sleepSecondsDefault,
  };
}

function isYes(value: string | undefined): boolean {
  return ["yes", "1", "true", "on"].includes((value ?? "").toLowerCase());
}

/** Tells the router discovery daemon that there is a new address, or starts it. */
const rdiscScript = "command -v rdisc >/dev/null || exit 0; pkill -HUP -x rdisc || rdisc -fs";
/** Notifies NFS clients as after a reboot of the server that held their locks: sm-notify(8). */
const reclaimScript = 'command -v sm-notify >/dev/null || exit 0; sm-notify -f -v "$0"';

/** `unproven`: a node that might have the address is only presumed to be off. */
export function* startAddress(ip: IpSettings, unproven: boolean): AgentCall {
  const report = yield* listInterfaces("short");
  if (report.type !== "interfaces") {
    const verdict = problem("cannot list the interfaces", report);
    return isExhaustion(verdict.text) ? { ...verdict, untried: true } : verdict;
  }
  const holder = carrierOf(report.interfaces, ip);
  if (holder !== null) {
    if (!holder.ours) return foreign(ip, holder);
    const claimed = yield* claim(ip);
    if (claimed.code !== 0) return claimed;
    yield { type: "announce", address: addressOrder(ip, holder) };
    return { code: 0, text: `${ip.address} was on ${holder.interface} already` };
  }
  const choice = chooseInterface(report.interfaces, { ...ip, needLink: ip.monitorLink });
  if (choice.type === "none") {
    return { code: 1, text: `no interface can carry ${ip.address}: ${choice.why}` };
  }
  const address = addressOrder(ip, choice);
  const probesFirst = unproven || otherHost(report.contested, ip) !== null;
  if (probesFirst) {
    const probed = yield { type: "probe-address", address };
    if (probed.type === "taken") {
      return { code: 1, text: `${ip.address} is in use by ${probed.mac} on ${choice.interface}` };
    }
  }
  const claimed = yield* claim(ip);
  if (claimed.code !== 0) return claimed;
  const added = yield { type: "add-address", address };
  if (added.type !== "done") return problem(`cannot add ${ip.address}`, added);
  yield { type: "announce", address };
  if (!probesFirst) yield { type: "probe-aside", address };
  if (!ip.disableRdisc) yield { type: "run-aside", argv: ["/bin/sh", "-c", rdiscScript] };
  if (ip.nfsLock) yield { type: "run-aside", argv: ["/bin/sh", "-c", reclaimScript, ip.address] };
  return { code: 0, text: `${ip.address}/${address.prefix} on ${choice.interface}` };
}

/** Removes the address if clusterd has put it up; succeeds also if it is absent or foreign. */
export function* stopAddress(ip: IpSettings, retry: RetryLimit = "short"): AgentCall {
  let removed = yield* dropAddress(ip);
  for (let tries = 0; retry === "unlimited" && isExhaustion(removed.text); tries += 1) {
    const pauseMs = exhaustionPauseMs(tries);
    yield { type: "pause", pauseMs, why: `${removed.text}: again in ${pauseMs / 1000} s` };
    removed = yield* dropAddress(ip);
  }
  if (removed.code === 0 && removed.text !== "" && ip.sleepSeconds > 0) {
    yield { type: "pause", pauseMs: toMs(seconds(ip.sleepSeconds)) };
  }
  return removed;
}

/** As stopAddress, without the pause that follows an orderly removal. */
export function* dropAddress(ip: IpSettings): AgentCall {
  const report = yield { type: "list-interfaces" };
  if (report.type !== "interfaces") return problem("cannot list the interfaces", report);
  const holder = carrierOf(report.interfaces, ip);
  if (holder === null || !holder.ours) return good;
  const address = addressOrder(ip, holder);
  const removed = yield { type: "remove-address", address };
  if (removed.type !== "done") return problem(`cannot remove ${ip.address}`, removed);
  const after = yield { type: "list-interfaces" };
  if (after.type !== "interfaces") return problem("cannot list the interfaces", after);
  if (carrierOf(after.interfaces, ip) !== null) {
    return { code: 1, text: `${ip.address} is still on ${holder.interface} after its removal` };
  }
  yield { type: "release-address", address: ip.address };
  return { code: 0, text: `${ip.address} removed from ${holder.interface}` };
}

/** Claims the address for an external agent that will put it up; code 0: the agent may. */
export function* claimForAgent(ip: IpSettings): AgentCall {
  const report = yield { type: "list-interfaces" };
  if (report.type !== "interfaces") return problem("cannot list the interfaces", report);
  const holder = carrierOf(report.interfaces, ip);
  if (holder !== null && !holder.ours) return foreign(ip, holder);
  return yield* claim(ip);
}

/** Claims the address (ADDRESS1). */
function* claim(ip: IpSettings): AgentCall {
  const claimed = yield { type: "claim-address", address: ip.address };
  return claimed.type === "done" ? good : problem(`cannot remember ${ip.address}`, claimed);
}

/** Whether an external agent may remove the address: 0: it may; 5: clusterd has not put it up. */
export function* permitForAgent(ip: IpSettings): AgentCall {
  const report = yield { type: "list-interfaces" };
  if (report.type !== "interfaces") return problem("cannot list the interfaces", report);
  const holder = carrierOf(report.interfaces, ip);
  return holder !== null && !holder.ours ? { ...foreign(ip, holder), code: 5 } : good;
}

/** From this depth on the check also asks whether the address answers. */
const askDepth = 10;

export function* checkAddress(ip: IpSettings, depth: number): AgentCall {
  const report = yield* listInterfaces("unlimited");
  if (report.type !== "interfaces") return problem("cannot list the interfaces", report);
  const holder = carrierOf(report.interfaces, ip);
  if (holder === null) return { code: 7, text: `${ip.address} is not configured` };
  const link = report.interfaces.find((one) => one.name === holder.interface);
  if (link?.up !== true) return { code: 2, text: `${holder.interface} is down` };
  if (ip.monitorLink && !link.carrier) {
    return { code: 7, text: `no link on ${holder.interface}` };
  }
  const other = otherHost(report.contested, ip);
  if (other !== null) {
    return { code: 1, text: `${ip.address} on ${holder.interface} is in use by ${other}, too` };
  }
  if (depth < askDepth) return good;
  const asked = yield { type: "ask-address", address: addressOrder(ip, holder) };
  if (asked.type !== "failed") return good;
  return { code: 7, text: `${ip.address} on ${holder.interface}: ${asked.cause}` };
}

/** Lists the interfaces; without room for it nothing was looked at, so it is tried again. */
function listInterfaces(retry: RetryLimit): Generator<AgentOrder, AgentReport, AgentReport> {
  return retryWhileExhausted(
    { type: "list-interfaces" },
    { retry, what: "a list of the interfaces" },
  );
}

/** The MAC of a host that has answered for the address; ADDRESS2. */
function otherHost(contested: readonly ContestedAddress[], ip: IpSettings): string | null {
  return contested.find(({ address }) => sameAddress(address, ip.address))?.mac ?? null;
}

type Holder = { readonly interface: string; readonly prefix: number; readonly ours: boolean };

/** Refuses to adopt or remove an address that clusterd has not put up: somebody may need it. */
function foreign(ip: IpSettings, holder: Holder): AgentVerdict {
  const prefixed = `${ip.address}/${holder.prefix}`;
  const text =
    `${ip.address} is on ${holder.interface}, and clusterd has not put it there; ` +
    `run "ip addr del ${prefixed} dev ${holder.interface}" if nobody needs it, ` +
    "or give the service another address";
  return { code: 1, text };
}

function carrierOf(interfaces: readonly InterfaceReport[], ip: IpSettings): Holder | null {
  for (const one of interfaces) {
    const entry = one.addresses.find((own) => sameAddress(own.address, ip.address));
    if (entry !== undefined) {
      return { interface: one.name, prefix: entry.prefix, ours: entry.ours };
    }
  }
  return null;
}

function addressOrder(ip: IpSettings, holder: Pick<Holder, "interface" | "prefix">) {
  return {
    interface: holder.interface,
    address: ip.address,
    prefix: holder.prefix,
    family: ip.family,
  };
}

function problem(what: string, report: AgentReport): AgentVerdict {
  const cause = report.type === "failed" ? report.cause : report.type;
  return { code: 1, text: `${what}: ${cause}` };
}
