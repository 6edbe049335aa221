/**
 * `<resources>` of a CIB: primitives, groups, clones and templates.
 * Source: Pacemaker Explained 2.1; the schemas pacemaker-1.0 to 3.9 for older spellings.
 * Tested in: test/import/import-golden.test.ts, test/import/import-refusals.test.ts
 */
import type { XmlElement } from "../config/text/xml.ts";
import { quoted } from "../model/visible-text.ts";
import { attributeIn, attributesAsSettings, type CibReader, childrenCalled } from "./cib-reader.ts";
import {
  type Clone,
  type ClusterOperation,
  type ClusterResource,
  type Group,
  isTrue,
  type Primitive,
} from "./pacemaker-conf.ts";
import type { Settings } from "./remark.ts";

export function readCibResources(
  section: XmlElement | null,
  reader: CibReader,
): readonly ClusterResource[] {
  return (section?.children ?? []).flatMap((element) => {
    const resource = readResource(element, reader);
    return resource === null ? [] : [resource];
  });
}

function readResource(element: XmlElement, reader: CibReader): ClusterResource | null {
  switch (element.name) {
    case "primitive":
      return readPrimitive(element, reader);
    case "group":
      return readGroup(element, reader);
    case "clone":
    case "master":
    case "master_slave":
      return readClone(element, reader);
    case "template":
      return null;
    default: {
      const id = attributeIn(element, "id") ?? "";
      const text = `<${element.name}> ${id} has no counterpart in cluster.conf: it is left out`;
      reader.remark(element, text);
      const inner = childrenCalled(element, "primitive");
      reader.leftOut.push(...[element, ...inner].map((one) => attributeIn(one, "id") ?? ""));
      return null;
    }
  }
}

function readGroup(element: XmlElement, reader: CibReader): Group {
  const members = childrenCalled(element, "primitive").map((one) => readPrimitive(one, reader));
  if (members.length === 0) reader.fault(element, "has no <primitive>", "at least one");
  const meta = reader.settings(element, "meta_attributes");
  return { type: "group", id: reader.ownId(element), members, meta, at: reader.placeOf(element) };
}

function readClone(element: XmlElement, reader: CibReader): Clone | null {
  const id = reader.ownId(element);
  const meta = reader.settings(element, "meta_attributes");
  const bodies = element.children.filter(({ name }) => name === "primitive" || name === "group");
  const [inner] = bodies;
  if (inner === undefined) {
    reader.fault(element, "has no resource inside", "one <primitive> or <group>");
    return null;
  }
  const body = inner.name === "group" ? readGroup(inner, reader) : readPrimitive(inner, reader);
  const promotable = element.name !== "clone" || isTrue(meta.get("promotable"));
  return { type: "clone", id, promotable, body, meta, at: reader.placeOf(element) };
}

function readPrimitive(element: XmlElement, reader: CibReader): Primitive {
  const templateId = attributeIn(element, "template");
  const template = templateId === null ? null : reader.template(templateId);
  if (templateId !== null && template === null) {
    reader.fault(element, `template ${quoted(templateId)} does not exist`, "name a <template>");
  }
  const source = template ?? element;
  const id = reader.ownId(element);
  const known = templateId === null || template !== null;
  const standard = known ? reader.required(source, "class") : "";
  const agent = known ? reader.required(source, "type") : "";
  const provider = attributeIn(source, "provider");
  if (standard === "ocf" && provider === null) {
    reader.fault(source, "attribute provider is missing", 'class="ocf" needs one: heartbeat, …');
  }
  for (const one of childrenCalled(element, "utilization")) {
    reader.remark(one, `${id}: utilization is not carried over: nodes have no capacities`);
  }
  const both = template === null ? [element] : [element, template];
  return {
    type: "primitive",
    id,
    standard,
    provider,
    agent,
    parameters: mergedSettings(both, "instance_attributes", reader),
    meta: mergedSettings(both, "meta_attributes", reader),
    operations: both.flatMap((one) => readOperations(one, reader)),
    at: reader.placeOf(element),
  };
}

/** The first one's values count. */
function mergedSettings(
  elements: readonly XmlElement[],
  kind: string,
  reader: CibReader,
): Settings {
  const sets = elements.map((one) => reader.settings(one, kind));
  return new Map(sets.toReversed().flatMap((one) => [...one]));
}

function readOperations(element: XmlElement, reader: CibReader): readonly ClusterOperation[] {
  const lists = childrenCalled(element, "operations");
  return lists
    .flatMap((list) => childrenCalled(list, "op"))
    .map((op) => {
      const own = attributesAsSettings(op, (one) => reader.placeOf(one));
      const further = [...reader.settings(op, "instance_attributes")];
      const meta = [...reader.settings(op, "meta_attributes")];
      const options = new Map([...meta, ...further, ...own]);
      return { name: attributeIn(op, "name") ?? "", options, at: reader.placeOf(op) };
    });
}
