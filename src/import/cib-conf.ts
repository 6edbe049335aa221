/**
 * A CIB (cib.xml, or the output of `cibadmin --query` and `pcs cluster cib`) → what it says.
 * Source: Pacemaker Explained 2.1; the schemas pacemaker-1.0 to 3.9 for older spellings.
 * Tested in: test/import/import-golden.test.ts, test/import/import-refusals.test.ts
 */
import type { Complaint } from "../config/text/complaint.ts";
import type { XmlElement } from "../config/text/xml.ts";
import { accept, type Result, refuse } from "../model/outcome.ts";
import { readCibConstraints } from "./cib-constraints.ts";
import { attributeIn, CibReader, childCalled, childrenCalled } from "./cib-reader.ts";
import { readCibResources } from "./cib-resources.ts";
import type { ForeignNode } from "./conf-draft.ts";
import { separateFenceDevices } from "./fence-primitives.ts";
import type { FenceLevel, PacemakerConf } from "./pacemaker-conf.ts";
import type { Settings } from "./remark.ts";

export function readCib(
  file: string,
  root: XmlElement,
): Result<PacemakerConf, readonly Complaint[]> {
  const reader = new CibReader(file, root);
  const configuration = root.name === "configuration" ? root : childCalled(root, "configuration");
  if (configuration === null) {
    reader.fault(root, "has no <configuration>", "give the output of: cibadmin --query");
    return refuse(reader.faults);
  }
  const nodes = readNodes(childCalled(configuration, "nodes"), reader);
  const resources = readCibResources(childCalled(configuration, "resources"), reader);
  const section = childCalled(configuration, "constraints");
  const names = nodes.map(({ name }) => name);
  const constraints = readCibConstraints(section, names, reader);
  const config = childCalled(configuration, "crm_config");
  const written = setsBelow(config, "cluster_property_set", reader);
  // Heartbeat 2 wrote some of them with underlines.
  const properties = new Map([...written].map(([name, one]) => [name.replaceAll("_", "-"), one]));
  const defaults = (name: string): Settings =>
    setsBelow(childCalled(configuration, name), "meta_attributes", reader);
  const fenceLevels = readLevels(childCalled(configuration, "fencing-topology"), reader);
  for (const { name, children, line } of configuration.children) {
    if (!["alerts", "tickets", "acls", "tags"].includes(name) || children.length === 0) continue;
    const text = `<${name}> has no counterpart in cluster.conf: it is left out`;
    reader.remarks.push({ at: reader.placeOf({ line }), text });
  }
  const conf = {
    at: reader.placeOf(root),
    name: properties.get("cluster-name") ?? null,
    nodes,
    properties,
    resourceDefaults: defaults("rsc_defaults"),
    operationDefaults: defaults("op_defaults"),
    ...separateFenceDevices(resources),
    ...constraints,
    fenceLevels,
    quorum: [],
    leftOut: reader.leftOut,
    remarks: reader.remarks,
  };
  return reader.faults.length === 0 ? accept(conf) : refuse(reader.faults);
}

function setsBelow(section: XmlElement | null, kind: string, reader: CibReader): Settings {
  if (section === null) return new Map();
  // Heartbeat 2 wrote the pairs without a set.
  const loose = { ...section, name: kind };
  return reader.settings({ ...section, children: [...section.children, loose] }, kind);
}

function readNodes(section: XmlElement | null, reader: CibReader): readonly ForeignNode[] {
  return childrenCalled(section, "node").flatMap((element) => {
    const name = reader.required(element, "uname");
    const type = attributeIn(element, "type") ?? "member";
    if (["remote", "ping"].includes(type)) {
      reader.remark(element, `node ${name} of type ${type} is left out: clusterd has members only`);
      return [];
    }
    const attributes = reader.settings(element, "instance_attributes");
    const at = reader.placeOf(element);
    const standby = attributes.get("standby");
    const remarks =
      standby === undefined || !/^(on|true|yes)$/i.test(standby.value)
        ? []
        : [{ at: standby.at, text: `standby: clusterd runs services on ${name} all the same` }];
    return [{ name, id: attributeIn(element, "id"), votes: null, addresses: [], at, remarks }];
  });
}

function readLevels(section: XmlElement | null, reader: CibReader): readonly FenceLevel[] {
  return childrenCalled(section, "fencing-level").flatMap((element) => {
    const node = attributeIn(element, "target");
    const index = Number(attributeIn(element, "index") ?? "1");
    if (node === null || !Number.isInteger(index)) {
      const text = "a fencing level for a pattern or an attribute of nodes is left out";
      reader.remark(element, text);
      return [];
    }
    const devices = reader
      .required(element, "devices")
      .split(/[\s,]+/)
      .filter((one) => one !== "");
    return [{ node, index, devices, at: reader.placeOf(element) }];
  });
}
