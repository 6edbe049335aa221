/**
 * What imported files say of a cluster, by the sections of the cluster.conf that is made. Drafts of
 * several files are put together here; none of them is judged.
 * Tested in: test/import/import-golden.test.ts
 */
import type { ConfAttribute, ConfElement } from "./conf-element.ts";
import type { Place, Remark, Setting } from "./remark.ts";

export type ForeignNode = {
  /** A host name, or an address if the file gives no name. */
  readonly name: string;
  /** As written; null: the file gives none. */
  readonly id: string | null;
  readonly votes: Setting | null;
  /** All its addresses, the one of the first ring first. */
  readonly addresses: readonly string[];
  readonly at: Place;
  readonly remarks: readonly Remark[];
};

export type DraftSection = {
  readonly attributes: readonly ConfAttribute[];
  readonly children: readonly ConfElement[];
  readonly remarks: readonly Remark[];
};

/** In the order in which they are written. */
export const draftSections = ["cman", "totem", "logging", "fence_daemon", "rm"] as const;

export type DraftSectionName = (typeof draftSections)[number];

export type ConfDraft = {
  readonly at: Place;
  readonly name: Setting | null;
  readonly nodes: readonly ForeignNode[];
  /** How many nodes there are where the file names none; null: unknown. */
  readonly nodesExpected: number | null;
  readonly sections: Readonly<Partial<Record<DraftSectionName, DraftSection>>>;
  /** Elements of `<uidgid>`. */
  readonly accounts: readonly ConfElement[];
  /** On the file as a whole. */
  readonly remarks: readonly Remark[];
};

export const emptySection: DraftSection = { attributes: [], children: [], remarks: [] };

/** Of an attribute that both have, the first value counts. */
export function mergeSections(a: DraftSection, b: DraftSection): DraftSection {
  const names = new Set(a.attributes.map(({ name }) => name));
  return {
    attributes: [...a.attributes, ...b.attributes.filter(({ name }) => !names.has(name))],
    children: [...a.children, ...b.children],
    remarks: [...a.remarks, ...b.remarks],
  };
}

/** Collects the parts of one section. */
export class SectionDraft {
  readonly #attributes: ConfAttribute[] = [];
  readonly #children: ConfElement[] = [];
  readonly #remarks: Remark[] = [];

  attribute(name: string, { value, at }: Setting): void {
    if (this.#attributes.every((one) => one.name !== name)) {
      this.#attributes.push({ name, value, at });
    }
  }

  child(element: ConfElement): void {
    this.#children.push(element);
  }

  remark(at: Place, text: string): void {
    this.#remarks.push({ at, text });
  }

  get section(): DraftSection {
    return { attributes: this.#attributes, children: this.#children, remarks: this.#remarks };
  }
}
