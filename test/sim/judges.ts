/**
 * Judges of a simulated cluster. They look at the machines from outside, after every step, and
 * share no code with the core.
 */
import type { Cluster } from "./cluster.ts";
import { virtualAddress } from "./sample-conf.ts";

export class Violation extends Error {
  override readonly name = "Violation";
}

/** One owner, one address, and brokers only where they belong. */
export function judgeOwners(cluster: Cluster): void {
  const primaries = cluster.runningOn("qpidd-primary-service");
  if (primaries.length > 1) throw new Violation(`two primaries: nodes ${primaries.join(", ")}`);
  const holders = cluster.holders(virtualAddress);
  if (holders.length > 1) throw new Violation(`address twice: nodes ${holders.join(", ")}`);
  for (const node of cluster.nodes) {
    const astray = cluster.runningOn(`node${node}-qpidd-service`).filter((one) => one !== node);
    if (astray.length > 0) throw new Violation(`broker of node${node} on ${astray.join(", ")}`);
  }
}
