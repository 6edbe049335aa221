/**
 * The elements of the cluster.conf that is made, each with the place from which it comes, and their
 * text. Which elements and values are right is not known here.
 * Tested in: test/import/conf-element.test.ts
 */
import { forbiddenCharacter } from "../config/text/source-positions.ts";
import { xmlText } from "../model/visible-text.ts";
import type { Place, Remark, Setting } from "./remark.ts";

export type ConfAttribute = Setting & { readonly name: string };

export type ConfElement = {
  readonly name: string;
  readonly at: Place;
  readonly attributes: readonly ConfAttribute[];
  readonly children: readonly ConfElement[];
  /** Comments in front of the element. */
  readonly remarks: readonly Remark[];
};

export function confElement(
  name: string,
  at: Place,
  parts: Partial<Pick<ConfElement, "attributes" | "children" | "remarks">> = {},
): ConfElement {
  return { name, at, attributes: [], children: [], remarks: [], ...parts };
}

export function confAttribute(name: string, value: string, at: Place): ConfAttribute {
  return { name, value, at };
}

/** All remarks, in the order of the text. */
export function remarksOf({ remarks, children }: ConfElement): readonly Remark[] {
  return [...remarks, ...children.flatMap(remarksOf)];
}

export type WrittenConf = {
  readonly text: string;
  /** By one-based line: the element whose tag has a part there. */
  readonly lines: ReadonlyMap<number, ConfElement>;
};

export function writeConf(root: ConfElement, heading: readonly string[]): WrittenConf {
  const writer = new ConfWriter();
  writer.line('<?xml version="1.0"?>');
  writer.comment(heading.join(" "), "");
  writer.element(root, "");
  return { text: `${writer.written.join("\n")}\n`, lines: writer.lines };
}

const columnsMax = 100;

class ConfWriter {
  readonly written: string[] = [];
  readonly lines = new Map<number, ConfElement>();

  line(text: string): void {
    this.written.push(text);
  }

  comment(text: string, indent: string): void {
    const words = commentText(text).split(" ");
    let line = `${indent}<!--`;
    for (const word of [...words, "-->"]) {
      if (line.length + 1 + word.length > columnsMax && line.trim() !== "") {
        this.line(line);
        line = `${indent}    `;
      }
      line += ` ${word}`;
    }
    this.line(line);
  }

  element(element: ConfElement, indent: string): void {
    for (const { at, text } of element.remarks) {
      // The heading has the whole path.
      this.comment(`${at.file.split("/").at(-1)}:${at.line}: ${text}`, indent);
    }
    const { name, attributes, children } = element;
    const end = children.length === 0 ? "/>" : ">";
    const parts = attributes.map((one) => `${one.name}="${attributeText(one.value)}"`);
    const single = `${indent}<${[name, ...parts].join(" ")}${end}`;
    const fits = single.length <= columnsMax;
    const rest = parts.map((part, index) => {
      return `${indent}    ${part}${index === parts.length - 1 ? end : ""}`;
    });
    for (const line of fits ? [single] : [`${indent}<${name}`, ...rest]) {
      this.line(line);
      this.lines.set(this.written.length, element);
    }
    for (const child of children) this.element(child, `${indent}  `);
    if (children.length > 0) this.line(`${indent}</${name}>`);
  }
}

/** A comment may not contain two hyphens in a row. */
function commentText(text: string): string {
  const flat = possible(text).replace(/\s+/g, " ").trim();
  return flat.replace(/-(?=-)/g, "- ");
}

function attributeText(value: string): string {
  return xmlText(possible(value));
}

/** XML knows no way to write some characters. */
function possible(text: string): string {
  if (forbiddenCharacter(text) < 0) return text;
  return [...text].map((one) => (forbiddenCharacter(one) < 0 ? one : "?")).join("");
}
