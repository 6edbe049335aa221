/**
 * `<fence_daemon>`: delays, timeouts and the durations of the self-fencing lease.
 * Source: fenced(8); fence fenced/config.c.
 * Deviations: -1 is accepted for post_join_delay; skip_undefined is read from the file; the
 * attributes of self-fencing are additions of clusterd.
 * Tested in: test/config/timers.test.ts
 * TIMING1  lease >= token + consensus + what recovery takes: the failure of one node must not end
 *     the lease of another.
 * TIMING3  safe wait >= (lease + kill timeout, or watchdog timeout) x 1.01 + a margin, and not less
 *     than x 1.01 / 0.99: the victim is surely dead.
 * TIMING4  safe_wait in the file may only raise the computed value.
 */
import type { FencingConf, SelfFenceMode, TotemConf } from "../../model/conf.ts";
import { type Ms, ms } from "../../model/time.ts";
import type { Report } from "../text/complaint.ts";
import {
  choices,
  clockErrorPercent,
  flags,
  integers,
  killMarginMs,
  profiles,
  recoveryReserveMs,
  resetMarginMs,
} from "../text/defaults.ts";
import { attributeLocation, onlySection, type Section, SectionReader } from "../text/section.ts";
import { readProfile } from "./totem-section.ts";
import { readWatchdog } from "./watchdog-options.ts";

type RingTimers = Pick<TotemConf, "tokenMs" | "consensusMs">;

export function readFencing(
  root: Section,
  cluster: { readonly totem: RingTimers; readonly twoNode: boolean },
  report: Report,
): FencingConf {
  const reader = new SectionReader(onlySection(root, "fence_daemon"), report);
  const rows = integers.fence_daemon;
  const postJoinMs = reader.duration("post_join_delay", rows.post_join_delay);
  const usual = profiles[readProfile(new SectionReader(onlySection(root, "totem"), report))];
  const killTimeoutMs =
    reader.duration("kill_timeout", rows.kill_timeout) ?? ms(usual.killTimeoutMs);
  const leaseMs = readLease(reader, cluster.totem, report);
  const selfFence = readSelfFence(reader, cluster.twoNode, report);
  const device = readWatchdog(reader, { selfFence, killTimeoutMs }, report);
  const resetMs = device === null ? null : safeWaitAfterResetMs(leaseMs, device.timeoutMs);
  const killMs = safeWaitAfterKillMs(leaseMs, killTimeoutMs);
  const leastMs = selfFence === "watchdog" && resetMs !== null ? resetMs : killMs;
  const safeWaitMs = readSafeWait(reader, leastMs, report);
  return {
    postJoinDelayMs: postJoinMs < 0 ? null : postJoinMs,
    postFailDelayMs: reader.duration("post_fail_delay", rows.post_fail_delay),
    overrideTimeMs: reader.duration("override_time", rows.override_time),
    cleanStart: reader.flag("clean_start", flags.fence_daemon.clean_start),
    skipUndefined: reader.flag("skip_undefined", flags.fence_daemon.skip_undefined),
    agentTimeoutMs: reader.duration("agent_timeout", rows.agent_timeout),
    selfFence,
    leaseMs,
    killTimeoutMs,
    safeWaitMs,
    watchdog:
      device === null || resetMs === null
        ? null
        : { ...device, safeWaitMs: ms(Math.max(resetMs, safeWaitMs)) },
  };
}

/** L: long enough that the failure of another node does not end the lease. */
export function defaultLeaseMs(ring: RingTimers): Ms {
  return ms(ring.tokenMs + ring.consensusMs + recoveryReserveMs(ring));
}

/** D: (L + K)(1 + rho) + G, where the guard ends the services within K. */
export function safeWaitAfterKillMs(leaseMs: Ms, killTimeoutMs: Ms): Ms {
  return safeWaitMsFor(leaseMs + killTimeoutMs, killMarginMs);
}

/** D: (L + W)(1 + rho) + G, where a watchdog resets the machine after W. */
export function safeWaitAfterResetMs(leaseMs: Ms, timeoutMs: Ms): Ms {
  return safeWaitMsFor(leaseMs + timeoutMs, resetMarginMs);
}

/**
 * Rounded up. For long leases the margin G does not cover a slow clock there together with a fast
 * clock here.
 */
function safeWaitMsFor(lastsMs: number, marginMs: number): Ms {
  const usual = (lastsMs * (100 + clockErrorPercent)) / 100 + marginMs;
  const opposite = (lastsMs * (100 + clockErrorPercent)) / (100 - clockErrorPercent);
  return ms(Math.ceil(Math.max(usual, opposite)));
}

function readLease(reader: SectionReader, totem: RingTimers, report: Report): Ms {
  const least = defaultLeaseMs(totem);
  const leaseMs = reader.duration("lease", integers.fence_daemon.lease);
  if (leaseMs === null) return least;
  if (leaseMs < least) {
    report.error(attributeLocation(reader.section, "lease"), {
      type: "unsafe",
      problem: `lease ${leaseMs} ms is shorter than token + consensus + recovery`,
      allowed: `at least ${least}, or auto`,
    });
  }
  return leaseMs;
}

function readSafeWait(reader: SectionReader, least: Ms, report: Report): Ms {
  const safeWaitMs = reader.duration("safe_wait", integers.fence_daemon.safe_wait);
  if (safeWaitMs === null || safeWaitMs >= least) return safeWaitMs ?? least;
  report.error(attributeLocation(reader.section, "safe_wait"), {
    type: "unsafe",
    problem: `safe_wait ${safeWaitMs} ms ends before a lost node has surely stopped`,
    allowed: `at least ${least}, or auto`,
  });
  return least;
}

/** With two_node both sides are quorate and a lease never ends: `auto` then means `no`. */
function readSelfFence(reader: SectionReader, twoNode: boolean, report: Report): SelfFenceMode {
  const mode = reader.choice("self_fence", choices.fence_daemon.self_fence);
  const location = attributeLocation(reader.section, "self_fence");
  if ((mode === "software" || mode === "watchdog") && twoNode) {
    const problem = "self-fencing cannot work with two_node: both sides stay quorate";
    const allowed = "use fence devices, or a third node";
    report.error(location, { type: "conflict", problem, allowed });
  }
  return mode === "auto" && twoNode ? "no" : mode;
}
