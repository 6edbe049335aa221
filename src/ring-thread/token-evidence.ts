/**
 * Records what the tokens of the ring prove: that this node belongs to its ring, when each node was
 * heard, and how long a rotation takes. It reads the clock when a token is accepted, and passes
 * leases on.
 * Tested in: test/ring-thread/ring-driver.test.ts
 */
import { LeaseEvidence } from "../fencing/lease.ts";
import type { Clock, FrameSeal } from "../io/ports.ts";
import type { RingOutput } from "../membership/ring-events.ts";
import type { NodeId, RingId } from "../model/ids.ts";
import { type Ms, ms } from "../model/time.ts";
import { LeaseThrottle } from "./lease-throttle.ts";
import type { LeaseProof, RingNodeHeard } from "./ring-port.ts";
import { TokenMeter } from "./token-meter.ts";

type Output<Type extends RingOutput["type"]> = Extract<RingOutput, { readonly type: Type }>;

export class TokenEvidence {
  readonly #clock: Clock;
  readonly #evidence: LeaseEvidence;
  readonly #lease: LeaseThrottle;
  readonly #meter = new TokenMeter();
  #tokens = 0;
  /**
   * When the token of this step was accepted. A lease that starts then, before the token is passed
   * on, ends earlier, which is safe.
   */
  #stepBoottimeMs: Ms | null = null;
  /** Boot time. */
  readonly startedAtMs: Ms;

  constructor(clock: Clock, nodes: readonly NodeId[], post: (lease: LeaseProof) => void) {
    this.#clock = clock;
    this.startedAtMs = clock.boottimeMs();
    this.#evidence = new LeaseEvidence(nodes, this.startedAtMs);
    this.#lease = new LeaseThrottle(clock, post);
  }

  /** The ring is about to take an input. */
  beginStep(): void {
    this.#stepBoottimeMs = null;
  }

  accepted(token: Output<"token-accepted">): void {
    this.#tokens += 1;
    if (token.operational) this.#meter.accepted(token.ring, this.#clock.monotonicMs());
    const nowMs = this.#clock.boottimeMs();
    this.#stepBoottimeMs = nowMs;
    const lease = this.#evidence.tokenAccepted({ ...token, nowMs });
    if (lease !== null) this.#lease.offer(lease, nowMs);
  }

  passed({ ring, operational }: Output<"token-passed">): void {
    if (!operational) return;
    this.#evidence.tokenPassed(ring, this.#stepBoottimeMs ?? this.#clock.boottimeMs());
  }

  /**
   * When every node was heard, ascending; the layers above are about to be told of `ring`. The seal
   * says when other lives were heard.
   */
  heardAt(ring: RingId, seal: Pick<FrameSeal, "formerLivesHeard">): readonly RingNodeHeard[] {
    const former = seal.formerLivesHeard();
    const sinceBootMs = this.#clock.boottimeMs() - this.#clock.monotonicMs();
    return this.#evidence.heardAt(ring).map((heard) => {
      const atMs = former.get(heard.node);
      return { ...heard, formerMs: atMs === undefined ? null : ms(atMs + sinceBootMs) };
    });
  }

  /** Tokens accepted so far. */
  get tokens(): number {
    return this.#tokens;
  }

  rotation(): ReturnType<TokenMeter["record"]> {
    return this.#meter.record();
  }

  /** Passes on a lease that is held back, since an output follows that must not overtake it. */
  release(): void {
    this.#lease.release();
  }

  stop(): void {
    this.#lease.stop();
  }
}
