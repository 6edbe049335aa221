/**
 * `<fencedevices>` and the methods of each node → for every device of a method, the parameters of
 * its agent. Does not check whether an agent exists or which parameters it takes.
 * Source: cluster.conf(5); fence libfence/agent.c: make_args; FenceAgentAPI.
 * Deviations: a value of the device takes precedence over the fencedevice's (in fenced it is the
 * other way round); the obsolete `option` becomes `action`; `nodename` is added; a second method of
 * one name is refused.
 * Tested in: test/config/complaints.test.ts, test/config/quorum-conf.test.ts
 */
import type { FenceDeviceUse, FenceMethodConf } from "../../model/conf.ts";
import { isSecret } from "../../model/secrets.ts";
import { quoted } from "../../model/visible-text.ts";
import type { Report } from "../text/complaint.ts";
import { choices, fenceDevicesMax, fenceMethodsMax } from "../text/defaults.ts";
import {
  attributeLocation,
  attributeOf,
  locationOf,
  onlySection,
  requiredText,
  type Section,
  sectionsNamed,
} from "../text/section.ts";
import { nameList } from "../text/value-text.ts";

/** The agent name that stands for waiting until the victim has fenced itself. */
export const selfAgent = "self";

export type FenceDeviceEntry = {
  readonly section: Section;
  readonly agent: string;
  readonly parameters: ReadonlyMap<string, string>;
};

export type FenceDevices = ReadonlyMap<string, FenceDeviceEntry>;

const fenceActions: readonly string[] = choices.device.action.words;
const unfenceActions: readonly string[] = choices.unfence.action.words;

export function readFenceDevices(root: Section, report: Report): FenceDevices {
  const devices = new Map<string, FenceDeviceEntry>();
  for (const section of sectionsNamed(onlySection(root, "fencedevices"), "fencedevice")) {
    const name = readDeviceName(section, devices, report);
    const agent = readAgent(section, report);
    const parameters = readParameters(section, fenceActions, report);
    // Without a usable agent the file is refused anyway; no complaints about its uses are needed.
    if (name !== null) devices.set(name, { section, agent: agent ?? "", parameters });
  }
  return devices;
}

/** The methods of one clusternode in file order. */
export function readFenceMethods(
  node: { readonly section: Section; readonly name: string },
  devices: FenceDevices,
  report: Report,
): readonly FenceMethodConf[] {
  const fence = onlySection(node.section, "fence");
  const sections = sectionsNamed(fence, "method");
  if (sections.length > fenceMethodsMax) {
    const problem = `${sections.length} methods`;
    const allowed = `at most ${fenceMethodsMax}`;
    report.error(locationOf(fence), { type: "bad-value", problem, allowed });
    return [];
  }
  const lines = new Map<string, number>();
  const methods: FenceMethodConf[] = [];
  for (const section of sections) {
    const allowed = "a name that is unique within the node";
    const name = requiredText(section, { name: "name", allowed }, report);
    if (name === null) continue;
    const first = lines.get(name);
    if (first !== undefined) {
      const problem = `method ${quoted(name)} is already used by this node, first at line ${first}`;
      report.error(attributeLocation(section, "name"), { type: "duplicate", problem });
    }
    lines.set(name, first ?? section.element.line);
    methods.push({ name, devices: readUses(section, { devices, node: node.name }, report) });
  }
  return methods;
}

/** The devices that unfence a node, in file order; every device is tried. */
export function readUnfence(
  node: { readonly section: Section; readonly name: string },
  devices: FenceDevices,
  report: Report,
): readonly FenceDeviceUse[] {
  const unfence = onlySection(node.section, "unfence");
  return sectionsNamed(unfence, "device").flatMap((section) => {
    const found = findDevice(section, devices, report);
    const own = readParameters(section, unfenceActions, report);
    if (!own.has("action")) {
      const problem = "attribute action is missing";
      const allowed = nameList(unfenceActions);
      report.error(locationOf(section), { type: "missing-attribute", problem, allowed });
    }
    if (found === null) return [];
    const { name, device } = found;
    if (device.agent === selfAgent) {
      const problem = "a lease that has ended cannot be given back by an agent";
      report.error(locationOf(section), { type: "conflict", problem, allowed: "remove it" });
      return [];
    }
    const merged = new Map([...device.parameters, ...own]);
    if (!merged.has("nodename")) merged.set("nodename", node.name);
    return [{ device: name, agent: device.agent, parameters: [...merged] }];
  });
}

function readDeviceName(section: Section, devices: FenceDevices, report: Report): string | null {
  const allowed = "a name that is unique within <fencedevices>";
  const name = requiredText(section, { name: "name", allowed }, report);
  if (name === null) return null;
  const location = attributeLocation(section, "name");
  const first = devices.get(name);
  if (first !== undefined) {
    const line = first.section.element.line;
    const problem = `fencedevice ${quoted(name)} is already defined, first at line ${line}`;
    report.error(location, { type: "duplicate", problem });
    return null;
  }
  if (/^\d/.test(name)) {
    const problem = `${quoted(name)} starts with a digit`;
    const allowed = "RHEL 6 requires a letter or _ first";
    report.warning(location, { type: "bad-value", problem, allowed });
  } else if (!/^[\p{L}_]/u.test(name)) {
    const problem = `${quoted(name)} does not start with a letter or _`;
    report.error(location, { type: "bad-value", problem });
  }
  return name;
}

function readAgent(section: Section, report: Report): string | null {
  const allowed = 'the name of a program in PATH, for example "fence_ipmilan"';
  const agent = requiredText(section, { name: "agent", allowed }, report);
  if (agent === null || /^[\w][\w.-]*$/.test(agent)) return agent;
  const problem = `${quoted(agent)} is not the name of a program`;
  report.error(attributeLocation(section, "agent"), { type: "bad-value", problem, allowed });
  return null;
}

/** All attributes but name and agent, `option` renamed to `action`. */
function readParameters(
  section: Section,
  actions: readonly string[],
  report: Report,
): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>();
  for (const { name, value } of section.element.attributes) {
    if (name === "name" || (name === "agent" && section.element.name === "fencedevice")) continue;
    const location = attributeLocation(section, name);
    if (name === "option") {
      if (attributeOf(section, "action") !== null) {
        const problem = "option is ignored beside action";
        report.warning(location, { type: "ignored", problem });
        continue;
      }
      const problem = `the obsolete option is passed on as action=${quoted(value)}`;
      report.warning(location, { type: "ignored", problem, allowed: "write action" });
    }
    const parameter = name === "option" ? "action" : name;
    if (parameter === "action" && !actions.includes(value.toLowerCase())) {
      const problem = `${quoted(value)} is not an action that is allowed here`;
      report.error(location, { type: "bad-value", problem, allowed: nameList(actions) });
    }
    parameters.set(parameter, value);
  }
  return parameters;
}

function readUses(
  method: Section,
  known: { readonly devices: FenceDevices; readonly node: string },
  report: Report,
): readonly FenceDeviceUse[] {
  const sections = sectionsNamed(method, "device");
  if (sections.length === 0) {
    const problem = "the method has no <device>, it could never succeed";
    report.error(locationOf(method), { type: "missing-element", problem });
  }
  if (sections.length > fenceDevicesMax) {
    const problem = `${sections.length} devices`;
    const allowed = `at most ${fenceDevicesMax}`;
    report.error(locationOf(method), { type: "bad-value", problem, allowed });
    return [];
  }
  const uses: FenceDeviceUse[] = [];
  for (const section of sections) {
    const found = findDevice(section, known.devices, report);
    const own = readParameters(section, fenceActions, report);
    if (found === null) continue;
    const { name, device } = found;
    warnOverruled(section, { own, shared: device.parameters }, report);
    const merged = new Map([...device.parameters, ...own]);
    if (device.agent !== selfAgent && !merged.has("nodename")) merged.set("nodename", known.node);
    uses.push({ device: name, agent: device.agent, parameters: [...merged] });
  }
  warnStaysOff(method, uses, report);
  return uses;
}

function findDevice(
  section: Section,
  devices: FenceDevices,
  report: Report,
): { readonly name: string; readonly device: FenceDeviceEntry } | null {
  const allowed = "the name of a <fencedevice>";
  const name = requiredText(section, { name: "name", allowed }, report);
  if (name === null) return null;
  const device = devices.get(name);
  if (device !== undefined) return { name, device };
  const known = devices.size === 0 ? "none" : nameList([...devices.keys()]);
  report.error(attributeLocation(section, "name"), {
    type: "dangling-reference",
    problem: `${quoted(name)} is not defined in <fencedevices>`,
    allowed: `defined: ${known}`,
  });
  return null;
}

function warnOverruled(
  section: Section,
  values: {
    readonly own: ReadonlyMap<string, string>;
    readonly shared: ReadonlyMap<string, string>;
  },
  report: Report,
): void {
  for (const [name, value] of values.own) {
    const other = values.shared.get(name);
    if (other === undefined || other === value) continue;
    const written = attributeOf(section, name) === null ? "option" : name;
    const problem = isSecret(name)
      ? `the device's value of ${name} is used, not the one of its fencedevice`
      : `device's value ${quoted(value)} used; fenced would have used ${quoted(other)}`;
    report.warning(attributeLocation(section, written), { type: "conflict", problem });
  }
}

function warnStaysOff(method: Section, uses: readonly FenceDeviceUse[], report: Report): void {
  const actions = uses.map(({ parameters }) => new Map(parameters).get("action")?.toLowerCase());
  const off = actions.filter((action) => action === "off").length;
  if (off < 2 || actions.includes("on")) return;
  const problem = `${off} devices switch off and none switches on: the node stays powered off`;
  const allowed = 'add the same devices with action="on", or leave action out';
  report.warning(locationOf(method), { type: "unsafe", problem, allowed });
}
