/**
 * The elements of a CIB: attributes, sets of name and value, and what refers to another element.
 * Source: Pacemaker Explained 2.1; the schemas pacemaker-1.0 to 3.9 for older spellings.
 * Tested in: test/import/import-golden.test.ts, test/import/import-refusals.test.ts
 */
import type { Complaint } from "../config/text/complaint.ts";
import type { XmlElement } from "../config/text/xml.ts";
import { quoted } from "../model/visible-text.ts";
import { importFault, type Place, type Remark, type Setting, type Settings } from "./remark.ts";

export class CibReader {
  readonly faults: Complaint[] = [];
  readonly remarks: Remark[] = [];
  readonly leftOut: string[] = [];
  readonly #file: string;
  readonly #byId = new Map<string, XmlElement>();
  readonly #taken = new Map<string, number>();

  constructor(file: string, root: XmlElement) {
    this.#file = file;
    this.#collect(root);
  }

  placeOf({ line }: { readonly line: number }): Place {
    return { file: this.#file, line };
  }

  fault(element: XmlElement, problem: string, allowed?: string): void {
    this.faults.push(importFault(this.placeOf(element), `<${element.name}>: ${problem}`, allowed));
  }

  remark(element: XmlElement, text: string): void {
    this.remarks.push({ at: this.placeOf(element), text });
  }

  /** Empty after a complaint. */
  required(element: XmlElement, name: string): string {
    const value = attributeIn(element, name);
    if (value === null || value === "") {
      const what = value === null ? "missing" : "empty";
      this.fault(element, `attribute ${name} is ${what}`, "Pacemaker requires it");
    }
    return value ?? "";
  }

  /** The id of a resource, which no other one may have. */
  ownId(element: XmlElement): string {
    const id = this.required(element, "id");
    const first = this.#taken.get(id);
    if (first !== undefined && id !== "") {
      this.fault(
        element,
        `id ${quoted(id)} is already used at line ${first}`,
        "give it another id",
      );
    }
    this.#taken.set(id, first ?? element.line);
    return id;
  }

  /** Of all sets of that kind; a set with the higher score goes first. */
  settings(element: XmlElement, kind: string): Settings {
    const found = new Map<string, Setting>();
    const sets = element.children
      .filter(({ name }) => name === kind)
      .map((set) => this.#target(set));
    const score = (set: XmlElement) =>
      Number(attributeIn(set, "score")?.replace("INFINITY", "1e6") ?? 0);
    for (const set of sets.toSorted((a, b) => (score(b) || 0) - (score(a) || 0))) {
      if (set.children.some(({ name }) => name === "rule")) {
        this.remark(set, `${kind} that depend on a rule are not carried over`);
        continue;
      }
      // Heartbeat 2 had one more level.
      const pairs = set.children.flatMap((one) => (one.name === "attributes" ? one.children : one));
      for (const pair of pairs.map((one) => this.#target(one))) {
        const name = attributeIn(pair, "name");
        const value = attributeIn(pair, "value");
        if (value === "lrm://") {
          const text = `${name}: its value is a secret in a file of Pacemaker: write it here`;
          this.remark(pair, text);
          continue;
        }
        if (pair.name !== "nvpair" || name === null || value === null || found.has(name)) continue;
        found.set(name, { value, at: this.placeOf(pair) });
      }
    }
    return found;
  }

  /** An element that is written as `id-ref` stands elsewhere. */
  #target(element: XmlElement): XmlElement {
    const reference = attributeIn(element, "id-ref") ?? attributeIn(element, "$id-ref");
    if (reference === null) return element;
    const target = this.#byId.get(reference);
    if (target === undefined) {
      this.fault(element, `id-ref ${quoted(reference)} refers to nothing`, "an id of this file");
    }
    return target ?? element;
  }

  template(id: string): XmlElement | null {
    const found = this.#byId.get(id);
    return found?.name === "template" ? found : null;
  }

  #collect(element: XmlElement): void {
    const id = attributeIn(element, "id");
    if (id !== null && !this.#byId.has(id)) this.#byId.set(id, element);
    for (const child of element.children) this.#collect(child);
  }
}

export function attributeIn(element: XmlElement, name: string): string | null {
  return element.attributes.find((one) => one.name === name)?.value ?? null;
}

export function childrenCalled(element: XmlElement | null, name: string): readonly XmlElement[] {
  return element?.children.filter((one) => one.name === name) ?? [];
}

export function childCalled(element: XmlElement | null, name: string): XmlElement | null {
  return childrenCalled(element, name)[0] ?? null;
}

/** Its attributes as settings. */
export function attributesAsSettings(
  { attributes }: XmlElement,
  placeOf: (one: { readonly line: number }) => Place,
): Settings {
  return new Map(attributes.map((one) => [one.name, { value: one.value, at: placeOf(one) }]));
}
