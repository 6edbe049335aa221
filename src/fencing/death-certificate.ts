/**
 * The guard of a node has certified that an incarnation of it has ended and has left nothing: when
 * that releases a victim, and the message it becomes.
 * Source: none; corosync and fenced know only silence.
 * Tested in: test/fencing/certificates.test.ts, test/e2e/death-certificate.test.ts
 * DEATH3  It releases only the loss of the very life that was last proven clean in this history: so
 *     everything that ran on the node before, on whatever machine, had ended when that life began.
 * DEATH4  It says nothing of a node whose id more than one process uses.
 * DEATH7  It releases nothing while a member runs agents against the node: they may switch it off
 *     when it is back, so that its next life has to wait for them.
 */
import { type Incarnation, incarnationOf, type NodeId } from "../model/ids.ts";
import type { FenceMessage, FenceSnapshot } from "./fence-messages.ts";

export type DeathCertificate = { readonly node: NodeId; readonly incarnation: Incarnation };

/** The message to be ordered; null: the certificate releases nothing. `at`: seconds since 1970. */
export function releaseByCertificate(
  domain: FenceSnapshot,
  { node, incarnation }: DeathCertificate,
  sender: { readonly by: NodeId; readonly at: number },
): FenceMessage | null {
  const victim = domain.victims.find((one) => one.node === node);
  const proven = domain.lives.find((one) => one.node === node);
  if (victim === undefined || victim.cause !== "lost" || proven === undefined) return null;
  if (victim.by !== null) return null;
  if (incarnationOf(proven.life) !== incarnation) return null;
  if (domain.contested.some((one) => one.node === node)) return null;
  if (domain.members.includes(node)) return null;
  const text = "its guard has verified that nothing is left";
  return {
    type: "fence-done",
    victim: node,
    since: victim.since,
    how: "certificate",
    text,
    ...sender,
  };
}
