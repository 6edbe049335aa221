/**
 * One round of fencing against one victim: it goes through the fence plan, one step at a time. It
 * says what is to be run, and is told the verdict.
 * Tested in: test/fencing/fence-plan.test.ts
 */
import type { FenceDeviceUse, FenceMethodConf, NodeConf } from "../model/conf.ts";
import type { NodeName } from "../model/ids.ts";
import { invariant } from "../model/outcome.ts";
import { type FenceProgress, firstStep, nextStep } from "./fence-plan.ts";

export type FenceOrder =
  | { readonly type: "self" }
  | {
      readonly type: "agent";
      readonly victim: NodeName;
      readonly method: string;
      readonly use: FenceDeviceUse;
      readonly action: "off" | "on" | null;
      /** The victim is off already: if the agent fails it only stays off. */
      readonly optional: boolean;
    };

export class FenceRound {
  readonly #victim: NodeName;
  readonly #methods: readonly FenceMethodConf[];
  #progress: FenceProgress;

  /** `selfLast`: the conf asks for self-fencing; it follows the methods of the victim. */
  constructor(conf: NodeConf, options: { readonly selfLast: boolean }) {
    const selfMethod: FenceMethodConf = {
      name: "self",
      devices: [{ device: "self", agent: "self", parameters: [] }],
    };
    this.#victim = conf.name;
    this.#methods = options.selfLast ? [...conf.fenceMethods, selfMethod] : conf.fenceMethods;
    this.#progress = firstStep(this.#methods);
  }

  /** What is to be done now. */
  order(): FenceOrder {
    invariant(this.#progress.type === "step", "fence round has ended");
    const { step, at } = this.#progress;
    if (step.type === "self") return { type: "self" };
    const method = this.#methods[at.method]?.name ?? "";
    return { ...step, victim: this.#victim, method };
  }

  next(verdict: "success" | "failure"): FenceProgress {
    invariant(this.#progress.type === "step", "fence round has ended");
    this.#progress = nextStep(this.#methods, this.#progress.at, verdict);
    return this.#progress;
  }
}
