/**
 * A primitive of Pacemaker → the element of `<resources>` that does the same.
 * Source: Pacemaker Explained 2.1, "Resource Classes"; ocf:heartbeat:IPaddr2 4.12.
 * Tested in: test/import/import-golden.test.ts
 */
import { parseAddress } from "../model/numeric-address.ts";
import { isSecret } from "../model/secrets.ts";
import { actionElements } from "./action-elements.ts";
import {
  type ConfAttribute,
  type ConfElement,
  confAttribute,
  confElement,
} from "./conf-element.ts";
import type { Primitive } from "./pacemaker-conf.ts";
import type { Remark, Settings } from "./remark.ts";

/** Null: nothing of clusterd runs it, as the remark says; `idle` if nothing is lost by that. */
export type ResourceElement = {
  readonly element: ConfElement | null;
  readonly remark?: Remark;
  readonly idle?: true;
};

/** Agents of Pacemaker that only write attributes of its nodes. */
const attributeWriters =
  /^(ping|pingd|ifspeed|SysInfo|HealthCPU|HealthSMART|HealthIOWait|attribute|ClusterMon)$/;

/** `name` is that of the resource; a clone has one for each node. */
export function resourceElement(
  primitive: Primitive,
  name: string,
  operationDefaults: Settings,
): ResourceElement {
  const { standard, provider, agent, at } = primitive;
  const own = confAttribute("name", name, at);
  const children = actionElements(primitive, operationDefaults);
  const unit = (value: string): ResourceElement => {
    const attributes = [own, confAttribute("unit", value, at)];
    return withoutParameters(primitive, confElement("systemd", at, { attributes, children }));
  };
  switch (standard) {
    case "lsb": {
      const path = agent.startsWith("/") ? agent : `/etc/init.d/${agent}`;
      const attributes = [own, confAttribute("file", path, at)];
      return withoutParameters(primitive, confElement("script", at, { attributes, children }));
    }
    case "systemd":
      return unit(agent);
    case "service":
      return unit(agent);
    case "ocf": {
      if (provider === "pacemaker" && attributeWriters.test(agent)) {
        const text = `${primitive.id} (${agent}) is left out: it works for Pacemaker only`;
        return { element: null, remark: { at, text }, idle: true };
      }
      const address = isAddressAgent(primitive) ? addressElement(primitive, children) : null;
      if (address !== null) return { element: address };
      return { element: ocfElement(primitive, own, children) };
    }
    default: {
      const full = [standard, ...(provider === null ? [] : [provider]), agent].join(":");
      const text =
        `${primitive.id} (${full}) is left out: clusterd runs agents of the classes ocf, lsb and ` +
        "systemd; write a <script> for it";
      return { element: null, remark: { at, text } };
    }
  }
}

function withoutParameters(primitive: Primitive, element: ConfElement): ResourceElement {
  const names = [...primitive.parameters.keys()];
  if (names.length === 0) return { element };
  const text = `${primitive.id}: <${element.name}> takes no parameters: ${names.join(", ")}`;
  return { element, remark: { at: primitive.at, text } };
}

const reserved: readonly string[] = ["name", "agent", "ref", "allow_promotable"];

function ocfElement(
  primitive: Primitive,
  own: ConfAttribute,
  actions: readonly ConfElement[],
): ConfElement {
  const { at, provider, agent, parameters } = primitive;
  const attributes = [own, confAttribute("agent", `${provider ?? ""}:${agent}`, at)];
  const children: ConfElement[] = [];
  const remarks: Remark[] = [];
  for (const [name, setting] of parameters) {
    if (!/^[A-Za-z_][\w-]*$/.test(name)) {
      const shown = isSecret(name) ? name : `${name}=${setting.value}`;
      remarks.push({ at: setting.at, text: `${primitive.id}: no agent can be given ${shown}` });
    } else if (reserved.includes(name) || name.startsWith("__") || name.startsWith("xml")) {
      const pair = [confAttribute("name", name, at), { ...setting, name: "value" }];
      children.push(confElement("param", setting.at, { attributes: pair }));
    } else attributes.push({ ...setting, name });
  }
  return confElement("ocf", at, { attributes, children: [...children, ...actions], remarks });
}

const addressAgents: readonly string[] = ["IPaddr", "IPaddr2", "IPv6addr"];
/** What `<ip>` does without being told, or says. */
const addressParameters: readonly string[] = [
  ..."ip ipv6addr cidr_netmask netmask nic broadcast iflabel arp_interval arp_count".split(" "),
  ..."arp_count_refresh arp_bg arp_sender arp_mac lvs_support send_arp_opts preferred_lft".split(
    " ",
  ),
  ..."lvs_ipv6_addrlabel lvs_ipv6_addrlabel_value mac run_arping nodad noprefixroute".split(" "),
];

function isAddressAgent({ provider, agent, parameters }: Primitive): boolean {
  if (provider !== "heartbeat" || !addressAgents.includes(agent)) return false;
  return [...parameters.keys()].every((name) => addressParameters.includes(name));
}

/** Null: the value is no address that `<ip>` takes. */
function addressElement(
  { parameters, at }: Primitive,
  actions: readonly ConfElement[],
): ConfElement | null {
  const address = parameters.get("ip") ?? parameters.get("ipv6addr");
  if (address === undefined || parseAddress(address.value) === null) return null;
  const mask = parameters.get("cidr_netmask") ?? parameters.get("netmask");
  const prefix = mask === undefined ? null : prefixOf(mask.value);
  if (mask !== undefined && prefix === null) return null;
  // A prefix of the whole length would belong to no network of the node.
  const isWhole = prefix === 32 || prefix === 128 || prefix === null;
  const full = isWhole ? address.value : `${address.value}/${prefix}`;
  const nic = parameters.get("nic");
  const attributes = [
    confAttribute("address", full, address.at),
    ...(nic === undefined ? [] : [{ ...nic, name: "prefer_interface" }]),
    // Pacemaker does not wait after it has removed an address.
    confAttribute("sleeptime", "0", at),
  ];
  // The actions of a built-in agent have limits of their own.
  const checks = actions.filter(({ attributes: own }) =>
    own.some(({ name }) => name === "interval"),
  );
  const children = checks.map((one) => {
    return { ...one, attributes: one.attributes.filter(({ name }) => name !== "timeout") };
  });
  return confElement("ip", at, { attributes, children });
}

/** `24` or `255.255.255.0`. */
function prefixOf(text: string): number | null {
  if (/^\d{1,3}$/.test(text)) return Number(text);
  const bytes = parseAddress(text)?.bytes;
  if (bytes?.length !== 4) return null;
  const bits = bytes.map((byte) => byte.toString(2).padStart(8, "0")).join("");
  return /^1*0*$/.test(bits) ? bits.lastIndexOf("1") + 1 : null;
}

/** The same resource where a service uses it. */
export function referenceTo(
  { name, attributes, children, at }: ConfElement,
  options: { readonly critical: boolean },
): ConfElement {
  const key = attributes.find((one) => one.name === (name === "ip" ? "address" : "name"));
  const timed = children.some((one) => one.attributes.some((each) => each.name === "timeout"));
  const enforced = name === "script" && timed;
  const value = (key?.value ?? "").replace(name === "ip" ? /\/.*$/ : "", "");
  return confElement(name, at, {
    attributes: [
      confAttribute("ref", value, at),
      ...(enforced ? [confAttribute("__enforce_timeouts", "1", at)] : []),
      ...(options.critical ? [] : [confAttribute("__independent_subtree", "2", at)]),
    ],
  });
}
