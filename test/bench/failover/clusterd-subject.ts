/** clusterd with one of the works, as the subject of a measurement. */
import { readClusterConf } from "../../../src/config/cluster-conf.ts";
import { parseXml } from "../../../src/config/text/xml.ts";
import { RealCluster } from "../../e2e/real-cluster.ts";
import { nodeName } from "../../netns/node-files.ts";
import type { TestNet } from "../../netns/test-net.ts";
import {
  type Course,
  failoverCourse,
  type LogLine,
  type Mark,
  markedCourse,
  readLog,
} from "./failover-course.ts";
import type { CourseOf, Subject } from "./failover-subject.ts";
import type { ServiceClient, Work, WorkConf } from "./failover-work.ts";
import { FenceSwitch } from "./fence-switch.ts";

/** What is known of a cluster before it starts. */
export type ClusterdParts = {
  readonly work: Work;
  readonly conf: WorkConf;
  /** Where the logs stay; null: nowhere. */
  readonly directory: string | null;
};

/** A service that no node could start is tried again after half a minute. */
const patienceMs = 15_000;

export class ClusterdSubject implements Subject {
  readonly #parts: ClusterdParts;
  readonly cluster: RealCluster;
  readonly #fence: FenceSwitch;
  readonly #service: string;

  constructor(parts: ClusterdParts) {
    const { work, directory } = parts;
    const kept = directory === null ? {} : { directory };
    this.#parts = parts;
    this.cluster = new RealCluster({ conf: work.confPath, ...kept });
    this.#fence = new FenceSwitch(this.cluster.net);
    this.#service = `service:${work.service}`;
  }

  get net(): TestNet {
    return this.cluster.net;
  }

  get client(): ServiceClient {
    return this.#parts.work.client;
  }

  get work(): Work {
    return this.#parts.work;
  }

  async start(): Promise<void> {
    await this.cluster.start();
    await this.#fence.start();
    this.#parts.work.writeFiles(this.cluster, this.#parts.conf);
    this.cluster.startAll();
  }

  async stop(): Promise<void> {
    this.#fence.stop();
    await this.cluster.stop();
  }

  startNode(node: number): void {
    this.cluster.startDaemon(node);
  }

  async leave(node: number): Promise<void> {
    this.cluster.daemon(node).kill("SIGTERM");
    await this.cluster.daemon(node).exited;
  }

  killService(node: number): Promise<void> {
    return this.#parts.work.kill(this.cluster, node);
  }

  async killDaemon(node: number): Promise<void> {
    this.cluster.daemon(node).kill("SIGKILL");
    await this.cluster.daemon(node).exited;
  }

  async killAll(node: number): Promise<void> {
    process.kill(this.cluster.guard(node), "SIGKILL");
    await this.killDaemon(node);
  }

  async relocate(node: number): Promise<void> {
    const words = ["-r", this.#parts.work.service, "-m", nodeName(node)];
    const moved = await this.cluster.command(node, "clusvcadm-ts", ...words);
    if (moved.code !== 0) throw new Error(`clusvcadm-ts: ${moved.stdout}${moved.stderr}`);
  }

  /** The others count the node as off. */
  async countedOff(node: number, witness: number): Promise<void> {
    await this.until("the safe wait is over", async () => {
      const nodes = (await this.cluster.status(witness))?.nodes ?? [];
      return nodes.find(({ id }) => id === node)?.fence.startsWith("fenced") === true;
    });
  }

  /** Wall clock; by the log of a witness. */
  async joined(
    node: number,
    { witness, sinceMs }: { readonly witness: number; readonly sinceMs: number },
  ): Promise<number> {
    const line = (): LogLine | undefined =>
      this.#log(witness).find(({ msg, time }) => {
        return msg === `${nodeName(node)} is ready` && Date.parse(time) >= sinceMs;
      });
    await this.until(`node ${node} has joined`, () => line() !== undefined);
    return Date.parse(line()?.time ?? "");
  }

  async settled(): Promise<number> {
    let owner = 0;
    await this.until("three ready nodes and the service", async () => {
      const { nodes } = this.net;
      const seen = await Promise.all(nodes.map((node) => this.cluster.status(node)));
      const owners = seen.map((status) => {
        const ready = status?.nodes.filter((node) => node.ready).length === nodes.length;
        const service = status?.services?.find(({ name }) => name === this.#service);
        const isReady = status !== null && this.#parts.work.isReady(status);
        return ready && isReady && service?.state === "started" ? (service.owner ?? 0) : 0;
      });
      owner = owners[0] ?? 0;
      return owner !== 0 && owners.every((one) => one === owner);
    });
    return owner;
  }

  course({ what, node, sinceMs }: CourseOf): Course | null {
    if (what !== "failover") return markedCourse(this.#log(node), this.#marks(what, node), sinceMs);
    const lines = this.net.nodes.flatMap((one) => this.#log(one));
    return failoverCourse(lines, { service: this.#service, sinceMs });
  }

  until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
    return this.cluster.until(what, condition, patienceMs);
  }

  #log(node: number): readonly LogLine[] {
    return readLog(this.cluster.daemon(node).output());
  }

  #marks(what: "start" | "join", node: number): readonly Mark[] {
    const service = this.#service;
    return [
      { name: "program", until: "clusterd " },
      { name: "guard", until: "entering gather: start" },
      { name: "ring", until: "quorate: " },
      { name: "ready", until: `${nodeName(node)} is ready` },
      ...(what === "join"
        ? []
        : [
            { name: "wait", until: `${service}: starting on ` },
            { name: "start", until: `${service}: started on ` },
          ]),
    ];
  }
}

export type ClusterdTimers = {
  readonly tokenMs: number;
  readonly consensusMs: number;
  /** After its last sign of life a node without a fence device counts as off. */
  readonly safeWaitMs: number;
};

/** As the daemons compute them from the same text. */
export function timersOf(text: string): ClusterdTimers {
  const read = readClusterConf(parseXml(text), { file: "cluster.conf" });
  if (read.conf === null) throw new Error(JSON.stringify(read.complaints));
  const { totem, fencing } = read.conf;
  const { tokenMs, consensusMs } = totem;
  return { tokenMs, consensusMs, safeWaitMs: fencing.safeWaitMs };
}
