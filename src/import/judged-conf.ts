/**
 * Has the reader of cluster.conf judge what is made, and takes out what it refuses.
 * Source: config/cluster-conf.ts, so that no rule about a value stands here.
 * Tested in: test/import/judged-conf.test.ts
 * IMPORT1  A text that is printed has no errors; only agents may be missing.
 */
import { readClusterConf } from "../config/cluster-conf.ts";
import type { Complaint } from "../config/text/complaint.ts";
import { parseXml } from "../config/text/xml.ts";
import { accept, type Result, refuse } from "../model/outcome.ts";
import { isSecret } from "../model/secrets.ts";
import { quoted } from "../model/visible-text.ts";
import { type ConfAttribute, type ConfElement, writeConf } from "./conf-element.ts";
import { importFault, type Remark } from "./remark.ts";

/** The text, and the elements that are in it. */
export type JudgedConf = { readonly text: string; readonly root: ConfElement };

/** What is taken out in one round may be referred to, which the next round finds. */
const roundsMax = 30;

/** Without these there is no cluster. */
const needed: readonly string[] = ["cluster", "clusternodes", "clusternode", "rm"];

export function judgeConf(
  root: ConfElement,
  heading: readonly string[],
): Result<JudgedConf, readonly Complaint[]> {
  let judged = root;
  for (let round = 0; round < roundsMax; round += 1) {
    const written = writeConf(judged, heading);
    const outcome = readClusterConf(parseXml(written.text), { file: "cluster.conf" });
    if (outcome.conf !== null) return accept({ text: written.text, root: judged });
    const wrong = outcome.complaints.filter(isError).map((complaint) => {
      return { complaint, element: written.lines.get(complaint.line) ?? judged };
    });
    const fatal = wrong.filter(({ element, complaint }) => {
      return needed.includes(element.name) && !isLesser(element, complaint);
    });
    if (fatal.length > 0)
      return refuse(
        fatal.map(({ element, complaint }) => {
          const { at } = attributeOf(element, complaint) ?? element;
          return importFault(
            at,
            `this makes ${complaint.path}: ${complaint.problem}`,
            complaint.allowed,
          );
        }),
      );
    judged = without(judged, new Map(wrong.map((one) => [one.element, one.complaint])));
  }
  return refuse([importFault(root.at, "no valid cluster.conf can be made of it")]);
}

function isError({ severity, type }: Complaint): boolean {
  return severity === "error" && type !== "agent";
}

function isLesser(element: ConfElement, complaint: Complaint): boolean {
  return attributeOf(element, complaint)?.name === "votes";
}

/** The attribute that is complained about; null: it is the element. */
function attributeOf({ attributes }: ConfElement, { path }: Complaint) {
  const name = /\/@([^/]+)$/.exec(path)?.[1];
  return attributes.find((one) => one.name === name) ?? null;
}

/** Null: the element goes as a whole, as one that exists already. */
function lostAttribute(element: ConfElement, complaint: Complaint) {
  return complaint.type === "duplicate" ? null : attributeOf(element, complaint);
}

function without(element: ConfElement, wrong: ReadonlyMap<ConfElement, Complaint>): ConfElement {
  const lost: Remark[] = [];
  const children = element.children.flatMap((child) => {
    const complaint = wrong.get(child);
    if (complaint === undefined || lostAttribute(child, complaint) !== null) {
      return [without(child, wrong)];
    }
    lost.push(...child.remarks, lostRemark(child, child.attributes, complaint));
    return [];
  });
  const complaint = wrong.get(element);
  const attribute = complaint === undefined ? null : lostAttribute(element, complaint);
  const remarks =
    attribute === null || complaint === undefined
      ? []
      : [lostRemark(element, [attribute], complaint)];
  const attributes = element.attributes.filter((one) => one !== attribute);
  return { ...element, attributes, children, remarks: [...element.remarks, ...remarks, ...lost] };
}

/** `lost`: all attributes of the element if it goes as a whole. */
function lostRemark(
  element: ConfElement,
  lost: readonly ConfAttribute[],
  { problem, allowed }: Complaint,
): Remark {
  const { name, attributes } = element;
  // The token of the ring is no secret.
  const hides = (one: string) => name !== "totem" && isSecret(one);
  const shown = lost.map((one) => `${one.name}=${hides(one.name) ? "…" : quoted(one.value)}`);
  const whole = lost === attributes ? [`<${name}>`] : [];
  const remedy = allowed === undefined ? "" : `; ${allowed}`;
  const [first] = lost;
  const at = lost === attributes || first === undefined ? element.at : first.at;
  return { at, text: `left out: ${[...whole, ...shown].join(" ")}: ${problem}${remedy}` };
}
