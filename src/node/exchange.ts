/**
 * The state exchange of one configuration: collects what every member says of itself.
 * Concludes nothing before all have spoken; `services/table/table-sync.ts` decides what
 * follows.
 * Tested in: test/node/guarded-starts.test.ts, test/node/quorum-orders.test.ts
 */
import type { NodeId, RingId } from "../model/ids.ts";
import { invariant } from "../model/outcome.ts";
import type { DoubtfulRing } from "../model/quorate-view.ts";
import type { ExchangeResult, Hello } from "../services/table/table-sync.ts";
import { movedMembers } from "./machines.ts";
import type { NodeInput } from "./node-events.ts";
import type { SafeWaitStart } from "./safe-wait-start.ts";

export type Configured = Extract<NodeInput, { readonly type: "configuration" }>;

export class StateExchange {
  readonly ring: RingId;
  readonly members: readonly NodeId[];
  /** The first one of its ring: the ring waits for its end. */
  readonly first: boolean;
  readonly #configured: Configured;
  readonly #hellos = new Map<NodeId, Hello>();
  readonly #signs: SafeWaitStart;
  #result: ExchangeResult | null = null;

  constructor(configured: Configured, signs: SafeWaitStart, first = true) {
    this.#signs = signs;
    invariant(configured.configuration.kind === "regular", "exchange of a transitional ring");
    this.ring = configured.configuration.ring;
    this.members = configured.configuration.members;
    this.first = first;
    this.#configured = configured;
    signs.machines.configured(configured.heardAt);
  }

  /**
   * This node may have spoken, and not heard everybody: whoever has can act in this ring. Nobody
   * can where this node has not spoken.
   */
  get open(): boolean {
    return this.#hellos.size < this.members.length;
  }

  get place(): DoubtfulRing {
    return { ring: this.ring.seq, members: this.members };
  }

  /** Everybody speaks once more in the same ring. */
  again(): StateExchange {
    return new StateExchange(this.#configured, this.#signs, false);
  }

  /** What this node's own hello says of signs of life. */
  signs(boottimeMs: number): Pick<Hello, "silent" | "watchdog" | "machine" | "machines"> {
    const silent = this.#configured.heardAt.map(({ node, atMs }) => {
      return { node, ms: this.#signs.waited(node, Math.max(0, boottimeMs - atMs)) };
    });
    const { watchdog, machines } = this.#signs;
    return { silent, watchdog, machine: machines.own, machines: this.#signs.claims(boottimeMs) };
  }

  /** All hellos in member order once the last one is in, else null. */
  collect(from: NodeId, hello: Hello): readonly Hello[] | null {
    if (this.#result !== null || hello.node !== from || !this.members.includes(from)) return null;
    this.#hellos.set(from, hello);
    this.#signs.note(hello);
    const all = this.members.flatMap((member) => this.#hellos.get(member) ?? []);
    if (all.length < this.members.length) return null;
    this.#signs.machines.note(all);
    return all;
  }

  conclude(result: ExchangeResult): void {
    this.#result = result;
  }

  get result(): ExchangeResult | null {
    return this.#result;
  }

  /** For each node, how long the accepted member that heard it last has waited since. */
  #silence(accepted: readonly NodeId[]): ReadonlyMap<NodeId, number> {
    const silence = new Map<NodeId, number>();
    for (const member of accepted) {
      for (const { node, ms: silentMs } of this.#hellos.get(member)?.silent ?? []) {
        silence.set(node, Math.min(silence.get(node) ?? Number.POSITIVE_INFINITY, silentMs));
      }
    }
    return silence;
  }

  /**
   * How long it was waited for each node, and for the machines that members had before; `anew`: no
   * history goes on.
   */
  waits(accepted: readonly NodeId[], anew: boolean) {
    const movedMs = movedMembers([...this.#hellos.values()], anew);
    return { silentMs: this.#silence(accepted), movedMs };
  }

  /**
   * The life of each accepted member from now on. One that loses its history here takes the next
   * life at this very point, so everybody can tell which one it will be.
   */
  lives(
    accepted: readonly NodeId[],
    continuing: readonly NodeId[],
  ): readonly { readonly node: NodeId; readonly life: number }[] {
    return [...this.#hellos.values()]
      .filter(({ node }) => accepted.includes(node))
      .map(({ node, life, history }) => ({
        node,
        life: history === null || continuing.includes(node) ? life : life + 1,
      }));
  }
}
