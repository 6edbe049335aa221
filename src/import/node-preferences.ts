/**
 * The preferences of a service's resources for nodes → its failover domain.
 * Source: Pacemaker Explained 2.1, "Deciding Which Nodes a Resource Can Run On"; rgmanager(8).
 * Tested in: test/import/node-preferences.test.ts
 */
import { type ConfElement, confAttribute, confElement } from "./conf-element.ts";
import { infinity } from "./pacemaker-conf.ts";
import type { Place } from "./remark.ts";

export type NodeWish = {
  /** Score of each node that a preference names. */
  readonly scores: ReadonlyMap<string, number>;
  readonly nodes: readonly string[];
  /** Whether nodes without a score may run it. */
  readonly optOut: boolean;
  readonly stickiness: number;
};

export type DomainPlan =
  | { readonly type: "any-node" }
  | { readonly type: "no-node" }
  | {
      readonly type: "domain";
      readonly restricted: boolean;
      readonly nofailback: boolean;
      /** The most preferred first; nodes of one rank are equal. */
      readonly ranks: readonly (readonly string[])[];
    };

/** Scores of one node add up; what is forbidden once stays forbidden. */
export function addScores(a: number, b: number): number {
  if (a <= -infinity || b <= -infinity) return -infinity;
  return Math.min(infinity, a + b);
}

export function planDomain({ scores, nodes, optOut, stickiness }: NodeWish): DomainPlan {
  const scoreOf = (node: string) => scores.get(node) ?? (optOut ? 0 : -infinity);
  const allowed = nodes.filter((node) => scoreOf(node) > -infinity);
  if (allowed.length === 0) return { type: "no-node" };
  const restricted = allowed.length < nodes.length;
  const disliked = allowed.some((node) => scoreOf(node) < 0);
  // Nodes that no preference names need no entry: they come last in a domain that is open.
  const listed = restricted || disliked ? allowed : allowed.filter((node) => scoreOf(node) !== 0);
  if (listed.length === 0) return { type: "any-node" };
  const isEqual = listed.every((node) => scoreOf(node) === scoreOf(listed[0] ?? ""));
  if (!restricted && isEqual && listed.length === nodes.length) return { type: "any-node" };
  const levels = [...new Set(listed.map(scoreOf))].toSorted((a, b) => b - a);
  const ranks = levels.map((level) => listed.filter((node) => scoreOf(node) === level));
  const [best = 0] = levels;
  const worst = listed.length < allowed.length ? 0 : (levels.at(-1) ?? 0);
  const nofailback = best > worst && stickiness >= best - worst;
  return { type: "domain", restricted, nofailback, ranks };
}

export function domainElement(
  name: string,
  plan: DomainPlan & { readonly type: "domain" },
  at: Place,
): ConfElement {
  const { ranks, restricted, nofailback } = plan;
  const isOrdered = ranks.length > 1;
  const attributes = [
    confAttribute("name", name, at),
    ...(isOrdered ? [confAttribute("ordered", "1", at)] : []),
    ...(restricted ? [confAttribute("restricted", "1", at)] : []),
    ...(nofailback ? [confAttribute("nofailback", "1", at)] : []),
  ];
  const children = ranks.flatMap((rank, index) =>
    rank.map((node) => {
      const own = confAttribute("name", node, at);
      const priority = isOrdered ? [confAttribute("priority", `${index + 1}`, at)] : [];
      return confElement("failoverdomainnode", at, { attributes: [own, ...priority] });
    }),
  );
  return confElement("failoverdomain", at, { attributes, children });
}
