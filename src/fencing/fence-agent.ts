/**
 * One run of a fence agent: what it is told on standard input, and what its exit means.
 * Source: fence-agents doc/FenceAgentAPI.md; cluster libfence/agent.c: make_args.
 * Deviation: each key is written once, the device's value over the fencedevice's.
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

/** The agent is found through `searchPath` by env(1); exit 127 means that it is not installed. */
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
 * How long a run may take. Agents wait for `delay` and a second more before they switch anything.
 * Source: fence-agents lib/fencing.py: fence_action.
 */
export function agentLimitMs(use: FenceDeviceUse, agentTimeoutMs: Ms): Ms {
  const delay = use.parameters.find(([name]) => name === "delay")?.[1] ?? "";
  const seconds = /^\d{1,5}$/.test(delay) ? Number(delay) : 0;
  return ms(agentTimeoutMs + (seconds === 0 ? 0 : (seconds + 1) * 1000));
}

/** What an agent's exit says of a device that was asked for its state, and nothing else. */
export function deviceState(exitCode: number | null): "on" | "off" | "error" {
  return exitCode === 0 ? "on" : exitCode === 2 ? "off" : "error";
}
