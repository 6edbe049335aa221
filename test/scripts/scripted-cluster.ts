/**
 * A simulated cluster that is driven by the commands of a transcript, and reports the compact state
 * of all nodes, with the warnings and replies since the last report.
 */

import { outcomeText } from "../../src/control/request-codes.ts";
import type { FenceMethodConf, RecoveryPolicy } from "../../src/model/conf.ts";
import type { ServiceOperation } from "../../src/model/service-operation.ts";
import { ms } from "../../src/model/time.ts";
import { Cluster, id } from "../sim/cluster.ts";
import type { ReplyBox } from "../sim/cluster-machine.ts";
import { judgeOwners } from "../sim/judges.ts";
import { PerfectMembership } from "../sim/perfect-membership.ts";
import { type SampleOptions, sampleConf } from "../sim/sample-conf.ts";
import { VirtualTime } from "../sim/virtual-time.ts";

type Asked = {
  readonly text: string;
  readonly box: ReplyBox;
  reported: boolean;
};

const shownLevels: readonly string[] = ["warning", "err", "crit", "alert", "emerg"];
const settleStepMs = 500;
const restMs = 10_000;
const settleMsMax = 120_000;

export class ScriptedCluster {
  readonly #time = new VirtualTime();
  #sample: SampleOptions = {};
  #cluster: Cluster | null = null;
  #fenceWorks = true;
  #asked: Asked[] = [];
  #shownNotices = 0;

  /** One command, as in a transcript. */
  perform(command: string): void {
    const [verb = "", ...words] = command.split(/\s+/);
    switch (verb) {
      case "given":
        this.#given(words);
        return;
      case "boot":
        this.#running().boot(...words.map(nodeNumber));
        return;
      case "crash":
        for (const word of words) this.#running().crash(nodeNumber(word));
        return;
      case "cut":
        this.#running().cut(...groupsOf(words));
        return;
      case "heal":
        this.#running().heal();
        return;
      case "pause":
        this.#running().pause(nodeNumber(words[0]));
        return;
      case "resume":
        this.#running().resume(nodeNumber(words[0]));
        return;
      case "terminate":
        this.#running().terminate(nodeNumber(words[0]), { remove: words[1] === "remove" });
        return;
      case "kill":
        this.#kill(words);
        return;
      case "request":
        this.#request(words);
        return;
      case "fail":
        this.#fail(words);
        return;
      case "kill-process":
        this.#killProcess(words);
        return;
      case "end-process":
        this.#killProcess(words);
        this.#running().checkNow(nodeNumber(words[0]), words[1] ?? "");
        return;
      case "exhaust":
        this.#running().host(nodeNumber(words[0])).exhausted = words[1] !== "never";
        return;
      case "fence-devices":
        this.#fenceWorks = words[0] === "work";
        return;
      case "run":
        this.#running().run(Number.parseFloat(words[0] ?? "") * 1000);
        return;
      case "settle":
        this.#settle();
        return;
      default:
        throw new Error(`unknown command: ${command}`);
    }
  }

  /** The state now, and what was said since the last call. */
  report(): string {
    const notices = this.#notices();
    const replies = this.#asked.flatMap((asked) => {
      if (asked.reported) return [];
      const { reply } = asked.box;
      if (reply === null) return [`${asked.text}: no reply yet`];
      asked.reported = true;
      const where = reply.owner === null ? "" : `, on node${reply.owner}`;
      return [`${asked.text}: ${outcomeText(reply)}${where}`];
    });
    return [this.#state(), ...replies, ...notices].join("\n");
  }

  #running(): Cluster {
    if (this.#cluster !== null) return this.#cluster;
    const conf = sampleConf(this.#sample);
    const time = this.#time;
    const membership = new PerfectMembership(
      time,
      conf.nodes.map((node) => node.id),
    );
    const fenceAgent = () => (this.#fenceWorks ? ("success" as const) : ("failure" as const));
    this.#cluster = new Cluster({ conf, time, membership, judge: judgeOwners, fenceAgent });
    return this.#cluster;
  }

  /** `given fence-devices`, or `given primary recovery=restart max-restarts=2 …`. */
  #given([what, ...settings]: readonly string[]): void {
    if (this.#cluster !== null) throw new Error("given comes before everything else");
    const values = new Map(settings.map((text) => [text.split("=")[0], text.split("=")[1] ?? ""]));
    if (what === "fence-devices") {
      this.#sample = { ...this.#sample, fenceMethods: [powerMethod] };
    } else if (what === "primary") {
      const primary = {
        recovery: policyOf(values.get("recovery")),
        maxRestarts: Number(values.get("max-restarts") ?? 0),
        restartExpireMs: ms(Number(values.get("restart-expire") ?? 0) * 1000),
      };
      this.#sample = { ...this.#sample, primary };
    } else throw new Error(`given ${what}`);
  }

  /** `request node1 relocate qpidd-primary-service [node2]`. */
  #request([on, operation, service = "", target]: readonly string[]): void {
    const named = target === undefined ? {} : { target: nodeNumber(target) };
    const asked = operationOf(operation);
    const box = this.#running().request(nodeNumber(on), asked, { service, ...named });
    const to = target === undefined ? "" : ` to ${target}`;
    this.#asked.push({ text: `asked ${on}: ${operation} ${service}${to}`, box, reported: false });
  }

  /** `kill node1 node2`: an operator on node1 wants the end of node2. */
  #kill([on, victim]: readonly string[]): void {
    const box = this.#running().kill(nodeNumber(on), nodeNumber(victim));
    this.#asked.push({ text: `asked ${on}: kill ${victim}`, box, reported: false });
  }

  /** `fail node1 qpidd start [hang|never]`: exit 1, no return at all, or good again. */
  #fail([on, script, action, how = "exit"]: readonly string[]): void {
    const { behaviours } = this.#running().host(nodeNumber(on));
    const key = `/etc/init.d/${script} ${action}`;
    if (how === "never") behaviours.delete(key);
    else behaviours.set(key, how === "hang" ? { takesMs: null } : { code: 1 });
  }

  /** `kill-process node1 qpidd-primary-service`: every process of the service dies. */
  #killProcess([on, service]: readonly string[]): void {
    const { running } = this.#running().host(nodeNumber(on));
    for (const process of [...running]) {
      if (process.startsWith(`service:${service} `)) running.delete(process);
    }
  }

  /** Until nothing has changed for ten seconds. */
  #settle(): void {
    let before = this.#state();
    let unchangedMs = 0;
    for (let spentMs = 0; unchangedMs < restMs; spentMs += settleStepMs) {
      if (spentMs > settleMsMax) throw new Error(`not at rest after ${settleMsMax} ms:\n${before}`);
      this.#running().run(settleStepMs);
      const now = this.#state();
      unchangedMs = now === before ? unchangedMs + settleStepMs : 0;
      before = now;
    }
  }

  #state(): string {
    const cluster = this.#running();
    const { nodes } = cluster;
    const members = grouped(nodes, (node) => memberText(cluster, node));
    const tables = grouped(nodes, (node) => tableText(cluster, node));
    const machines = nodes.flatMap((node) => machineText(cluster, node));
    const views = tables.size < 2 ? [...tables.keys()] : withNodes(tables, "as seen by ");
    return shorter([...withNodes(members, ""), ...views, ...machines].join("\n"));
  }

  #notices(): readonly string[] {
    const { log } = this.#running();
    const fresh = log.slice(this.#shownNotices).flatMap((line) => {
      const [, at = "0", node = "", level = "", text = ""] =
        /^(\S+) (\S+) (\S+): (.*)$/.exec(line) ?? [];
      return shownLevels.includes(level)
        ? [{ at: Number(at), node, text: `${level}: ${text}` }]
        : [];
    });
    this.#shownNotices = log.length;
    const texts = [...new Set(fresh.map((one) => one.text))];
    return texts.map((text) => {
      const same = fresh.filter((one) => one.text === text);
      const who = [...new Set(same.map((one) => one.node))].toSorted().join(" ");
      const seconds = ((same[0]?.at ?? 0) / 1000).toFixed(1);
      return shorter(`${seconds} s ${who} ${text}`);
    });
  }
}

const powerMethod: FenceMethodConf = {
  name: "power",
  devices: [{ device: "apc", agent: "fence_apc", parameters: [["action", "off"]] }],
};

function shorter(text: string): string {
  return text.replaceAll(".example.com", "").replaceAll(/(?<![-\w])service:/g, "");
}

function nodeNumber(word: string | undefined): number {
  const number = Number(/^node(\d+)$/.exec(word ?? "")?.[1]);
  if (Number.isNaN(number)) throw new Error(`no node: ${word}`);
  return number;
}

function groupsOf(words: readonly string[]): readonly (readonly number[])[] {
  return words
    .join(" ")
    .split("|")
    .map((group) => group.trim().split(/\s+/).map(nodeNumber));
}

function policyOf(text: string | undefined): RecoveryPolicy {
  const policies = ["restart", "relocate", "disable", "restart-disable"] as const;
  return policies.find((policy) => policy === text) ?? "relocate";
}

function operationOf(text: string | undefined): ServiceOperation {
  const operations = ["enable", "disable", "stop", "restart", "relocate"] as const;
  const found = operations.find((operation) => operation === text);
  if (found === undefined) throw new Error(`no operation: ${text}`);
  return found;
}

/** Text → nodes that have it; nodes without a text are left out. */
function grouped(
  nodes: readonly number[],
  textOf: (node: number) => string | null,
): ReadonlyMap<string, readonly string[]> {
  const groups = new Map<string, string[]>();
  for (const node of nodes) {
    const text = textOf(node);
    if (text !== null) groups.set(text, [...(groups.get(text) ?? []), `node${node}`]);
  }
  return groups;
}

function withNodes(
  groups: ReadonlyMap<string, readonly string[]>,
  before: string,
): readonly string[] {
  return [...groups].map(([text, who]) => {
    const separator = text.includes("\n") ? ":\n" : ": ";
    return `${before}${who.join(" ")}${separator}${text}`;
  });
}

function memberText(cluster: Cluster, node: number): string {
  const daemon = cluster.node(node);
  if (daemon === null) {
    if (cluster.boots(node) === 0) return "not started";
    if (cluster.endOf(node) === "left") return "left cleanly";
    return cluster.endOf(node) === "fenced" ? "switched off by fencing" : "crashed";
  }
  if (cluster.isPaused(node)) return "paused";
  const { phase, members } = daemon.snapshot;
  const { quorate, reason } = daemon.quorum.snapshot();
  if (phase === "active") return `members ${members.join(" ")}, quorate`;
  if (phase === "apart") return quorate ? "apart" : `inquorate: ${reason}`;
  return phase;
}

/** The services and the victims, as a node has them; null while it has no table. */
function tableText(cluster: Cluster, node: number): string | null {
  const snapshot = cluster.node(node)?.snapshot;
  if (snapshot?.table == null || cluster.isPaused(node)) return null;
  const { table, fence } = snapshot;
  const services = table.snapshot().services.map((record) => {
    const { name, state, owner, lastOwner, restarts } = record;
    const last = lastOwner === null ? "" : ` (last node${lastOwner})`;
    const where = owner === null ? last : ` on node${owner}`;
    const count = restarts === 0 ? "" : `, restarts ${restarts}`;
    const awaited = table.waitingFor(name);
    return `${name} ${state}${where}${count}${awaited === null ? "" : `; waits for ${awaited}`}`;
  });
  const fences = cluster.nodes.flatMap((other) => {
    const words = fence.describe(id(other));
    return words === "clean" ? [] : [`node${other}: ${words}`];
  });
  return [...services, ...fences].join("\n");
}

/** What really runs on the machine. */
function machineText(cluster: Cluster, node: number): readonly string[] {
  const host = cluster.host(node);
  const scripts = [...host.running].map((process) => process.replace(/ .*\//, " "));
  const services = scripts.map((process) => process.split(" ")[0] ?? "").toSorted();
  const running = [...services, ...host.addresses];
  return running.length === 0 ? [] : [`node${node} runs ${running.join(" ")}`];
}
