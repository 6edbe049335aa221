/**
 * keepalived as the subject of a measurement: one VRRP instance with the address on three nodes,
 * all of which run the echo service. A script asks every second, the shortest that there is,
 * whether it runs.
 * The best priorities that VRRP has: the higher they are, the less is added to three adverts.
 */
import type { Child } from "../../netns/child.ts";
import { serviceAddress } from "../../netns/node-files.ts";
import { TestNet } from "../../netns/test-net.ts";
import { until } from "../../netns/until.ts";
import {
  echoClient,
  echoScript,
  killEcho,
  writeEchoService,
  writeNodeFile,
} from "./echo-service.ts";
import type { Subject } from "./failover-subject.ts";
import type { Profile } from "./failover-work.ts";

const confPath = "/etc/keepalived/keepalived.conf";
/** Of the process that holds the address; the other one is its parent. */
const vrrpPidFile = "/run/vrrp.pid";
const priorityMax = 254;
const patienceMs = 15_000;
const askEveryMs = 100;

export class KeepalivedSubject implements Subject {
  readonly net: TestNet;
  readonly client = echoClient;
  readonly #advertSeconds: number;
  readonly #daemons = new Map<number, Child>();

  constructor({ advertSeconds }: Profile, directory: string | null) {
    this.net = new TestNet({ nodes: 3, ...(directory === null ? {} : { directory }) });
    this.#advertSeconds = advertSeconds;
  }

  async start(): Promise<void> {
    await this.net.start();
    writeEchoService(this.net);
    for (const node of this.net.nodes) {
      writeNodeFile(this.net, { node, path: confPath }, conf(node, this.#advertSeconds));
      this.startNode(node);
    }
  }

  stop(): Promise<void> {
    return this.net.stop();
  }

  startNode(node: number): void {
    const keepalived = ["keepalived", "-n", "-l", "-D", "-P", "-f", confPath];
    const files = ["-p", "/run/keepalived.pid", "-r", vrrpPidFile];
    const text = `${echoScript} status || ${echoScript} start; exec "$@"`;
    const argv = ["sh", "-c", text, "sh", ...keepalived, ...files];
    this.#daemons.set(node, this.net.spawnOnNode(node, argv));
  }

  async leave(node: number): Promise<void> {
    this.#daemon(node).kill("SIGTERM");
    await this.#daemon(node).exited;
  }

  killService(node: number): Promise<void> {
    return killEcho(this.net, node);
  }

  async startService(node: number): Promise<void> {
    const started = await this.net.execOnNode(node, [echoScript, "start"]);
    if (started.code !== 0) throw new Error(`${echoScript}: ${started.stderr}`);
  }

  async killDaemon(node: number): Promise<void> {
    this.#daemon(node).kill("SIGKILL");
    await this.#daemon(node).exited;
  }

  /** In one command, since the child ends in an orderly way once its parent has. */
  async killAll(node: number): Promise<void> {
    const text = `kill -9 ${this.#daemon(node).pid} "$(cat ${vrrpPidFile})"`;
    const killed = await this.net.execOnNode(node, ["sh", "-c", text]);
    if (killed.code !== 0) throw new Error(`kill: ${killed.stderr}`);
    await this.#daemon(node).exited;
  }

  async settled(): Promise<number> {
    let owner = 0;
    await this.until("one master, two backups, and one holder", () => {
      const { nodes } = this.net;
      const states = nodes.map((node) => this.#state(node));
      const [holder = 0, ...more] = this.net.holders(serviceAddress);
      const backups = states.filter((state) => state === "BACKUP");
      owner = holder;
      return more.length === 0 && states[holder - 1] === "MASTER" && backups.length === 2;
    });
    return owner;
  }

  /** Its log says what it does, but not of what it is a part. */
  course(): null {
    return null;
  }

  until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
    const describe = () => `${what}\n${this.#logs()}`;
    return until(condition, { timeoutMs: patienceMs, everyMs: askEveryMs, describe });
  }

  /** As it has logged it last; empty while it does not run. */
  #state(node: number): string {
    const daemon = this.#daemon(node);
    if (!daemon.running) return "";
    const entered = [...daemon.output().matchAll(/Entering (\w+) STATE/g)];
    return entered.at(-1)?.[1] ?? "";
  }

  #daemon(node: number): Child {
    const daemon = this.#daemons.get(node);
    if (daemon === undefined) throw new Error(`no keepalived was started on node ${node}`);
    return daemon;
  }

  #logs(): string {
    const last = (daemon: Child) => daemon.output().split("\n").slice(-20).join("\n");
    return [...this.#daemons].map(([node, child]) => `--- node${node}\n${last(child)}`).join("\n");
  }
}

/** Sooner than this no backup becomes master, after a last advert that came when the node ended. */
export function masterDownMs({ advertSeconds }: Profile): number {
  const skew = (256 - priorityOf(1)) / 256;
  return (3 + skew) * advertSeconds * 1000;
}

function priorityOf(node: number): number {
  return priorityMax - node;
}

/** Version 3 of VRRP is needed for adverts of less than a second. */
function conf(node: number, advertSeconds: number): string {
  return `global_defs {
  router_id node${node}
  script_user root
  enable_script_security
  vrrp_version 3
}
vrrp_script echo {
  script "${echoScript} status"
  interval 1
  timeout 1
  fall 1
  rise 1
}
vrrp_instance service {
  state BACKUP
  nopreempt
  interface eth0
  virtual_router_id 51
  priority ${priorityOf(node)}
  advert_int ${advertSeconds}
  virtual_ipaddress {
    ${serviceAddress}/24 dev eth0
  }
  track_script {
    echo
  }
}
`;
}
