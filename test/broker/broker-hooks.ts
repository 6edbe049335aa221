/**
 * What a test has ordered a stand-in broker to do otherwise than by itself: the state behind the
 * control socket. Without orders everything is as without hooks.
 */
import { LinkCuts } from "./link-cuts.ts";

/** Where the process dies by itself, as by a kill: once. */
export const exitPoints = ["promote-received", "promoted", "promote-answered"] as const;
export type ExitPoint = (typeof exitPoints)[number];

export type PromoteHook =
  | { readonly type: "normal" }
  | { readonly type: "refuse"; readonly text: string }
  /** Waits, and takes effect later, even when the caller has gone. */
  | { readonly type: "hold" };

export type AnswerHook =
  | { readonly type: "normal" }
  | { readonly type: "delay"; readonly ms: number }
  /** Kept back until answers are normal again. */
  | { readonly type: "hold" }
  | { readonly type: "drop" };

export class BrokerHooks {
  readonly cuts = new LinkCuts();
  exitAt: ExitPoint | null = null;
  #promote: PromoteHook = { type: "normal" };
  #answers: AnswerHook = { type: "normal" };
  readonly #heldPromotions: (() => void)[] = [];
  readonly #heldAnswers: (() => void)[] = [];
  #catchupRate: number | null;
  #onCatchupRate: () => void = () => {};
  #linkPaused = false;
  #onLinkPaused: (paused: boolean) => void = () => {};

  constructor(catchupRate: number | null) {
    this.#catchupRate = catchupRate;
  }

  /** Messages per second that a backup copies while catching up; null: no limit; 0: none. */
  get catchupRate(): number | null {
    return this.#catchupRate;
  }

  set catchupRate(rate: number | null) {
    this.#catchupRate = rate;
    this.#onCatchupRate();
  }

  whenCatchupChanges(act: () => void): void {
    this.#onCatchupRate = act;
  }

  get promote(): PromoteHook {
    return this.#promote;
  }

  set promote(hook: PromoteHook) {
    this.#promote = hook;
    if (hook.type !== "hold") for (const go of this.#heldPromotions.splice(0)) go();
  }

  set answers(hook: AnswerHook) {
    this.#answers = hook;
    if (hook.type === "normal") for (const send of this.#heldAnswers.splice(0)) send();
  }

  /** Whether the link to the primary stands still in both directions, and no other is tried. */
  get linkPaused(): boolean {
    return this.#linkPaused;
  }

  set linkPaused(paused: boolean) {
    this.#linkPaused = paused;
    this.#onLinkPaused(paused);
  }

  whenLinkPaused(act: (paused: boolean) => void): void {
    this.#onLinkPaused = act;
  }

  /** Resolves when held promotions are let go. */
  promotionGoes(): Promise<void> {
    return new Promise((resolve) => this.#heldPromotions.push(resolve));
  }

  /** Sends an answer of management, or does not. */
  answer(send: () => void): void {
    switch (this.#answers.type) {
      case "normal":
        send();
        return;
      case "delay":
        setTimeout(send, this.#answers.ms);
        return;
      case "hold":
        this.#heldAnswers.push(send);
        return;
      case "drop":
        return;
    }
  }

  /** Dies here if that was ordered: no last words, no files cleaned up. */
  pass(point: ExitPoint): void {
    if (this.exitAt === point) process.kill(process.pid, "SIGKILL");
  }
}
