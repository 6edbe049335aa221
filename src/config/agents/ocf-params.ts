/**
 * `<param name= value=/>` below an `ocf` element becomes an attribute of that element; a name that
 * the element uses itself gets the prefix `param.`.
 * Complains about a param without name or value; the values themselves are checked elsewhere.
 * Tested in: test/config/agent-elements.test.ts
 */
import type { Report } from "../text/complaint.ts";
import type { XmlAttribute, XmlElement } from "../text/xml.ts";

/** Attributes of the element itself. */
export const reservedParameters: readonly string[] = ["name", "agent", "ref", "allow_promotable"];

/** The same tree, with the params of `<rm>` folded. */
export function foldParameters(root: XmlElement, report: Report): XmlElement {
  const children = root.children.map((child) =>
    child.name === "rm" ? foldBelow(child, `/${root.name}/rm`, report) : child,
  );
  return { ...root, children };
}

function foldBelow(element: XmlElement, path: string, report: Report): XmlElement {
  const children = element.children.map((child) =>
    foldBelow(child, `${path}/${child.name}`, report),
  );
  if (element.name !== "ocf") return { ...element, children };
  const params = children.filter(({ name }) => name === "param");
  const folded = params.flatMap((param) => attributesOf(param, path, report));
  const names = new Set(folded.map(({ name }) => name));
  return {
    ...element,
    // A param takes precedence over an attribute of the same name.
    attributes: [...element.attributes.filter(({ name }) => !names.has(name)), ...folded],
    children: children.filter(({ name }) => name !== "param"),
  };
}

function attributesOf(param: XmlElement, path: string, report: Report): readonly XmlAttribute[] {
  const location = { path: `${path}/param`, line: param.line };
  const name = param.attributes.find((one) => one.name === "name")?.value ?? "";
  const value = param.attributes.find((one) => one.name === "value")?.value;
  if (!/^[A-Za-z_][\w-]*$/.test(name) || value === undefined) {
    const problem = "a <param> needs a name (letters, digits, _ and -) and a value";
    const allowed = '<param name="port" value="8080"/>';
    report.error(location, { type: "missing-attribute", problem, allowed });
    return [];
  }
  for (const other of param.attributes) {
    if (other.name === "name" || other.name === "value") continue;
    const problem = `unknown attribute "${other.name}"`;
    const allowed = "known are name and value";
    report.error(location, { type: "unknown-attribute", problem, allowed });
  }
  const key = reservedParameters.includes(name) ? `param.${name}` : name;
  return [{ name: key, value, line: param.line }];
}
