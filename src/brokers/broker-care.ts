/**
 * What a node does about its own broker: watches it while one of its services is started here,
 * kills it when it is frozen, and has its services checked when it has ended. What its services are
 * doing is told as a duty (care-events.ts).
 * Source: the Apache Qpid manual, active-passive messaging clusters; qpid-cpp etc/fedora/qpidd.in,
 * whose status has no time limit and whose stop leaves alone what does not answer as primary.
 * CARE1  A frozen broker is killed and seen to be gone before its services are checked because of
 *     it: until then it may wake up as a second primary.
 * CARE2  Nothing is killed while the duty says why not, such as an operator who has frozen the
 *     service.
 * CARE3  Each change is said once, however often the broker is asked.
 * CARE4  When the service of a primary has stopped, a broker that does not answer as a backup is
 *     killed: the script's stop leaves alone what does not answer. While it cannot be looked for,
 *     the service waits: a lack of descriptors is no verdict.
 * CARE5  A joining broker that has refused to be promoted counts as refusing while the connection
 *     on which it was seen lasts: its next process may accept, and it is better asked once too
 *     often.
 */

import { assertNever } from "../model/outcome.ts";
import type { OwnBrokerStatus } from "../model/status.ts";
import { ms } from "../model/time.ts";
import { type BrokerLine, type CareView, lineOf, sightOf, statusOf } from "./broker-reports.ts";
import type { BrokerSight } from "./broker-sight.ts";
import { isPrimaryState } from "./broker-state.ts";
import type { BrokerSystemId } from "./broker-status.ts";
import { BrokerWatch, type WatchInput, type WatchState } from "./broker-watch.ts";
import {
  type BrokerDuty,
  type CareInput,
  type CareOutput,
  type KillResult,
  nothingToDo,
} from "./care-events.ts";
import { ShortRuns } from "./short-runs.ts";

const killAgainMs = ms(1000);
/** A process that SIGKILL does not end in this time hangs in the kernel. */
const releaseMaxMs = ms(15_000);

export class BrokerCare {
  readonly #watch = new BrokerWatch();
  readonly #shortRuns = new ShortRuns();
  #duty = nothingToDo;
  /** Why it cannot be asked; null: it can, or was not tried yet. */
  #unobserved: string | null = null;
  /** It has answered since its services were checked because of its end. */
  #heard = false;
  /** They were checked because of the end of a connection. */
  #lossChecked = false;
  #killing = false;
  /** Why it must end although it answers; null: it need not. */
  #mustEnd: string | null = null;
  /** As in CareView (CARE5). */
  #refuser: BrokerSystemId | null = null;
  /** The promoting service waits for `released`. */
  #releasing = false;
  #stoppedBy: "script" | "nobody" = "script";
  /** There was nothing to kill for that, and it is asked once more. */
  #lookedAgain = false;
  /** Not everything could be looked at when it was killed last. */
  #blind = false;
  /** The last line about its state (CARE3). */
  #said = "";
  #out: CareOutput[] = [];

  step(input: CareInput): readonly CareOutput[] {
    this.#out = [];
    this.#on(input);
    this.#announce();
    return this.#out;
  }

  /** As the other nodes are told; the count of messages is not known here. */
  sight(): BrokerSight {
    return sightOf(this.#view());
  }

  snapshot(): Pick<OwnBrokerStatus, "state" | "text"> {
    return statusOf(this.#view());
  }

  #view(): CareView {
    const { observed } = this.#duty;
    const state = this.#watch.snapshot();
    const [unobserved, refuser] = [this.#unobserved, this.#refuser];
    return { observed, unobserved, state, refuser, endings: this.#shortRuns.words };
  }

  #on(input: CareInput): void {
    switch (input.type) {
      case "duty":
        this.#onDuty(input.duty);
        return;
      case "promotion-refused":
        this.#refuser = this.#joiningBroker();
        return;
      case "log":
        this.#shortRuns.writesTo(input.log);
        return;
      case "unobserved":
        this.#refuser = null;
        this.#unobserved = input.why;
        this.#step({ type: "disconnected", connection: input.connection, words: input.why });
        return;
      case "killed":
        this.#onKilled(input);
        return;
      case "timer":
        if (input.timer === "kill-again") this.#killIfDue();
        else if (input.timer === "release") this.#onReleaseOverdue();
        else this.#step({ type: "timer", timer: input.timer });
        return;
      case "primary-stopped":
        this.#onPrimaryStopped(input.by);
        return;
      case "must-end":
        this.#requireEnd(input.why);
        return;
      case "process":
        this.#step(input);
        this.#onLooked(input.alive);
        return;
      case "connected":
      case "disconnected":
      case "refused":
        this.#refuser = null;
        this.#unobserved = null;
        this.#step(input);
        return;
      case "status":
      case "misfit":
        if (input.type === "status") this.#shortRuns.answers(input.status.state);
        this.#heard = true;
        this.#lossChecked = false;
        this.#step(input);
        return;
      default:
        assertNever(input);
    }
  }

  /** Null: the broker does not answer, or not as one that is joining. */
  #joiningBroker(): BrokerSystemId | null {
    const state = this.#watch.snapshot();
    if (state.type !== "answering" || state.status.state !== "joining") return null;
    return state.status.systemId;
  }

  #onDuty(duty: BrokerDuty): void {
    const before = this.#duty;
    this.#duty = duty;
    this.#step({ type: "heartbeat", heartbeatMs: duty.heartbeatMs });
    if (this.#shortRuns.runs(duty.running)) {
      this.#say("warning", `the broker has ended: ${this.#shortRuns.words}`);
    }
    if (!duty.observed) {
      if (before.observed) this.#end();
      return;
    }
    if (before.promoting !== duty.promoting) {
      this.#step({ type: "promote", pending: duty.promoting });
    }
    const { type } = this.#watch.snapshot();
    // Something of its services has changed, so it may listen now.
    if (!before.observed || type === "lost" || type === "gone") this.#step({ type: "start" });
    this.#killIfDue();
  }

  #end(): void {
    this.#step({ type: "promote", pending: false });
    this.#step({ type: "stop" });
    this.#out.push({ type: "disarm", timer: "kill-again" });
    this.#release(null);
    this.#mustEnd = null;
    this.#refuser = null;
    this.#unobserved = null;
    this.#heard = false;
    this.#said = "";
  }

  #step(input: WatchInput): void {
    for (const output of this.#watch.step(input)) {
      if (output.type === "state") {
        this.#killIfDue();
        this.#judgeRelease(output.state);
      } else if (output.type === "check-process") this.#look();
      else this.#out.push(output);
    }
  }

  /** A broker that nobody could ask is not looked for, either. */
  #look(): void {
    if (this.#unobserved === null) {
      this.#out.push({ type: "check-process", processes: this.#duty.processes });
    } else this.#step({ type: "process", alive: true });
  }

  /** A connection has ended: its services know what that means. */
  #onLooked(alive: boolean): void {
    if (alive && this.#releasing && this.#watch.snapshot().type === "lost") {
      this.#requireEnd("whether it is still primary cannot be asked any more");
    }
    if (!this.#heard || this.#watch.snapshot().type === "answering") return;
    if (alive && this.#lossChecked) return;
    this.#lossChecked = true;
    this.#check(alive ? "the connection to the broker has ended" : "the broker has ended");
    // Where its process is still there, its end is told, too.
    this.#heard = alive;
  }

  #check(why: string): void {
    this.#out.push({ type: "check", services: this.#duty.services, why });
  }

  #killIfDue(): void {
    const { observed, held } = this.#duty;
    // A node that takes no part stops its services all the same.
    const restraint = this.#releasing ? held : this.#duty.restraint;
    // The stop of the promoting service has ended, and what is left of it may be the broker.
    const processes = this.#releasing ? this.#duty.marks : this.#duty.processes;
    const due = this.#mustEnd !== null || this.#watch.snapshot().type === "frozen";
    if (!observed || this.#killing || !due) return;
    // Scripts that are under way must not be killed, and may end it themselves.
    if (processes.length === 0 && !this.#releasing) return;
    if (restraint !== null) {
      // CARE2
      this.#release(`the broker is not killed: ${restraint}`);
      return;
    }
    this.#announce();
    this.#killing = true;
    // The end of its connection comes before the kill is seen to be complete (CARE1).
    this.#heard = false;
    this.#out.push({ type: "kill", processes });
  }

  /** CARE1 */
  #onKilled({ ended, left, unseen }: KillResult): void {
    this.#killing = false;
    this.#blind = unseen.length > 0;
    const frozen = this.#mustEnd === null;
    const broker = frozen ? "the frozen broker" : "the broker that must end";
    if (left.length + unseen.length > 0) {
      const rest = [...left.map((one) => `${one} survives SIGKILL`), ...unseen].join(", ");
      this.#say("err", `${broker} is not gone yet, trying again: ${rest}`);
      this.#out.push({ type: "arm", timer: "kill-again", afterMs: killAgainMs });
      return;
    }
    const none = "it has no process that a service of this node has marked";
    this.#mustEnd = null;
    if (ended.length === 0 && this.#releasing && !this.#lookedAgain) {
      // It may have ended by itself meanwhile.
      this.#lookedAgain = true;
      if (this.#watch.snapshot().type === "gone") this.#release(null);
      else this.#step({ type: "start" });
      return;
    }
    if (ended.length === 0) this.#say("warning", `${broker} is not killed: ${none}`);
    else this.#say("notice", `${broker} is killed: ${ended.join(", ")}`);
    this.#check(frozen ? "the broker was frozen" : "the broker was killed");
    if (ended.length === 0) this.#release(`the broker may still be primary: ${none}`);
    else this.#release(null);
  }

  /** CARE4 */
  #onPrimaryStopped(by: "script" | "nobody"): void {
    this.#releasing = true;
    this.#stoppedBy = by;
    this.#lookedAgain = false;
    const state = this.#watch.snapshot().type;
    // One that is being killed has not gone yet.
    const dying = this.#killing || this.#mustEnd !== null;
    const known = this.#heard || dying || state === "frozen" || state === "doubted";
    if (!this.#duty.observed || !known) {
      this.#release(null);
      return;
    }
    this.#out.push({ type: "arm", timer: "release", afterMs: releaseMaxMs });
    if (state === "frozen" || this.#mustEnd !== null) this.#killIfDue();
    else this.#step({ type: "start" });
  }

  /** What it is after the stop of the promoting service. */
  #judgeRelease(state: WatchState): void {
    if (!this.#releasing || this.#mustEnd !== null) return;
    switch (state.type) {
      case "gone":
        this.#release(null);
        return;
      case "answering":
        if (!isPrimaryState(state.status.state)) this.#release(null);
        else if (this.#stoppedBy === "nobody") this.#requireEnd("its service stops", "notice");
        else this.#requireEnd("it is still primary, although its service has run its stop");
        return;
      case "misfit":
      case "refusing":
        this.#requireEnd("whether it is still primary cannot be asked any more");
        return;
      case "connecting":
      case "doubted":
      case "lost":
      case "frozen":
        return;
      default:
        assertNever(state);
    }
  }

  #requireEnd(why: string, level: "notice" | "warning" = "warning"): void {
    if (!this.#duty.observed) return;
    if (this.#mustEnd === null) this.#say(level, `the broker must end: ${why}`);
    this.#mustEnd ??= why;
    this.#killIfDue();
  }

  #onReleaseOverdue(): void {
    if (!this.#blind) this.#release("the broker has not ended");
    else this.#out.push({ type: "arm", timer: "release", afterMs: releaseMaxMs });
  }

  #release(left: string | null): void {
    if (!this.#releasing) return;
    this.#releasing = false;
    // The stop has failed, and an operator looks: what is promoted by then must not be killed.
    if (left !== null) this.#mustEnd = null;
    this.#out.push({ type: "disarm", timer: "release" }, { type: "released", left });
  }

  /** CARE3 */
  #announce(): void {
    if (!this.#duty.observed) return;
    const spared = this.#killing ? null : this.#duty.restraint;
    const line = lineOf(this.#view(), spared);
    const neverSeen = this.#said === "" && this.#watch.snapshot().type === "gone";
    if (line === null || neverSeen || line.text === this.#said) return;
    this.#said = line.text;
    this.#say(line.level, line.text);
  }

  #say(level: BrokerLine["level"], text: string): void {
    this.#out.push({ type: "say", level, text });
  }
}
