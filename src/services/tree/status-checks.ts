/**
 * Which status check of a resource is due, at which depth, and which failures are tolerated.
 * Source: rgmanager restree.c: do_status; reslist.c: _get_actions_ccs for the overrides;
 * restart_counter.c.
 * Deviations: an explicit `status_poll_interval` lowers the interval of built-in resources
 * that have no `<action>` of their own; intervals count from the beginning of a check, so that its
 * duration does not lengthen them.
 */
import { builtInChecks, type CheckRule } from "../../model/built-in-checks.ts";
import type { ResourceConf, ToleranceConf } from "../../model/conf.ts";
import { type Ms, ms } from "../../model/time.ts";

/** Timers may fire this much early by the clock that `nowMs` comes from. */
const earlyMsMax = 10;

const lowered: ReadonlySet<string> = new Set(["script", "ip", "qpidd", "qpidd-primary"]);

/**
 * The checks of a resource with the intervals that apply; an interval of 0 switches a check off.
 */
export function effectiveChecks(
  resource: ResourceConf,
  statusPollIntervalMs: Ms | null,
): readonly CheckRule[] {
  const overrides = resource.actions.filter((action) => action.name === "status");
  const known = knownChecks(resource);
  const added = overrides
    .filter((one) => one.depth !== null && !known.some((rule) => rule.depth === one.depth))
    .flatMap((one) =>
      one.depth !== null && one.intervalMs !== null && one.timeoutMs !== null
        ? [{ depth: one.depth, intervalMs: one.intervalMs }]
        : [],
    );
  const checks = [...known, ...added].map((rule) => {
    const own = overrides.findLast(
      (one) => one.intervalMs !== null && (one.depth === null || one.depth === rule.depth),
    );
    if (own?.intervalMs !== undefined && own.intervalMs !== null) {
      return { depth: rule.depth, intervalMs: own.intervalMs };
    }
    if (statusPollIntervalMs === null || !lowered.has(resource.type)) return rule;
    return { depth: rule.depth, intervalMs: ms(Math.min(rule.intervalMs, statusPollIntervalMs)) };
  });
  return checks.filter((rule) => rule.intervalMs > 0);
}

/** When each check of one resource began last. */
export class CheckClock {
  readonly #checks: readonly CheckRule[];
  readonly #beganMs = new Map<number, number>();

  /** A successful start counts as a check of every depth. */
  constructor(checks: readonly CheckRule[], startedMs: number) {
    this.#checks = checks;
    for (const rule of checks) this.#beganMs.set(rule.depth, startedMs);
  }

  /** The deepest check that is due, or null. */
  due(nowMs: number): number | null {
    const depths = this.#checks
      .filter(
        (rule) => nowMs - (this.#beganMs.get(rule.depth) ?? 0) >= rule.intervalMs - earlyMsMax,
      )
      .map((rule) => rule.depth);
    return depths.length === 0 ? null : Math.max(...depths);
  }

  /** Null: it is never checked. */
  get shortestIntervalMs(): Ms | null {
    const intervals = this.#checks.map(({ intervalMs }) => intervalMs);
    return intervals.length === 0 ? null : ms(Math.min(...intervals));
  }

  /** A check that begins late does not delay the next one. */
  begin(depth: number, nowMs: number): void {
    const intervalMs = this.#checks.find((rule) => rule.depth === depth)?.intervalMs ?? 0;
    const dueMs = (this.#beganMs.get(depth) ?? nowMs) + intervalMs;
    const late = nowMs > dueMs && nowMs - dueMs < intervalMs;
    this.#beganMs.set(depth, late ? dueMs : nowMs);
  }
}

/** The interval that the agent is told for a check of this depth. */
export function effectiveIntervalMs(resource: ResourceConf, depth: number): Ms {
  const checks = effectiveChecks(resource, null);
  const own = checks.find((one) => one.depth === depth) ?? checks[0];
  return own?.intervalMs ?? ms(toldIntervalMs);
}

/** What the agent is told for a check that has no schedule, but follows an event. */
const toldIntervalMs = 10_000;

function knownChecks({ type, agent }: ResourceConf): readonly CheckRule[] {
  if (agent === undefined) return builtInChecks(type);
  return agent.actions.flatMap(({ name, depth, intervalMs }) =>
    name === "status" && intervalMs !== null ? [{ depth, intervalMs }] : [],
  );
}

/** The time-out of an action, from the conf or the agent's metadata; null: none. */
export function timeoutOf(resource: ResourceConf, name: string, depth: number): Ms | null {
  const given = resource.actions.findLast(
    (one) =>
      one.name === name && one.timeoutMs !== null && (one.depth === null || one.depth === depth),
  );
  const own = resource.agent?.actions.find((one) => one.name === name && one.depth === depth);
  const timeoutMs = given?.timeoutMs ?? own?.timeoutMs ?? null;
  return timeoutMs === 0 ? null : timeoutMs;
}

/** The limit where a time-out is only a hint: at least twice that time-out. */
export function lastLimitMs(
  resource: ResourceConf,
  call: { readonly name: string; readonly depth: number; readonly leastMs: Ms },
): Ms {
  return ms(Math.max(call.leastMs, 2 * (timeoutOf(resource, call.name, call.depth) ?? 0)));
}

/** Agents of these dialects expect that their time-outs are enforced. */
const dialectsWithLimits: readonly string[] = ["ocf", "systemd"];

/** The time-out of an action if it is enforced; null: it is not, or there is none. */
export function enforcedLimitMs(resource: ResourceConf, name: string, depth: number): Ms | null {
  const limited = dialectsWithLimits.includes(resource.agent?.runs.dialect ?? "");
  if (resource.enforceTimeouts !== true && !limited) return null;
  return timeoutOf(resource, name, depth);
}

/**
 * The limit of a stop in a clean-up, where nothing is known to run: the agent's time-out, or half a
 * minute if it has none. After it the processes are killed.
 */
export function cleanUpLimitMs(resource: ResourceConf): Ms {
  return timeoutOf(resource, "stop", 0) ?? ms(cleanUpMs);
}

const cleanUpMs = 30_000;

/**
 * The limit of a check that follows the end of a process: an agent that does not answer must not
 * make a dead service look alive.
 */
export function endedLimitMs(resource: ResourceConf, depth: number): Ms {
  return timeoutOf(resource, "status", depth) ?? ms(answerMs);
}

/** More than the status action of an init script needs on a busy machine. */
const answerMs = 10_000;

/** The tolerated failures of one resource since its start. A success does not clear them. */
export class FailureMemory {
  readonly #tolerance: ToleranceConf | null;
  #atMs: readonly number[] = [];

  constructor(resource: ResourceConf) {
    this.#tolerance = resource.tolerance ?? null;
  }

  /** Whether a failure at this time is tolerated; then it is remembered. */
  tolerates(nowMs: number): boolean {
    const tolerance = this.#tolerance;
    if (tolerance === null) return false;
    this.#atMs = this.#atMs.filter((at) => nowMs - at < tolerance.expireMs);
    if (this.#atMs.length >= tolerance.failures) return false;
    this.#atMs = [...this.#atMs, nowMs];
    return true;
  }
}
