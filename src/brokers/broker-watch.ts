/**
 * Watches one broker: asks for its status at least twice a second over a connection that stays
 * open, and says when the broker is frozen, when its process must be looked at, and when it refuses
 * to talk.
 * Source: qpid-cpp ha/HaBroker.cpp; amqp_0_10/Connection.cpp: LinkHeartbeatTask, whose own
 * detection takes 2 to 4 heartbeat intervals.
 * WATCH1  `frozen` takes two questions in a row that a connection made for them left unanswered. An
 *     old connection can be broken while the broker is well.
 * WATCH2  The end of a connection is no death: the process is looked at, and says so or not.
 * WATCH3  A broker that carries out a promotion, or copies queues, may be slow and is not frozen.
 * WATCH4  What comes from a connection that was given up changes nothing.
 * WATCH5  When one that has never answered was frozen, the next one has more time for its first
 *     answer: whoever kills a broker that is slow to start, starts it again and again.
 *
 *   connecting ──answer──► answering ──miss──► doubted ──two misses──► frozen
 *        └──two misses──► frozen
 *   every state ──answer of a broker of a cluster──► answering
 *               ├─another answer──► misfit ──miss──► doubted
 *               ├─refused──► refusing
 *               └─connection ends──► lost ──process has ended──► gone ──it is there──► connecting
 *   lost, refusing ──two misses on a new connection──► frozen
 */
import { assertNever } from "../model/outcome.ts";
import { type Ms, ms } from "../model/time.ts";
import type { BrokerMisfit, BrokerStatus } from "./broker-status.ts";
import { heartbeatDefaultMs } from "./own-broker.ts";

/** From one question to the next; four of them within a short heartbeat. */
const probeIntervalMaxMs = ms(500);
/** A broker that refuses this node needs an operator: it is asked less often. */
const refusalRetryMs = ms(5000);
/** A broker that was restarted listens again after 50 ms. */
const firstRetryMs = ms(50);
const secondRetryMs = ms(500);
/** While nobody listens, each further try costs a little; a broker that was started is told of. */
const lastRetryMs = ms(5000);
const missesMax = 2;
/** While it copies queues, and WATCH5: half a minute without an answer. */
const missesMaxLoading = 24;

export type WatchState =
  | { readonly type: "connecting" }
  | { readonly type: "answering"; readonly status: BrokerStatus }
  /** It answers, but not as a broker of a cluster does. */
  | { readonly type: "misfit"; readonly misfit: BrokerMisfit }
  /** A question was not answered; a new connection is tried. */
  | { readonly type: "doubted" }
  /** It must be killed before another broker is promoted, since it may wake up as primary. */
  | { readonly type: "frozen" }
  /** There is no connection; whether there is a process is not known. */
  | { readonly type: "lost"; readonly words: string }
  /** Its process has ended. */
  | { readonly type: "gone" }
  /** Authentication failed or the access control list forbids it, in the broker's own words. */
  | { readonly type: "refusing"; readonly words: string };

const watchTimers = ["probe", "answer", "connect"] as const;
export type WatchTimer = (typeof watchTimers)[number];

export type WatchInput =
  /** The broker may have been started: it is tried at once. */
  | { readonly type: "start" }
  | { readonly type: "connected"; readonly connection: number }
  /** The connection was not made, or has ended. */
  | { readonly type: "disconnected"; readonly connection: number; readonly words: string }
  | { readonly type: "refused"; readonly connection: number; readonly words: string }
  | { readonly type: "status"; readonly connection: number; readonly status: BrokerStatus }
  | { readonly type: "misfit"; readonly connection: number; readonly misfit: BrokerMisfit }
  /** What the look at the process has shown. */
  | { readonly type: "process"; readonly alive: boolean }
  | { readonly type: "promote"; readonly pending: boolean }
  /** From now on it has so long for an answer. */
  | { readonly type: "heartbeat"; readonly heartbeatMs: Ms }
  | { readonly type: "timer"; readonly timer: WatchTimer }
  /** It is not asked any more, and nothing is known of it afterwards. */
  | { readonly type: "stop" };

export type WatchOutput =
  | { readonly type: "connect"; readonly connection: number }
  | { readonly type: "ask"; readonly connection: number }
  | { readonly type: "close"; readonly connection: number }
  | { readonly type: "arm"; readonly timer: WatchTimer; readonly afterMs: Ms }
  | { readonly type: "disarm"; readonly timer: WatchTimer }
  /** Is its process alive? Where the broker runs on another node, that node must say so. */
  | { readonly type: "check-process" }
  | { readonly type: "state"; readonly state: WatchState };

export class BrokerWatch {
  #state: WatchState = { type: "connecting" };
  #heartbeatMs = heartbeatDefaultMs;
  #connections = 0;
  /** The connection in use; all others were given up. */
  #connection: number | null = null;
  #open = false;
  /** Nothing was answered on it yet. */
  #fresh = true;
  #unanswered = 0;
  /** On this connection. */
  #misses = 0;
  /** On all connections since the last answer. */
  #silence = 0;
  #lastStatus: BrokerStatus | null = null;
  /** Its process has answered. */
  #heard = false;
  /** WATCH5: of those that have never answered, the last one was frozen. */
  #slowToStart = false;
  #promoting = false;
  #checking = false;
  /** Until the next try after one that fails now. */
  #retryMs = firstRetryMs;
  #outputs: WatchOutput[] = [];

  /** What is to be done, in order. */
  step(input: WatchInput): readonly WatchOutput[] {
    this.#outputs = [];
    // WATCH4
    if (!("connection" in input) || input.connection === this.#connection) this.#on(input);
    return this.#outputs;
  }

  snapshot(): WatchState {
    return this.#state;
  }

  #on(input: WatchInput): void {
    switch (input.type) {
      case "start":
        this.#retryMs = firstRetryMs;
        this.#connect();
        return;
      case "connected":
        this.#open = true;
        this.#probe();
        return;
      case "disconnected":
        this.#onDisconnected(input.words);
        return;
      case "refused":
        this.#onRefused(input.words);
        return;
      case "status":
        this.#onAnswer({ type: "answering", status: input.status });
        return;
      case "misfit":
        this.#onAnswer({ type: "misfit", misfit: input.misfit });
        return;
      case "process":
        this.#onProcess(input.alive);
        return;
      case "promote":
        this.#promoting = input.pending;
        this.#silence = 0;
        return;
      case "heartbeat":
        this.#heartbeatMs = input.heartbeatMs;
        return;
      case "timer":
        this.#onTimer(input.timer);
        return;
      case "stop":
        this.#giveUp();
        this.#state = { type: "connecting" };
        this.#silence = 0;
        this.#lastStatus = null;
        this.#heard = false;
        this.#checking = false;
        return;
      default:
        assertNever(input);
    }
  }

  get #intervalMs(): Ms {
    return ms(Math.min(probeIntervalMaxMs, this.#heartbeatMs / 4));
  }

  #onTimer(timer: WatchTimer): void {
    switch (timer) {
      case "probe":
        this.#probe();
        return;
      case "answer":
        this.#onMiss();
        return;
      case "connect":
        this.#connect();
        return;
      default:
        assertNever(timer);
    }
  }

  #probe(): void {
    if (!this.#open || this.#connection === null) return;
    this.#arm("probe", this.#intervalMs);
    // One question at a time; on a fresh connection a second one follows it, answered or not.
    if (this.#unanswered >= (this.#fresh ? missesMax : 1)) return;
    this.#unanswered += 1;
    this.#outputs.push({ type: "ask", connection: this.#connection });
    // On a fresh connection the time runs from its beginning: not to open is no answer either.
    if (!this.#fresh) this.#arm("answer", this.#heartbeatMs);
  }

  #onAnswer(state: WatchState): void {
    // An answer proves that the connection is open, whatever was said of it.
    if (!this.#open) this.#arm("probe", this.#intervalMs);
    this.#open = true;
    this.#unanswered = 0;
    this.#misses = 0;
    this.#silence = 0;
    this.#fresh = false;
    this.#heard = true;
    this.#slowToStart = false;
    this.#lastStatus = state.type === "answering" ? state.status : null;
    this.#disarm("answer");
    this.#enter(state);
  }

  /** The time of the oldest question has passed. */
  #onMiss(): void {
    if (!this.#fresh) {
      this.#enter({ type: "doubted" });
      this.#connect();
      return;
    }
    this.#misses += 1;
    this.#silence += 1;
    if (this.#misses < missesMax) {
      // The second question was asked that much after the first one.
      this.#arm("answer", this.#intervalMs);
      return;
    }
    // A process that has ended cannot be frozen; its node may be unreachable.
    const ended = this.#state.type === "gone";
    if (!ended && this.#silence >= this.#silenceMax()) {
      if (!this.#heard) this.#slowToStart = true;
      this.#enter({ type: "frozen" });
    }
    this.#connect();
  }

  /** WATCH3, WATCH5 */
  #silenceMax(): number {
    if (this.#promoting) return Number.POSITIVE_INFINITY;
    const starts = !this.#heard && this.#slowToStart;
    return starts || this.#lastStatus?.state === "catchup" ? missesMaxLoading : missesMax;
  }

  #onDisconnected(words: string): void {
    this.#giveUp();
    const tried = this.#state.type === "lost" || this.#state.type === "gone";
    if (!tried) this.#retryMs = firstRetryMs;
    if (this.#state.type !== "gone") {
      this.#enter({ type: "lost", words });
      if (!this.#checking) this.#outputs.push({ type: "check-process" });
      this.#checking = true;
    }
    this.#arm("connect", this.#retryMs);
    const next = this.#retryMs < secondRetryMs ? secondRetryMs : 2 * this.#retryMs;
    this.#retryMs = ms(Math.min(next, lastRetryMs));
  }

  #onRefused(words: string): void {
    this.#giveUp();
    this.#enter({ type: "refusing", words });
    this.#arm("connect", refusalRetryMs);
  }

  /** WATCH2: an answer counts more than a look, which may be of an earlier process. */
  #onProcess(alive: boolean): void {
    this.#checking = false;
    const answers = this.#state.type === "answering" || this.#state.type === "misfit";
    if (!alive && !answers) {
      this.#heard = false;
      this.#enter({ type: "gone" });
    }
    if (alive && this.#state.type === "gone") this.#enter({ type: "connecting" });
  }

  #connect(): void {
    this.#giveUp();
    this.#connections += 1;
    this.#connection = this.#connections;
    this.#outputs.push({ type: "connect", connection: this.#connection });
    this.#arm("answer", this.#heartbeatMs);
  }

  #giveUp(): void {
    if (this.#connection !== null) {
      this.#outputs.push({ type: "close", connection: this.#connection });
    }
    this.#connection = null;
    this.#open = false;
    this.#fresh = true;
    this.#unanswered = 0;
    this.#misses = 0;
    for (const timer of watchTimers) this.#disarm(timer);
  }

  /** A status is told each time, since it may have changed in every part. */
  #enter(state: WatchState): void {
    const again = state.type === this.#state.type && state.type !== "answering";
    this.#state = state;
    if (!again) this.#outputs.push({ type: "state", state });
  }

  #arm(timer: WatchTimer, afterMs: Ms): void {
    this.#outputs.push({ type: "arm", timer, afterMs });
  }

  #disarm(timer: WatchTimer): void {
    this.#outputs.push({ type: "disarm", timer });
  }
}
