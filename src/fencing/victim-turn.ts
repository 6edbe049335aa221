/**
 * When the member that acts on a victim does the next thing about it: runs agents, or counts it as
 * off.
 * Source: fenced(8): post_join_delay, post_fail_delay.
 * Tested in: test/fencing/fence-domain.test.ts
 */
import { type Ms, ms } from "../model/time.ts";
import type { FenceCapability } from "./fence-capability.ts";
import type { Victim } from "./fence-messages.ts";
import type { SafeWaits } from "./safe-waits.ts";
import type { VictimRegister } from "./victim-register.ts";

export type VictimTurn = {
  /** Null: nothing is done until something changes. */
  readonly afterMs: Ms | null;
  readonly notice: readonly ["notice" | "err", string] | null;
};

type Known = {
  readonly register: VictimRegister;
  readonly capability: FenceCapability;
  readonly waits: SafeWaits;
  /** Null: for ever. */
  readonly delayMs: Ms | null;
};

export function turnOf(victim: Victim, known: Known): VictimTurn {
  const { register, capability, waits, delayMs } = known;
  const { node, byHand } = victim;
  if (byHand?.outcome === "success") return after(0);
  if (register.backElsewhere(victim)) return after(waits.leftElsewhereMs(node));
  if (delayMs === null) return never;
  if (capability.hasDevices(node)) {
    // A victim that is back needs time for its clean-up before it is fenced for not being clean,
    // and one that an operator fences by hand need not be fenced twice.
    const { members } = register;
    const patient = members.includes(node) || members.includes(byHand?.by ?? node);
    return after(patient ? Math.max(delayMs, capability.fencing.agentTimeoutMs) : delayMs);
  }
  if (!capability.fencesItself(node)) {
    return { ...never, notice: ["err", `${capability.name(node)} ${capability.describe(node)}`] };
  }
  if (register.members.includes(node)) return never;
  const afterMs = Math.max(delayMs, waits.leftMs(node));
  const text = `${capability.name(node)} counts as off in ${Math.ceil(afterMs / 100) / 10} s`;
  return {
    ...after(afterMs),
    notice: ["notice", `${text}, when its lease must have ended (self-fencing)`],
  };
}

const never: VictimTurn = { afterMs: null, notice: null };

function after(delayMs: number): VictimTurn {
  return { afterMs: ms(delayMs), notice: null };
}
