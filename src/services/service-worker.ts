/**
 * The work on one service on this node: one job at a time, each a walk over its resource tree.
 * Yields orders through the owner; knows nothing of the table or of other services' jobs.
 * Source: rgmanager restree.c: _res_op, _res_op_internal; rg_thread.c (one worker per service).
 */
import type { AgentCall, AgentOrder, AgentReport, AgentVerdict } from "../model/agent-orders.ts";
import type { ResourceConf, ServiceConf } from "../model/conf.ts";
import { type Ms, ms } from "../model/time.ts";
import { dropAddress } from "../vip/ip-agent.ts";
import { type AgentAction, type CallPlace, callAgent } from "./agent-calls.ts";
import { heldAddress, outlivesProcesses } from "./held-things.ts";
import { startOrder, stopOrder } from "./resource-tree.ts";
import { CheckClock, effectiveChecks, enforcedLimitMs, FailureMemory } from "./status-checks.ts";

type PlaceOf = (resource: ResourceConf) => Omit<CallPlace, "depth" | "limitMs">;

/** Time a stop script gets during the clean-up before a start; then its processes are killed. */
const cleanupStopMs = ms(30_000);
const killAgainMs = ms(500);

export class ServiceWorker {
  readonly conf: ServiceConf;
  readonly #place: PlaceOf;
  readonly #started = new Set<ResourceConf>();
  #clocks: ReadonlyMap<ResourceConf, CheckClock> = new Map();
  #failures: ReadonlyMap<ResourceConf, FailureMemory> = new Map();

  constructor(conf: ServiceConf, place: PlaceOf) {
    this.conf = conf;
    this.#place = place;
  }

  /** Whether this occurrence of a resource is running here, as far as the agents said. */
  runs(type: string, key: string): boolean {
    return [...this.#started].some((one) => one.type === type && one.key === key);
  }

  /** Starts the tree; the first failure ends it. */
  *start(): AgentCall {
    for (const resource of startOrder(this.conf.tree)) {
      const verdict = yield* this.#call(resource, "start", { depth: 0, limitMs: null });
      if (verdict.code !== 0) {
        if (verdict.code !== 5) this.#started.add(resource);
        return verdict;
      }
      this.#started.add(resource);
    }
    return { code: 0, text: "" };
  }

  /** Stops the tree; never cut short by a failure. */
  *stop(limitMs: Ms | null = null): AgentCall {
    const problems: string[] = [];
    for (const resource of stopOrder(this.conf.tree)) {
      const verdict = yield* this.#call(resource, "stop", { depth: 0, limitMs });
      // Exit 5 of something that never ran: there is nothing to stop.
      const clean = verdict.code === 0 || (verdict.code === 5 && !this.#started.has(resource));
      if (clean) this.#started.delete(resource);
      else problems.push(verdict.text);
    }
    return { code: problems.length === 0 ? 0 : 1, text: problems.join("; ") };
  }

  /** Forgets earlier checks and failures: the first one is due an interval after the start. */
  beginChecks(nowMs: number, statusPollIntervalMs: Ms | null): void {
    this.#failures = new Map(
      startOrder(this.conf.tree).map((resource) => [resource, new FailureMemory(resource)]),
    );
    this.#clocks = new Map(
      startOrder(this.conf.tree).map((resource) => [
        resource,
        new CheckClock(effectiveChecks(resource, statusPollIntervalMs), nowMs),
      ]),
    );
  }

  endChecks(): void {
    this.#clocks = new Map();
  }

  /** The checks that are due now in start order, or null when there is none. */
  check(nowMs: number, which: "due" | "all"): AgentCall | null {
    const due = [...this.#clocks].flatMap(([resource, clock]) => {
      const depth = which === "all" ? 0 : clock.due(nowMs);
      if (depth === null) return [];
      clock.begin(depth, nowMs);
      return [{ resource, depth }];
    });
    return due.length === 0 ? null : this.#checkAll(due, nowMs);
  }

  *#checkAll(
    due: readonly { readonly resource: ResourceConf; readonly depth: number }[],
    nowMs: number,
  ): AgentCall {
    const tolerated: string[] = [];
    for (const { resource, depth } of due) {
      const verdict = yield* this.#call(resource, "status", { depth, limitMs: null });
      if (verdict.code === 0) continue;
      if (this.#failures.get(resource)?.tolerates(nowMs) === true) {
        tolerated.push(verdict.text);
        continue;
      }
      const recovered = yield* this.#recover(resource);
      if (!recovered) return verdict;
      tolerated.push(`${verdict.text}; recovered by its agent`);
    }
    return { code: 0, text: tolerated.join("; ") };
  }

  /** Where the agent can repair what its check has found; false: it cannot, or it did not. */
  *#recover(resource: ResourceConf): Generator<AgentOrder, boolean, AgentReport> {
    const able = resource.agent?.actions.some(({ name }) => name === "recover") === true;
    if (!able) return false;
    const verdict = yield* this.#call(resource, "recover", { depth: 0, limitMs: null });
    return verdict.code === 0;
  }

  /** A stop after one that failed: what the agents leave is killed; still a failure to report. */
  *stopAgain(): AgentCall {
    const verdict = yield* this.stop();
    if (verdict.code === 0) return verdict;
    yield* this.kill();
    return { code: verdict.code, text: `${verdict.text}; what was left has been killed` };
  }

  /** Stops by agents, then by force, until nothing of the service is left. */
  *cleanUp(): AgentCall {
    yield* this.stop(cleanupStopMs);
    return yield* this.kill();
  }

  /** No scripts: addresses off, every process killed, again until it is verified. */
  *kill(): AgentCall {
    for (;;) {
      const verdict = yield* this.#killOnce();
      if (verdict.code === 0) {
        this.#started.clear();
        return { code: 0, text: verdict.text };
      }
      yield { type: "pause", pauseMs: killAgainMs };
    }
  }

  *#killOnce(): AgentCall {
    const problems: string[] = [];
    for (const resource of stopOrder(this.conf.tree)) {
      const ip = heldAddress(resource);
      if (ip === null) continue;
      const dropped: AgentVerdict = yield* dropAddress(ip);
      if (dropped.code !== 0) problems.push(dropped.text);
    }
    const report = yield { type: "kill-processes", service: this.conf.name };
    if (report.type !== "killed") problems.push("processes cannot be listed");
    else if (report.survivors > 0) problems.push(`${report.survivors} processes survive SIGKILL`);
    problems.push(...(yield* this.#release()));
    return { code: problems.length === 0 ? 0 : 1, text: problems.join("; ") };
  }

  /** What only agents can release, such as a mounted file system, is not off until they say so. */
  *#release(): Generator<AgentOrder, readonly string[], AgentReport> {
    const problems: string[] = [];
    for (const resource of stopOrder(this.conf.tree).filter(outlivesProcesses)) {
      const limits = { depth: 0, limitMs: cleanupStopMs };
      const { code, text } = yield* this.#call(resource, "stop", limits);
      if (code !== 0 && code !== 5) problems.push(text);
    }
    return problems;
  }

  #call(
    resource: ResourceConf,
    action: AgentAction,
    limits: { readonly depth: number; readonly limitMs: Ms | null },
  ): AgentCall {
    const limitMs = limits.limitMs ?? enforcedLimitMs(resource, action, limits.depth);
    return callAgent(resource, action, { ...this.#place(resource), ...limits, limitMs });
  }
}
