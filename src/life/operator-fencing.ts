/**
 * Runs fence agents for an operator, or for this node itself: to fence by hand, to unfence, and to
 * check whether devices answer. Decides nothing about the cluster.
 * Source: fence_node(8), fence_check(8); cluster libfence/agent.c: fence_node, unfence_node.
 * Deviations: fencing by hand is told to the members by ordered messages; a check is refused on an
 * inquorate node and while a node is to be fenced, and asks each device only once.
 * Tested in: test/life/fence-runs.test.ts
 * DEVICE1  A check runs every agent with the action `status`, whatever the conf says, and with no
 *     other one.
 */
import type { AgentsOrder, RunReply } from "../control/operator-protocol.ts";
import { deviceState } from "../fencing/fence-agent.ts";
import { expandMethod } from "../fencing/fence-plan.ts";
import { FenceRound } from "../fencing/fence-round.ts";
import type { ClusterConf, FenceDeviceUse, NodeConf } from "../model/conf.ts";
import type { DeviceListing, FencingStatus, NodeFencing } from "../model/fencing-status.ts";
import type { NodeId } from "../model/ids.ts";
import { assertNever, invariant } from "../model/outcome.ts";
import type { ClusterNode } from "../node/cluster-node.ts";
import type { NodeInput } from "../node/node-events.ts";
import type { FenceCall, FencePermit, FenceTerms, FenceVerdict } from "./fence-runs.ts";

export type AgentRunner = {
  fence(call: FenceCall, terms: FenceTerms, done: (verdict: FenceVerdict) => void): void;
};

export type OperatorFencingParts = {
  /** The conf in force. */
  readonly conf: () => ClusterConf;
  readonly performer: AgentRunner;
  /** The cluster node of the present life, null between two lives; `push` gives it an input. */
  readonly node: () => ClusterNode | null;
  readonly push: (input: NodeInput) => void;
  readonly log: (level: "notice" | "warning" | "err", text: string) => void;
};

export class OperatorFencing {
  readonly #parts: OperatorFencingParts;
  #checking = false;

  constructor(parts: OperatorFencingParts) {
    this.#parts = parts;
  }

  async run(order: AgentsOrder): Promise<RunReply> {
    switch (order.type) {
      case "check":
        return await this.#check();
      case "fence":
        return await this.#fence(this.#nodeConf(order.node), order.who);
      case "unfence":
        return await this.#unfence(this.#nodeConf(order.node), order.who);
      case "device-status":
        return await this.#askAll([this.#nodeConf(order.node)]);
      default:
        return assertNever(order.type);
    }
  }

  /** What the fence commands show. */
  status(): FencingStatus {
    return fencingStatus(this.#parts.conf(), this.#parts.node());
  }

  async #fence(target: NodeConf, who: string): Promise<RunReply> {
    const { log } = this.#parts;
    const { name } = target;
    const fenceMethods = target.fenceMethods.filter((method) =>
      method.devices.some(({ agent }) => agent !== "self"),
    );
    if (fenceMethods.length === 0) return nothing(`${name} has no fence device`);
    log("warning", `${who} fences ${name} by hand`);
    const announce = this.#announcer(target.id, `by ${who}`);
    announce("begun");
    const round = new FenceRound({ ...target, fenceMethods }, { selfLast: false });
    const lines: string[] = [];
    for (;;) {
      const order = round.order();
      // A step `self` counts as failed: an operator's command does not wait for a lease to end.
      const verdict = order.type === "self" ? null : await this.#run(order, order.method, lines);
      const progress = round.next(verdict?.outcome ?? "failure");
      if (progress.type === "step") continue;
      const result = progress.type === "fenced" ? "success" : "failed";
      log(result === "success" ? "notice" : "err", `fence ${name} by hand: ${result}`);
      const told = announce(result === "success" ? "success" : "failure");
      if (result === "failed") return { result, lines, text: `${name} was not fenced` };
      const silent = "; this node is not quorate, so nobody was told: see fence_ack-ts(8)";
      return { result, lines, text: `${name} was switched off${told ? "" : silent}` };
    }
  }

  /**
   * Returns a function that tells the members how far the fencing is; it returns whether they can
   * be told.
   */
  #announcer(victim: NodeId, text: string) {
    const mark = this.#parts.node()?.snapshot.fence.mark(victim) ?? null;
    return (outcome: "begun" | "success" | "failure"): boolean => {
      if (mark === null || this.#parts.node()?.snapshot.history == null) return false;
      this.#parts.push({ type: "fenced-by-hand", victim, mark, outcome, text });
      return true;
    };
  }

  async #unfence(target: NodeConf, who: string): Promise<RunReply> {
    if (target.unfence.length === 0) return nothing(`${target.name} has nothing to be unfenced`);
    this.#parts.log("notice", `${who} unfences ${target.name}`);
    const { conf, performer } = this.#parts;
    return await new Promise((resolve) => {
      unfence({ conf: conf(), performer, permit: null }, target, resolve);
    });
  }

  async #check(): Promise<RunReply> {
    if (this.#checking) return { result: "busy", lines: [], text: "another check is running" };
    const why = this.#checkRefusal();
    if (why !== null) return { result: "refused", lines: [], text: why };
    this.#checking = true;
    const reply = await this.#askAll(this.#parts.conf().nodes);
    this.#checking = false;
    return reply;
  }

  #checkRefusal(): string | null {
    const snapshot = this.#parts.node()?.snapshot;
    if (snapshot?.table == null) return "this node is not a member of a quorate cluster";
    const [victim] = snapshot.fence.snapshot().victims;
    if (victim === undefined) return null;
    return `${this.#nodeConf(victim.node).name} is being fenced`;
  }

  /** Asks each device of these nodes for the state of its outlet (DEVICE1). */
  async #askAll(nodes: readonly NodeConf[]): Promise<RunReply> {
    const lines: string[] = [];
    const asked = new Set<string>();
    let failures = 0;
    for (const target of nodes) {
      for (const { method, use } of devicesOf(target)) {
        const key = `${target.id} ${use.device} ${JSON.stringify(withoutAction(use))}`;
        if (asked.has(key)) continue;
        asked.add(key);
        const state = await this.#ask(target, use);
        failures += state.startsWith("error") ? 1 : 0;
        lines.push(`${target.name} ${method}.${use.device} ${use.agent}: ${state}`);
        const why = nodes.length > 1 ? this.#checkRefusal() : null;
        if (why !== null)
          return { result: "refused", lines, text: `the check ended early: ${why}` };
      }
    }
    if (lines.length === 0) return nothing("there is no fence device");
    const text = `${lines.length} devices were asked, ${failures} failed`;
    return { result: failures === 0 ? "success" : "failed", lines, text };
  }

  async #ask(target: NodeConf, use: FenceDeviceUse): Promise<string> {
    const call = { victim: target.name, use: withoutDelay(use), action: "status" } as const;
    const { exitCode, text, output } = await this.#verdictOn(call);
    const state = deviceState(exitCode);
    if (state !== "error") return state;
    return `error, ${text.replace(/^device \S+ agent \S+: /, "")}${lastOf(output)}`;
  }

  async #run(call: FenceCall, method: string, lines: string[]): Promise<FenceVerdict> {
    const verdict = await this.#verdictOn(call);
    const { use, action } = call;
    const what = `${method}.${use.device} ${use.agent} ${action ?? configuredAction(use)}`;
    const result = verdict.outcome === "success" ? "success" : verdict.text.split(": ").at(-1);
    lines.push(`fence ${call.victim} ${what}: ${result}${lastOf(verdict.output)}`);
    return verdict;
  }

  #verdictOn(call: FenceCall): Promise<FenceVerdict> {
    const { performer, conf } = this.#parts;
    const { agentTimeoutMs } = conf().fencing;
    return new Promise((resolve) => {
      performer.fence(call, { agentTimeoutMs, permit: null }, resolve);
    });
  }

  #nodeConf(id: NodeId | null): NodeConf {
    const found = this.#parts.conf().nodes.find((node) => node.id === id);
    invariant(found !== undefined, `no configuration of node ${id}`);
    return found;
  }
}

export type UnfenceParts = {
  readonly conf: ClusterConf;
  readonly performer: AgentRunner;
  readonly permit: FencePermit | null;
};

/** Tries every unfence device, one after the other; all must succeed. */
export function unfence(
  { conf, performer, permit }: UnfenceParts,
  target: NodeConf,
  done: (reply: RunReply) => void,
): void {
  const { agentTimeoutMs } = conf.fencing;
  const lines: string[] = [];
  const failed: string[] = [];
  const goOn = ([use, ...others]: readonly FenceDeviceUse[]): void => {
    if (use === undefined) {
      done(unfenceReply(target, lines, failed));
      return;
    }
    const call = { victim: target.name, use, action: null };
    performer.fence(call, { agentTimeoutMs, permit }, (verdict) => {
      const what = `unfence ${target.name} ${use.device} ${use.agent} ${configuredAction(use)}`;
      lines.push(`${what}: ${verdict.outcome}${lastOf(verdict.output)}`);
      if (verdict.outcome === "failure") failed.push(`${verdict.text}${lastOf(verdict.output)}`);
      goOn(others);
    });
  };
  goOn(target.unfence);
}

function unfenceReply(
  target: NodeConf,
  lines: readonly string[],
  failed: readonly string[],
): RunReply {
  if (failed.length > 0) return { result: "failed", lines, text: failed.join("; ") };
  const names = target.unfence.map(({ device }) => device).join(", ");
  return { result: "success", lines, text: `by ${names}` };
}

function nothing(text: string): RunReply {
  return { result: "undefined", lines: [], text };
}

function devicesOf(
  node: NodeConf,
): readonly { readonly method: string; readonly use: FenceDeviceUse }[] {
  const fencing = node.fenceMethods.flatMap(({ name, devices }) =>
    devices.map((use) => ({ method: name, use })),
  );
  const unfencing = node.unfence.map((use) => ({ method: "unfence", use }));
  return [...fencing, ...unfencing].filter(({ use }) => use.agent !== "self");
}

function withoutAction(use: FenceDeviceUse): FenceDeviceUse["parameters"] {
  return use.parameters.filter(([name]) => name !== "action");
}

/** A delay decides between two nodes that fence each other; a question needs none. */
function withoutDelay(use: FenceDeviceUse): FenceDeviceUse {
  return { ...use, parameters: use.parameters.filter(([name]) => name !== "delay") };
}

function configuredAction(use: FenceDeviceUse): string {
  return use.parameters.find(([name]) => name === "action")?.[1] ?? "default";
}

function lastOf(output: string): string {
  const last = output.split("\n").at(-1)?.slice(-200) ?? "";
  return last === "" ? "" : ` (${last})`;
}

function fencingStatus(conf: ClusterConf, node: ClusterNode | null): FencingStatus {
  const snapshot = node?.snapshot ?? null;
  const view = snapshot?.fence.view ?? null;
  const joined = snapshot?.phase === "active";
  const victims = view?.victims ?? [];
  const waits = joined ? (victims.length > 0 ? "fencing" : "none") : "messages";
  return {
    joined,
    localNode: snapshot?.self ?? 0,
    master: (joined ? view?.executor : null) ?? 0,
    waitState: snapshot?.phase === "apart" ? "quorum" : waits,
    victimNow: victims.find((victim) => victim.by !== null)?.node ?? 0,
    nodes: conf.nodes.map((one) => nodeFencing(one, node)),
  };
}

function nodeFencing(conf: NodeConf, node: ClusterNode | null): NodeFencing {
  const view = node?.snapshot.fence.view ?? null;
  const last = view?.fenced.find((one) => one.node === conf.id);
  const how = (["agent", "self", "override", "external", "certificate"] as const).find(
    (one) => one === last?.how,
  );
  return {
    id: conf.id,
    name: conf.name,
    member: node?.snapshot.phase === "active" && view?.members.includes(conf.id) === true,
    victim: view?.victims.some((victim) => victim.node === conf.id) ?? false,
    lastMaster: last?.by ?? 0,
    how: how ?? "none",
    at: last?.at ?? 0,
    state: node?.snapshot.fence.describe(conf.id) ?? "unknown",
    methods: conf.fenceMethods.map((method) => ({
      name: method.name,
      devices: expandMethod(method).map((step) =>
        step.type === "self"
          ? { device: "self", agent: "self", action: "wait" }
          : listing(step.use, step.action),
      ),
    })),
    unfence: conf.unfence.map((use) => listing(use, null)),
  };
}

function listing(use: FenceDeviceUse, action: string | null): DeviceListing {
  return { device: use.device, agent: use.agent, action: action ?? configuredAction(use) };
}
