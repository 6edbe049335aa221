/**
 * Edits of fence devices, and of the methods and devices by which a node is fenced or unfenced.
 * Source: ccs(8) of RHEL 6.
 * Tested in: test/conf-tool/edits.test.ts
 */
import { accept, type Result, refuse } from "../model/outcome.ts";
import { quoted } from "../model/visible-text.ts";
import {
  addTo,
  childrenNamed,
  type Edited,
  elementAt,
  named,
  nodeNamed,
  readAttributes,
  removeAll,
} from "./conf-find.ts";
import type { ConfText, PlacedElement } from "./conf-text.ts";

/** They only work if the node is unfenced when it starts. */
const unfencingAgents: readonly string[] = ["fence_scsi", "fence_mpath"];

export function addFenceDevice(conf: ConfText, name: string, words: readonly string[]): Edited {
  const options = readAttributes(words);
  if (!options.ok) return options;
  if (!options.value.has("agent")) {
    return refuse(`a fence device needs an agent: --addfencedev ${name} agent=AGENT`);
  }
  if (devicesOf(conf).some((one) => one.attributes.get("name") === name)) {
    return refuse(`there is a fence device ${quoted(name)} already; remove it first`);
  }
  const attributes = new Map([["name", name], ...options.value]);
  return addTo(conf, ["fencedevices"], { name: "fencedevice", attributes });
}

export function removeFenceDevice(conf: ConfText, name: string): Edited {
  const device = deviceNamed(conf, name);
  return device.ok ? conf.remove(device.value) : device;
}

export function addMethod(conf: ConfText, method: string, node: string): Edited {
  const made = withPart(conf, node, "fence");
  if (!made.ok) return made;
  const { changed, part } = made.value;
  const known = childrenNamed(part, "method");
  if (known.some((one) => one.attributes.get("name") === method)) {
    return refuse(`node ${node} has a method ${quoted(method)} already`);
  }
  return changed.addChild(part, { name: "method", attributes: new Map([["name", method]]) });
}

export function removeMethod(conf: ConfText, method: string, node: string): Edited {
  const found = methodOf(conf, method, node);
  return found.ok ? conf.remove(found.value) : found;
}

/** `unfences`: agents that need it get a device in `<unfence>`, too. */
export function addFenceInstance(
  conf: ConfText,
  place: { readonly device: string; readonly node: string; readonly method: string },
  options: { readonly words: readonly string[]; readonly unfences: boolean },
): Edited {
  const { device: name, node, method } = place;
  const device = deviceNamed(conf, name);
  if (!device.ok) return device;
  const found = methodOf(conf, method, node);
  if (!found.ok) return found;
  const given = readAttributes(options.words);
  if (!given.ok) return given;
  const attributes = new Map([["name", name], ...given.value]);
  const added = conf.addChild(found.value, { name: "device", attributes });
  if (!added.ok || !options.unfences) return added;
  const agent = device.value.attributes.get("agent") ?? "";
  if (!unfencingAgents.includes(agent)) return added;
  const present = nodeNamed(added.value, node);
  const [unfence] = present.ok ? childrenNamed(present.value, "unfence") : [];
  const already = childrenNamed(unfence ?? null, "device");
  if (already.some((one) => one.attributes.get("name") === name)) return added;
  const rest = options.words.filter((word) => !word.startsWith("action="));
  return addUnfenceInstance(added.value, { device: name, node }, [...rest, "action=on"]);
}

export function removeFenceInstances(
  conf: ConfText,
  { device, node, method }: { readonly device: string; readonly node: string; method: string },
): Edited {
  const found = methodOf(conf, method, node);
  if (!found.ok) return found;
  return removeDevices(conf, { device, in: `method ${method} of node ${node}` }, (left) => {
    const present = methodOf(left, method, node);
    return present.ok ? present.value : null;
  });
}

export function addUnfenceInstance(
  conf: ConfText,
  { device: name, node }: { readonly device: string; readonly node: string },
  words: readonly string[],
): Edited {
  const device = deviceNamed(conf, name);
  if (!device.ok) return device;
  const options = readAttributes(words);
  if (!options.ok) return options;
  const made = withPart(conf, node, "unfence");
  if (!made.ok) return made;
  const attributes = new Map([["name", name], ...options.value]);
  return made.value.changed.addChild(made.value.part, { name: "device", attributes });
}

export function removeUnfenceInstances(
  conf: ConfText,
  { device, node }: { readonly device: string; readonly node: string },
): Edited {
  const present = nodeNamed(conf, node);
  if (!present.ok) return present;
  return removeDevices(conf, { device, in: `<unfence> of node ${node}` }, (left) => {
    const found = nodeNamed(left, node);
    return found.ok ? (childrenNamed(found.value, "unfence")[0] ?? null) : null;
  });
}

function devicesOf(conf: ConfText): readonly PlacedElement[] {
  return childrenNamed(elementAt(conf, "fencedevices"), "fencedevice");
}

function deviceNamed(conf: ConfText, name: string): Result<PlacedElement, string> {
  return named(devicesOf(conf), name, { what: "fence device", add: "--addfencedev" });
}

function methodOf(conf: ConfText, method: string, name: string): Result<PlacedElement, string> {
  const node = nodeNamed(conf, name);
  if (!node.ok) return node;
  const fences = childrenNamed(node.value, "fence");
  const methods = fences.flatMap((fence) => childrenNamed(fence, "method"));
  const add = `--addmethod ${method} ${name}`;
  return named(methods, method, { what: "method", of: ` of node ${name}`, add });
}

/** The node's element of that name, which is made if it is missing. */
function withPart(
  conf: ConfText,
  name: string,
  part: "fence" | "unfence",
): Result<{ readonly changed: ConfText; readonly part: PlacedElement }, string> {
  const node = nodeNamed(conf, name);
  if (!node.ok) return node;
  const [present] = childrenNamed(node.value, part);
  if (present !== undefined) return accept({ changed: conf, part: present });
  const added = conf.addChild(node.value, { name: part, attributes: new Map() });
  if (!added.ok) return added;
  const again = nodeNamed(added.value, name);
  const [made] = again.ok ? childrenNamed(again.value, part) : [];
  return made === undefined ? refuse(`no <${part}>`) : accept({ changed: added.value, part: made });
}

function removeDevices(
  conf: ConfText,
  wanted: { readonly device: string; readonly in: string },
  sectionOf: (conf: ConfText) => PlacedElement | null,
): Edited {
  const find = (left: ConfText) =>
    childrenNamed(sectionOf(left), "device").find(
      (one) => one.attributes.get("name") === wanted.device,
    );
  if (find(conf) === undefined) {
    return refuse(`there is no device ${quoted(wanted.device)} in ${wanted.in}`);
  }
  return removeAll(conf, find);
}
