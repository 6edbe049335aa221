/**
 * Placement: which node should run a service. Pure functions of domain, candidates and load.
 * Source: rgmanager fo_domain.c: node_should_start; groups.c: best_target_node.
 * Deviations: ties go to the node with fewest services, then to the lowest id; a member without
 * priority ranks after all numbered ones.
 */
import type { FailoverDomainConf } from "../../model/conf.ts";
import type { NodeId } from "../../model/ids.ts";

/** fo_domain.c: ILLEGAL 0, GOOD 1 (outside), BETTER 2 (inside), BEST 3. */
export type Score = 0 | 1 | 2 | 3;

export const scoreWords: Readonly<Record<Score, string>> = {
  0: "not allowed by its failover domain",
  1: "outside its failover domain",
  2: "in its failover domain, not preferred",
  3: "best",
};

/** The owner of a service that is started or starting, while that owner is online. */
export type CurrentOwner = NodeId | null;

/** Of a node without a priority in an ordered domain: after all numbered ones. */
export const priorityLast = 101;

/** How well `node` fits, given the online nodes. */
export function scoreNode(
  domain: FailoverDomainConf | null,
  node: NodeId,
  options: { readonly online: ReadonlySet<NodeId>; readonly current: CurrentOwner },
): Score {
  if (!options.online.has(node)) return 0;
  if (domain === null) return 3;
  const member = domain.nodes.find((entry) => entry.node === node);
  const onlineMembers = domain.nodes.filter((entry) => options.online.has(entry.node));
  if (member === undefined) {
    if (domain.restricted) return 0;
    return onlineMembers.length > 0 ? 1 : 3;
  }
  if (!domain.ordered) return nofailbackScore(domain, node, { best: true, ...options });
  const rank = (entry: { readonly priority: number | null }) => entry.priority ?? priorityLast;
  const best = Math.min(...onlineMembers.map(rank));
  return nofailbackScore(domain, node, { best: rank(member) === best, ...options });
}

function nofailbackScore(
  domain: FailoverDomainConf,
  node: NodeId,
  options: {
    readonly best: boolean;
    readonly online: ReadonlySet<NodeId>;
    readonly current: CurrentOwner;
  },
): Score {
  const { current } = options;
  if (!domain.nofailback || current === null || !options.online.has(current)) {
    return options.best ? 3 : 2;
  }
  return current === node ? 3 : 2;
}

export type Candidate = { readonly node: NodeId; readonly score: Score; readonly load: number };

/** The legal candidates, best first: by score, then fewest services, then lowest id. */
export function rankCandidates(candidates: readonly Candidate[]): readonly Candidate[] {
  return candidates
    .filter((candidate) => candidate.score > 0)
    .toSorted((a, b) => b.score - a.score || a.load - b.load || a.node - b.node);
}
