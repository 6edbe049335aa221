/**
 * One fence device of Pacemaker: its agent, its parameters, its nodes and their ports.
 * Source: Pacemaker Explained 2.1, "Special Meta-Attributes for Fencing Resources"; the manual page
 * pacemaker-fenced(7).
 * Tested in: test/import/fence-elements.test.ts
 */
import {
  type ConfAttribute,
  type ConfElement,
  confAttribute,
  confElement,
} from "./conf-element.ts";
import { isTrue, type Primitive, secondsOf } from "./pacemaker-conf.ts";
import type { Place, Remark, Setting, Settings } from "./remark.ts";

export type FenceDeviceDraft = {
  readonly name: string;
  readonly at: Place;
  /** Null: clusterd cannot use it. */
  readonly element: ConfElement | null;
  /** The nodes that it fences, with the port of each; null: any node, by its name. */
  readonly hosts: ReadonlyMap<string, string | null> | null;
  /** The parameter that names the port; null: the agent takes none. */
  readonly portName: string | null;
  /** `off` if it does not switch the node on again; null: as the agent does. */
  readonly action: string | null;
  /** Seconds, by node; `""`: all nodes. */
  readonly delays: ReadonlyMap<string, number>;
  readonly priority: number;
  readonly unfences: boolean;
  readonly remarks: readonly Remark[];
};

/** Agents whose device is one machine. */
const singleMachine =
  /^fence_(ipmi|ilo|idrac|drac|imm|rsa|rsb|amt|redfish|intelmodular|scsi|mpath|kdump)/;

export function fenceDeviceDraft(primitive: Primitive, properties: Settings): FenceDeviceDraft {
  const { id, at, parameters, meta } = primitive;
  const agent = agentOf(primitive);
  const remarks: Remark[] = [];
  if (agent === null) {
    const text =
      `fence device ${id} (${primitive.agent}) is left out: it is no agent of the package ` +
      "fence-agents; name one that reaches the same device";
    remarks.push({ at, text });
  }
  const hosts = hostsOf(primitive);
  const argument = parameters.get("pcmk_host_argument")?.value;
  const isOwn = ["port", "plug"].some((name) => parameters.has(name));
  const takesPort = !isOwn && argument !== "none" && !singleMachine.test(agent?.name ?? "");
  const named = [...(hosts?.values() ?? [])].some((port) => port !== null);
  const portName = takesPort || named ? (argument === undefined ? "port" : argument) : null;
  const reboot = parameters.get("pcmk_reboot_action")?.value;
  const whole = properties.get("stonith-action")?.value ?? properties.get("fencing-action")?.value;
  const action = reboot === "off" || whole === "off" || whole === "poweroff" ? "off" : null;
  remarks.push(...remarksOn(primitive));
  return {
    name: id,
    at,
    element: agent === null ? null : deviceElement(id, agent, at),
    hosts,
    portName,
    action,
    delays: delaysOf(parameters.get("pcmk_delay_base")),
    priority: Number(meta.get("priority")?.value ?? 0) || 0,
    unfences: meta.get("provides")?.value === "unfencing" || isUnfencing(agent?.name ?? ""),
    remarks,
  };
}

function isUnfencing(agent: string): boolean {
  return agent === "fence_scsi" || agent === "fence_mpath";
}

type Agent = { readonly name: string; readonly parameters: readonly ConfAttribute[] };

function deviceElement(id: string, { name, parameters }: Agent, at: Place): ConfElement {
  const attributes = [
    confAttribute("name", id, at),
    confAttribute("agent", name, at),
    ...parameters,
  ];
  return confElement("fencedevice", at, { attributes });
}

/** The plugins of cluster-glue are none of fence-agents; the one for IPMI is translated. */
function agentOf({ agent, parameters }: Primitive): Agent | null {
  const own = [...parameters].filter(([name]) => !name.startsWith("pcmk_"));
  if (/^fence_[\w.-]+$/.test(agent) && agent !== "fence_watchdog" && agent !== "fence_sbd") {
    const attributes = own.flatMap(([name, setting]) => {
      const isPlain = /^[A-Za-z_][\w.-]*$/.test(name) && name !== "name" && name !== "agent";
      return isPlain ? [{ ...setting, name }] : [];
    });
    return { name: agent, parameters: attributes };
  }
  if (agent !== "external/ipmi" && agent !== "ipmilan") return null;
  const names: Readonly<Record<string, string>> = {
    ipaddr: "ip",
    userid: "username",
    login: "username",
    passwd: "password",
    password: "password",
  };
  const attributes = own.flatMap(([name, setting]) => {
    const to = names[name];
    if (to !== undefined) return [{ ...setting, name: to }];
    const isPlus = name === "interface" && setting.value === "lanplus";
    return isPlus ? [confAttribute("lanplus", "1", setting.at)] : [];
  });
  return { name: "fence_ipmilan", parameters: attributes };
}

/** `node1:1,2;node2:3` or `node1 node2`; the plugins of cluster-glue have a list of their own. */
function hostsOf({ parameters }: Primitive): ReadonlyMap<string, string | null> | null {
  const map = parameters.get("pcmk_host_map");
  const list =
    parameters.get("pcmk_host_list") ?? parameters.get("hostlist") ?? parameters.get("hostname");
  if (map === undefined && list === undefined) return null;
  const hosts = new Map<string, string | null>();
  for (const host of (list?.value ?? "").split(/[\s,;]+/)) if (host !== "") hosts.set(host, null);
  for (const part of (map?.value ?? "").split(/[;\s]+/)) {
    const [host = "", port = ""] = part.split(/[:=](.*)/);
    if (host !== "" && port !== "") hosts.set(host, port);
  }
  return hosts;
}

/** `5`, `5s`, or `node1:5;node2:0`. */
function delaysOf(setting: Setting | undefined): ReadonlyMap<string, number> {
  const delays = new Map<string, number>();
  for (const part of (setting?.value ?? "").split(/[;\s]+/)) {
    const [first = "", second] = part.split(/[:=]/);
    const seconds = secondsOf(second ?? first);
    if (seconds !== null && seconds > 0) delays.set(second === undefined ? "" : first, seconds);
  }
  return delays;
}

/** Read above, or about checks and lists that clusterd does not make. */
const known =
  /^pcmk_(host_(list|map|check|argument)|delay_base|\w+_action|(monitor|status|list|action)_\w+)$/;

function remarksOn({ id, parameters }: Primitive): readonly Remark[] {
  const lost = [...parameters].filter(([name]) => name.startsWith("pcmk_") && !known.test(name));
  const found: Remark[] = lost.map(([name, { value, at }]) => {
    const why =
      name === "pcmk_delay_max"
        ? "delays are not drawn by lot; give a delay to the device of the node that shall win"
        : "it has no counterpart; agent_timeout of <fence_daemon> holds for all devices";
    return { at, text: `${id}: ${name}=${value} is not carried over: ${why}` };
  });
  return found;
}

/** The device in a method of a node. `action`: null: as the device says. */
export function deviceUse(
  draft: FenceDeviceDraft,
  node: string,
  action: "on" | "off" | null,
): ConfElement {
  const { name, at, hosts, portName, delays } = draft;
  const port = hosts?.get(node) ?? node;
  const delay = action === "on" ? undefined : (delays.get(node) ?? delays.get(""));
  const effective = action ?? draft.action;
  const attributes = [
    confAttribute("name", name, at),
    ...(portName === null ? [] : [confAttribute(portName, port, at)]),
    ...(effective === null ? [] : [confAttribute("action", effective, at)]),
    ...(delay === undefined ? [] : [confAttribute("delay", `${delay}`, at)]),
  ];
  return confElement("device", at, { attributes });
}

/** Whether a fence device waits for the self-fencing of a node, as sbd does. */
export function waitsForWatchdog(device: Primitive): boolean {
  return ["external/sbd", "fence_sbd", "fence_watchdog"].includes(device.agent);
}

/** Whether the cluster counts on watchdogs without a device. */
export function countsOnWatchdog(properties: Settings): Setting | null {
  const timeout =
    properties.get("stonith-watchdog-timeout") ?? properties.get("fencing-watchdog-timeout");
  if (timeout === undefined || (secondsOf(timeout.value) ?? -1) <= 0) return null;
  return isTrue(properties.get("stonith-enabled")) || !properties.has("stonith-enabled")
    ? timeout
    : null;
}
