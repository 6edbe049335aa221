/**
 * One run of a fence agent: what it reads from standard input, how long it may take, and what its
 * exit status means.
 * Source: fence-agents doc/FenceAgentAPI.md; cluster libfence/agent.c: make_args.
 * Deviation: each key is written once; the value of `<device>` replaces that of `<fencedevice>`.
 */

import type { FenceDeviceUse } from "../model/conf.ts";
import type { NodeName } from "../model/ids.ts";
import { searchPath } from "../model/search-path.ts";
import { type Ms, ms } from "../model/time.ts";

export type FenceAgentRun = {
  readonly argv: readonly [string, ...string[]];
  readonly environment: readonly (readonly [string, string])[];
  readonly stdin: string;
};

/** env(1) finds the agent through `searchPath`; exit status 127 means that it is not installed. */
export function agentRun(
  use: FenceDeviceUse,
  order: { readonly victim: NodeName; readonly action: "off" | "on" | "status" | null },
): FenceAgentRun {
  const parameters = new Map(use.parameters);
  if (order.action !== null) parameters.set("action", order.action);
  if (!parameters.has("nodename")) parameters.set("nodename", order.victim);
  const lines = [...parameters].map(([name, value]) => `${name}=${value}\n`);
  return {
    argv: ["/usr/bin/env", use.agent],
    environment: [
      ["PATH", searchPath],
      ["LC_ALL", "C"],
    ],
    stdin: lines.join(""),
  };
}

/**
 * How long a run may take. Agents wait for `delay` and one second more before they switch anything.
 * Source: fence-agents lib/fencing.py: fence_action.
 */
export function agentLimitMs(use: FenceDeviceUse, agentTimeoutMs: Ms): Ms {
  const delay = use.parameters.find(([name]) => name === "delay")?.[1] ?? "";
  const seconds = /^\d{1,5}$/.test(delay) ? Number(delay) : 0;
  return ms(agentTimeoutMs + (seconds === 0 ? 0 : (seconds + 1) * 1000));
}

/** What the exit status of an agent says that was run with the action `status`. */
export function deviceState(exitCode: number | null): "on" | "off" | "error" {
  return exitCode === 0 ? "on" : exitCode === 2 ? "off" : "error";
}
