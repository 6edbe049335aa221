/**
 * The ip resource: a virtual address that is added, announced, watched and removed.
 * Yields orders and reads reports; runs nothing itself.
 * Source: resource-agents ip.sh (start, stop, status).
 * Deviations: another holder is found by an address probe instead of a ping; an address that no
 * interface can carry is explained; the announcement does not delay the start; an address that
 * somebody else has put on an interface of this node is neither adopted nor removed.
 * ADDRESS1  An address is claimed before it is put up, and what is not claimed is never taken off.
 */
import type {
  AgentCall,
  AgentOrder,
  AgentReport,
  AgentVerdict,
  InterfaceReport,
} from "../model/agent-orders.ts";
import {
  type AddressFamily,
  parseAddressWithPrefix,
  sameAddress,
} from "../model/numeric-address.ts";
import {
  isExhaustion,
  type Patience,
  patiencePauseMs,
  performPatiently,
} from "../model/patient-order.ts";
import { seconds, toMs } from "../model/time.ts";
import { chooseInterface } from "./interface-choice.ts";

export type IpSettings = {
  readonly address: string;
  readonly prefix: number | null;
  readonly family: AddressFamily;
  readonly monitorLink: boolean;
  readonly sleepSeconds: number;
  /** Leave the router discovery daemon alone. */
  readonly disableRdisc: boolean;
  /** Clients of NFS are told that they may reclaim their locks. */
  readonly nfsLock: boolean;
  /** Only this interface may carry the address; null: any. */
  readonly preferred: string | null;
};

const sleepSecondsDefault = 10;
const good: AgentVerdict = { code: 0, text: "" };

/** Null when the address attribute is no address. */
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

/** Tells a router discovery daemon that there is another address, or starts it. */
const rdiscScript = "command -v rdisc >/dev/null || exit 0; pkill -HUP -x rdisc || rdisc -fs";
/** As after a reboot of the server that had these locks: sm-notify(8). */
const reclaimScript = 'command -v sm-notify >/dev/null || exit 0; sm-notify -f -v "$0"';

export function* startAddress(ip: IpSettings): AgentCall {
  const report = yield* listPatiently("short");
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
  const probed = yield { type: "probe-address", address };
  if (probed.type === "taken") {
    return { code: 1, text: `${ip.address} is in use by ${probed.mac} on ${choice.interface}` };
  }
  const claimed = yield* claim(ip);
  if (claimed.code !== 0) return claimed;
  const added = yield { type: "add-address", address };
  if (added.type !== "done") return problem(`cannot add ${ip.address}`, added);
  yield { type: "announce", address };
  if (!ip.disableRdisc) yield { type: "run-aside", argv: ["/bin/sh", "-c", rdiscScript] };
  if (ip.nfsLock) yield { type: "run-aside", argv: ["/bin/sh", "-c", reclaimScript, ip.address] };
  return { code: 0, text: `${ip.address}/${address.prefix} on ${choice.interface}` };
}

/** Removes the address from wherever clusterd has put it; absent is success, and so is foreign. */
export function* stopAddress(ip: IpSettings, patience: Patience = "short"): AgentCall {
  let removed = yield* dropAddress(ip);
  for (let tries = 0; patience === "lasting" && isExhaustion(removed.text); tries += 1) {
    const pauseMs = patiencePauseMs(tries);
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

/**
 * Before the agent of another dialect puts the address up, by itself; any other verdict than 0
 * keeps it from doing so.
 */
export function* claimForAgent(ip: IpSettings): AgentCall {
  const report = yield { type: "list-interfaces" };
  if (report.type !== "interfaces") return problem("cannot list the interfaces", report);
  const holder = carrierOf(report.interfaces, ip);
  if (holder !== null && !holder.ours) return foreign(ip, holder);
  return yield* claim(ip);
}

/** ADDRESS1. */
function* claim(ip: IpSettings): AgentCall {
  const claimed = yield { type: "claim-address", address: ip.address };
  return claimed.type === "done" ? good : problem(`cannot remember ${ip.address}`, claimed);
}

/** Before such an agent takes it off: 0 if it may, 5 if the address is none of clusterd's. */
export function* permitForAgent(ip: IpSettings): AgentCall {
  const report = yield { type: "list-interfaces" };
  if (report.type !== "interfaces") return problem("cannot list the interfaces", report);
  const holder = carrierOf(report.interfaces, ip);
  return holder !== null && !holder.ours ? { ...foreign(ip, holder), code: 5 } : good;
}

/** From this depth on the address must answer, too. */
const askDepth = 10;

export function* checkAddress(ip: IpSettings, depth: number): AgentCall {
  const report = yield* listPatiently("lasting");
  if (report.type !== "interfaces") return problem("cannot list the interfaces", report);
  const holder = carrierOf(report.interfaces, ip);
  if (holder === null) return { code: 7, text: `${ip.address} is not configured` };
  const link = report.interfaces.find((one) => one.name === holder.interface);
  if (link?.up !== true) return { code: 2, text: `${holder.interface} is down` };
  if (ip.monitorLink && !link.carrier) {
    return { code: 7, text: `no link on ${holder.interface}` };
  }
  if (depth < askDepth) return good;
  const asked = yield { type: "ask-address", address: addressOrder(ip, holder) };
  if (asked.type !== "failed") return good;
  return { code: 7, text: `${ip.address} on ${holder.interface}: ${asked.cause}` };
}

/** What cannot be listed for want of room was not looked at. */
function listPatiently(patience: Patience): Generator<AgentOrder, AgentReport, AgentReport> {
  return performPatiently(
    { type: "list-interfaces" },
    { patience, what: "a list of the interfaces" },
  );
}

type Holder = { readonly interface: string; readonly prefix: number; readonly ours: boolean };

/** Neither taken over nor taken off: who has put it there may need it, and knows why. */
function foreign(ip: IpSettings, holder: Holder): AgentVerdict {
  const place = `${ip.address}/${holder.prefix}`;
  const text =
    `${ip.address} is on ${holder.interface}, and clusterd has not put it there; ` +
    `run "ip addr del ${place} dev ${holder.interface}" if nobody needs it, ` +
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
