/**
 * The work on one service on this node: one job at a time, each a walk over its resource tree.
 * Yields orders to its caller; knows nothing of the table or of other services' jobs.
 * Source: rgmanager restree.c: _res_op, _res_op_internal; rg_thread.c (one worker per service);
 * rg_state.c: handle_started_status, svc_convalesce.
 * Deviations: when a part cannot be restarted in place, the service has failed at once, and a
 * non-critical part is left out; a check goes on behind a part that has failed.
 */
import type { AgentCall, AgentOrder, AgentReport } from "../../model/agent-orders.ts";
import type { ResourceConf, ServiceConf } from "../../model/conf.ts";
import { type Ms, ms } from "../../model/time.ts";
import { callAgent } from "../agents/agent-calls.ts";
import { resourceMark } from "../agents/agent-marks.ts";
import type { AgentAction, CallContext, WorkerContext } from "../agents/call-context.ts";
import {
  addFailedPart,
  covers,
  type FailedPart,
  inTreeOrder,
  PartRestarts,
} from "../tree/independent-subtrees.ts";
import { startOrder, stopOrder } from "../tree/resource-tree.ts";
import {
  CheckClock,
  cleanUpLimitMs,
  effectiveChecks,
  endedLimitMs,
  enforcedLimitMs,
  FailureMemory,
} from "../tree/status-checks.ts";
import { compareTrees } from "../tree/tree-delta.ts";
import type { CheckCause } from "./check-queue.ts";
import { doesWork, saysNotRunning } from "./declined-starts.ts";
import { hasProcesses, isDoubtful, proveStopped, type StopVerdict } from "./leftovers.ts";
import { killUntilGone } from "./service-kill.ts";
import { StartTimes } from "./start-times.ts";
import { type RunningResources, StartedResources } from "./started-resources.ts";

export type CheckTimes = { readonly nowMs: number; readonly statusPollIntervalMs: Ms | null };

type Limits = Pick<CallContext, "depth" | "limitMs">;

export class ServiceWorker {
  #conf: ServiceConf;
  readonly #context: WorkerContext;
  readonly #started: StartedResources;
  /** What was known of the other nodes when the last operation was decided. */
  decidedBy: Pick<CallContext, "nodesOff" | "unproven"> = { nodesOff: [], unproven: true };
  /** When each started resource was checked last, in start order. */
  #clocks = new Map<ResourceConf, CheckClock>();
  readonly #failures = new Map<ResourceConf, FailureMemory>();
  /** Resources that were started since `beginChecks` was called last. */
  readonly #begun = new Set<ResourceConf>();
  #restarts = new PartRestarts();
  /** The failed parts that the last check has found and that can be repaired by themselves. */
  #failedParts: readonly FailedPart[] = [];
  /** Roots of the non-critical parts that were stopped and stay so until a convalesce. */
  #leftOut = new Set<ResourceConf>();
  /** Roots of the parts that the last configuration added and that were not started yet. */
  #fresh: readonly ResourceConf[] = [];
  /** What its last start took. */
  readonly startTimes = new StartTimes();
  /** The service had processes after its start (LEFTOVER2). */
  #hadProcesses = false;

  constructor(conf: ServiceConf, context: WorkerContext, running: RunningResources) {
    this.#conf = conf;
    this.#context = context;
    this.#started = new StartedResources(running);
  }

  get conf(): ServiceConf {
    return this.#conf;
  }

  /** Resources of both trees go on running; counters and times of checks begin anew. */
  reconfigure(conf: ServiceConf, now: CheckTimes): void {
    const { kept, fresh } = compareTrees(this.#conf.tree, conf.tree);
    const moved = (from: Iterable<ResourceConf>) =>
      new Set([...from].flatMap((resource) => kept.get(resource) ?? []));
    const checked = moved(this.#clocks.keys());
    this.#conf = conf;
    this.#started.move((resource) => kept.get(resource));
    this.#leftOut = moved(this.#leftOut);
    this.#restarts = new PartRestarts();
    this.#failedParts = [];
    this.#fresh = fresh;
    this.#clocks = new Map();
    this.#failures.clear();
    this.#begun.clear();
    for (const resource of startOrder(conf.tree)) {
      if (checked.has(resource)) this.#begun.add(resource);
    }
    this.beginChecks(now.nowMs, now.statusPollIntervalMs);
  }

  /** Stops the parts that are not in the next configuration. */
  *stopGone(next: ServiceConf): AgentCall {
    const problems: string[] = [];
    const { gone } = compareTrees(this.#conf.tree, next.tree);
    for (const root of stopOrder(this.#conf.tree).filter((one) => gone.includes(one))) {
      const stopped = yield* this.#stopAll(root, null);
      if (stopped.code !== 0) problems.push(stopped.text);
      for (const one of [...this.#clocks.keys()]) if (covers(root, one)) this.#clocks.delete(one);
      for (const one of [...this.#leftOut]) if (covers(root, one)) this.#leftOut.delete(one);
    }
    return { code: problems.length === 0 ? 0 : 1, text: problems.join("; ") };
  }

  /** Starts the parts that the configuration has added. */
  *startFresh(): AgentCall {
    const roots = startOrder(this.#conf.tree).filter((one) => this.#fresh.includes(one));
    this.#fresh = [];
    for (const root of roots) {
      const started = yield* this.#startAll(root);
      if (started.code !== 0) return started;
    }
    return { code: 0, text: "" };
  }

  /** Forgets what ran here: the service is not configured any more. */
  dismiss(): void {
    this.#started.clear();
  }

  /** Whether the last check has found parts that can be repaired by themselves. */
  get wantsRepair(): boolean {
    return this.#failedParts.length > 0;
  }

  /** Whether the service goes on without some of its parts. */
  get partial(): boolean {
    return this.#leftOut.size > 0;
  }

  /** Starts the tree; the first failure ends it. */
  *start(): AgentCall {
    this.startTimes.begin(this.conf);
    const verdict = yield* this.#startAll(this.conf.tree);
    this.#hadProcesses = verdict.code === 0 && (yield* hasProcesses(this.conf));
    return verdict;
  }

  *#startAll(tree: ResourceConf): AgentCall {
    let works = false;
    for (const resource of startOrder(tree)) {
      const call = this.#call(resource, "start", { depth: 0, limitMs: null });
      const verdict = yield* this.startTimes.measure(resource, call);
      if (verdict.code !== 0) {
        const begun = verdict.code !== 5 && verdict.untried !== true;
        if (begun) this.#started.add(resource);
        return !works && saysNotRunning(verdict) ? { ...verdict, declined: true } : verdict;
      }
      works ||= doesWork(resource);
      this.#started.add(resource);
      this.#begun.add(resource);
    }
    return { code: 0, text: "" };
  }

  /** Stops all of the tree, also after a failure, and verifies that its processes have ended. */
  *stop(): AgentCall {
    this.#failedParts = [];
    const { doubtful, ...stopped } = yield* this.#stopAll(this.conf.tree, null);
    this.#leftOut.clear();
    const overruled = doubtful.length > 0 && this.#hadProcesses;
    const verdict = yield* proveStopped(this.conf, stopped, overruled);
    if (verdict.code !== 0) return verdict;
    for (const resource of doubtful) this.#started.delete(resource);
    this.#hadProcesses = false;
    return verdict;
  }

  *#stopAll(
    tree: ResourceConf,
    limitOf: ((resource: ResourceConf) => Ms) | null,
  ): Generator<AgentOrder, StopVerdict, AgentReport> {
    const problems: string[] = [];
    const doubtful: ResourceConf[] = [];
    for (const resource of stopOrder(tree)) {
      const limitMs = limitOf?.(resource) ?? null;
      const verdict = yield* this.#call(resource, "stop", { depth: 0, limitMs });
      // What was never started needs no stop: exit 5 (not installed) is then no failure, nor that
      // the machine had no room for the call.
      const nothing = verdict.code === 5 || verdict.untried === true;
      const clean = verdict.code === 0 || (nothing && !this.#started.has(resource));
      if (clean) this.#started.delete(resource);
      else problems.push(verdict.text);
      if (!clean && isDoubtful(resource, verdict)) doubtful.push(resource);
    }
    return {
      code: problems.length === 0 ? 0 : 1,
      text: problems.join("; "),
      doubtful: doubtful.length === problems.length ? doubtful : [],
    };
  }

  /** Stops the parts that failed, and starts again those that are not left out. */
  *repair(nowMs: number): AgentCall {
    const { tree } = this.conf;
    const parts = this.#failedParts;
    this.#failedParts = [];
    const warnings: string[] = [];
    for (const { root, remedy } of inTreeOrder(tree, parts, "stop")) {
      if (remedy === "restart") this.#restarts.note(root, nowMs);
      const stopped = yield* this.#stopAll(root, null);
      for (const one of this.#leftOut) if (covers(root, one)) this.#leftOut.delete(one);
      if (remedy === "leave-out") this.#leftOut.add(root);
      if (stopped.code === 0) continue;
      if (remedy === "restart") return stopped;
      warnings.push(stopped.text);
    }
    for (const { root, remedy } of inTreeOrder(tree, parts, "start")) {
      if (remedy === "leave-out") continue;
      const started = yield* this.#startAll(root);
      if (started.code === 0) continue;
      if (root.subtree?.kind !== "non-critical") return started;
      warnings.push(yield* this.#leaveOut(root, started.text));
    }
    return { code: 0, text: warnings.join("; ") };
  }

  /** Starts the parts that were left out; one that cannot be started stays left out. */
  *convalesce(): AgentCall {
    const roots = startOrder(this.conf.tree).filter((resource) => this.#leftOut.has(resource));
    const problems: string[] = [];
    for (const root of roots) {
      const started = yield* this.#startAll(root);
      if (started.code === 0) this.#leftOut.delete(root);
      else problems.push(yield* this.#leaveOut(root, started.text));
    }
    return { code: problems.length === 0 ? 0 : 1, text: problems.join("; ") };
  }

  /** Stops a non-critical part whose start has failed; returns what went wrong. */
  *#leaveOut(root: ResourceConf, why: string): Generator<AgentOrder, string, AgentReport> {
    const stopped = yield* this.#stopAll(root, null);
    this.#leftOut.add(root);
    return stopped.code === 0 ? why : `${why}; ${stopped.text}`;
  }

  /**
   * Forgets checks and failures of the resources that were started since the last call; their first
   * check is due one interval after the start.
   */
  beginChecks(nowMs: number, statusPollIntervalMs: Ms | null): void {
    for (const resource of this.#begun) {
      this.#failures.set(resource, new FailureMemory(resource));
      const checks = effectiveChecks(resource, statusPollIntervalMs);
      this.#clocks.set(resource, new CheckClock(checks, nowMs));
    }
    this.#begun.clear();
  }

  endChecks(): void {
    this.#clocks.clear();
  }

  /** The shortest interval of its checks; null: it is never checked. */
  get shortestIntervalMs(): Ms | null {
    const intervals = [...this.#clocks.values()].flatMap((clock) => clock.shortestIntervalMs ?? []);
    return intervals.length === 0 ? null : ms(Math.min(...intervals));
  }

  /** The checks to be made now in start order, or null when there is none. */
  check(nowMs: number, cause: CheckCause): AgentCall | null {
    this.#failedParts = [];
    const due = [...this.#clocks].flatMap(([resource, clock]) => {
      if ([...this.#leftOut].some((root) => covers(root, resource))) return [];
      const depth = cause === "due" ? clock.due(nowMs) : 0;
      if (depth === null) return [];
      clock.begin(depth, nowMs);
      const limitMs = cause === "ended" ? endedLimitMs(resource, depth) : null;
      return [{ resource, depth, limitMs }];
    });
    return due.length === 0 ? null : this.#checkAll(due, nowMs);
  }

  *#checkAll(
    due: readonly (Limits & { readonly resource: ResourceConf })[],
    nowMs: number,
  ): AgentCall {
    const tolerated: string[] = [];
    const failed: string[] = [];
    for (const { resource, ...limits } of due) {
      // A part that will be repaired needs no further check.
      if (this.#failedParts.some((part) => covers(part.root, resource))) continue;
      const verdict = yield* this.#call(resource, "status", limits);
      if (verdict.code === 0) continue;
      if (this.#failures.get(resource)?.tolerates(nowMs) === true) {
        tolerated.push(verdict.text);
        continue;
      }
      if (yield* this.#recover(resource)) {
        tolerated.push(`${verdict.text}; recovered by its agent`);
        continue;
      }
      const part = this.#restarts.judge(this.conf.tree, resource, nowMs);
      if (part === null) {
        this.#failedParts = [];
        return verdict;
      }
      this.#failedParts = addFailedPart(this.#failedParts, part);
      failed.push(verdict.text);
    }
    return { code: 0, text: [...failed, ...tolerated].join("; ") };
  }

  /** Has the agent repair what its check found; false: it has no such action, or it failed. */
  *#recover(resource: ResourceConf): Generator<AgentOrder, boolean, AgentReport> {
    const able = resource.agent?.actions.some(({ name }) => name === "recover") === true;
    if (!able) return false;
    const verdict = yield* this.#call(resource, "recover", { depth: 0, limitMs: null });
    return verdict.code === 0;
  }

  /** A stop after one that failed: kills what the agents leave, but still reports the failure. */
  *stopAgain(): AgentCall {
    const verdict = yield* this.stop();
    if (verdict.code === 0) return verdict;
    yield* this.kill();
    return { code: verdict.code, text: `${verdict.text}; what was left has been killed` };
  }

  /** Stops by agents, then kills, until nothing of the service is left. */
  *cleanUp(): AgentCall {
    this.#failedParts = [];
    yield* this.#stopAll(this.conf.tree, cleanUpLimitMs);
    return yield* this.kill();
  }

  /** Without scripts: removes addresses and kills processes until verified that all are gone. */
  *kill(): AgentCall {
    const verdict = yield* killUntilGone(this.conf, (resource) => {
      return this.#call(resource, "stop", { depth: 0, limitMs: cleanUpLimitMs(resource) });
    });
    this.#started.clear();
    this.#leftOut.clear();
    this.#hadProcesses = false;
    return verdict;
  }

  #call(resource: ResourceConf, action: AgentAction, limits: Limits): AgentCall {
    const limitMs = limits.limitMs ?? enforcedLimitMs(resource, action, limits.depth);
    // Retries are short where another node can start it, nothing was started, or a kill follows.
    const stops = action === "stop" && this.#started.has(resource) && limits.limitMs === null;
    const overdue = limits.limitMs === null ? "ended-here" : "left-to-caller";
    return callAgent(resource, action, {
      ...this.#context,
      depth: limits.depth,
      limitMs,
      resource: resourceMark(resource),
      otherInstances: this.#started.otherInstances(resource),
      ...this.decidedBy,
      // It is too old for a check.
      ...(action === "status" ? { nodesOff: [] } : {}),
      retry: stops || action === "status" ? "unlimited" : "short",
      overdue,
    });
  }
}
