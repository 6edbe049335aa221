/**
 * corosync and Pacemaker as the subject of a measurement: a group of the address (IPaddr2) and the
 * echo service (its init script) on three nodes, asked for every second. Without fencing, since
 * there is nothing here that could fence under both programs alike.
 */
import { randomBytes } from "node:crypto";
import { chownSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Child } from "../../netns/child.ts";
import { serviceAddress } from "../../netns/node-files.ts";
import { networkOf, TestNet } from "../../netns/test-net.ts";
import { until } from "../../netns/until.ts";
import { writeCorosyncFiles } from "../corosync-bench.ts";
import { echoClient, killEcho, writeEchoService } from "./echo-service.ts";
import { type Subject, wallMs } from "./failover-subject.ts";
import type { Profile } from "./failover-work.ts";

type Daemons = { readonly corosync: Child; readonly pacemaker: Child };

/** Its first election alone takes 20 s where nobody has led before. */
const patienceMs = 30_000;
/** Each look starts programs. */
const askEveryMs = 300;
const logPath = "var/log/pacemaker/pacemaker.log";
/** Of the package pacemaker; belong to the account under which most of it runs. */
const ownDirectories = ["cib", "pengine", "cores", "blackbox"];

export class PacemakerSubject implements Subject {
  readonly net: TestNet;
  readonly client = echoClient;
  readonly #tokenMs: number;
  readonly #daemons = new Map<number, Daemons>();

  constructor({ tokenMs }: Profile, directory: string | null) {
    this.net = new TestNet({ nodes: 3, ...(directory === null ? {} : { directory }) });
    this.#tokenMs = tokenMs;
  }

  async start(): Promise<void> {
    await this.net.start();
    writeEchoService(this.net);
    const key = randomBytes(256);
    for (const node of this.net.nodes) {
      writeCorosyncFiles(this.net, node, { key, tokenMs: this.#tokenMs });
      this.#makeDirectories(node);
      // What is killed leaves its buffers there.
      await this.#mustRun(node, ["mount", "-t", "tmpfs", "tmpfs", "/dev/shm"]);
      this.startNode(node);
    }
    await this.until("three nodes", async () => (await this.#seen(1)).online === 3);
    const words = ["--replace", "--scope", "configuration", "--xml-text", configuration];
    await this.#mustRun(1, ["cibadmin", ...words]);
  }

  stop(): Promise<void> {
    return this.net.stop();
  }

  /** As their units do: Pacemaker once corosync answers. */
  startNode(node: number): void {
    const corosync = this.net.spawnOnNode(node, ["corosync", "-f"]);
    const text = 'until corosync-cfgtool -s; do sleep 0.02; done >/dev/null 2>&1; exec "$@"';
    const pacemaker = this.net.spawnOnNode(node, ["sh", "-c", text, "sh", "pacemakerd", "-f"]);
    this.#daemons.set(node, { corosync, pacemaker });
  }

  async leave(node: number): Promise<void> {
    const { corosync, pacemaker } = this.#of(node);
    for (const child of [pacemaker, corosync]) {
      child.kill("SIGTERM");
      await child.exited;
    }
  }

  killService(node: number): Promise<void> {
    return killEcho(this.net, node);
  }

  async killDaemon(node: number): Promise<void> {
    this.#of(node).corosync.kill("SIGKILL");
    await this.#of(node).corosync.exited;
  }

  async killAll(node: number): Promise<void> {
    const network = networkOf(this.net.viewPid(node));
    for (const pid of readdirSync("/proc").map(Number).filter(Number.isInteger)) {
      const own = networkOf(pid) === network && /pacemaker|corosync/.test(commandOf(pid));
      if (own) process.kill(pid, "SIGKILL");
    }
    const { corosync, pacemaker } = this.#of(node);
    await Promise.all([corosync.exited, pacemaker.exited]);
  }

  async relocate(node: number): Promise<void> {
    const to = `node${node}`;
    await this.#mustRun(node, ["crm_resource", "--move", "--resource", "service", "--node", to]);
    await this.#mustRun(node, ["crm_resource", "--wait"]);
  }

  /** The preference that a move leaves behind. */
  async clearPreference(node: number): Promise<void> {
    await this.#mustRun(node, ["crm_resource", "--clear", "--resource", "service"]);
  }

  /** A node on which the service has failed may have it again. */
  async forgiveFailures(node: number): Promise<void> {
    await this.#mustRun(node, ["crm_resource", "--cleanup"]);
  }

  /** How often the node has joined so far, by its log. */
  joins(node: number): number {
    return textOf(this.net.path(node, logPath)).split("S_PENDING -> S_NOT_DC").length;
  }

  /** Once more; by the wall clock of this process, since its log has no milliseconds. */
  async joined(node: number, joins: number): Promise<number> {
    const describe = () => `node ${node} has joined\n${this.#logs()}`;
    await until(() => this.joins(node) > joins, { timeoutMs: patienceMs, describe });
    return wallMs();
  }

  async settled(): Promise<number> {
    let owner = 0;
    await this.until("three nodes, and the service on one of them", async () => {
      const seen = await Promise.all(this.net.nodes.map((node) => this.#seen(node)));
      owner = seen[0]?.owner ?? 0;
      return owner !== 0 && seen.every((one) => one.online === 3 && one.owner === owner);
    });
    await this.#mustRun(owner, ["crm_resource", "--wait"]);
    return owner;
  }

  course(): null {
    return null;
  }

  until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
    const describe = () => `${what}\n${this.#logs()}`;
    return until(condition, { timeoutMs: patienceMs, everyMs: askEveryMs, describe });
  }

  /** What one node says: how many are online, and who has both resources; 0: nobody. */
  async #seen(node: number): Promise<{ readonly online: number; readonly owner: number }> {
    const { stdout } = await this.net.execOnNode(node, ["crm_mon", "-1", "--output-as=xml"]);
    const online = [...stdout.matchAll(/<node [^>]*online="true"[^>]*pending="false"/g)].length;
    const started =
      /<resource id="(address|echo)"[^>]*role="Started"[^>]*>\s*<node name="node(\d)"/g;
    const owners = [...stdout.matchAll(started)].map(([, , owner]) => Number(owner));
    const [one = 0, other = -1] = owners;
    return { online, owner: one === other ? one : 0 };
  }

  #makeDirectories(node: number): void {
    const { uid, gid } = statSync("/var/lib/pacemaker/cib");
    const make = (path: string): void => {
      mkdirSync(path, { recursive: true });
      chownSync(path, uid, gid);
    };
    for (const name of ownDirectories) make(this.net.path(node, join("var/lib/pacemaker", name)));
    make(this.net.path(node, "var/log/pacemaker"));
    make(join(this.net.rootOf(node), "run/crm"));
  }

  async #mustRun(node: number, argv: readonly string[]): Promise<void> {
    const done = await this.net.execOnNode(node, argv);
    if (done.code === 0) return;
    throw new Error(`${argv.join(" ")}: exit ${done.code}: ${done.stderr}\n${this.#logs()}`);
  }

  #of(node: number): Daemons {
    const daemons = this.#daemons.get(node);
    if (daemons === undefined) throw new Error(`no corosync was started on node ${node}`);
    return daemons;
  }

  #logs(): string {
    const last = (text: string) => text.split("\n").slice(-20).join("\n");
    return [...this.#daemons]
      .map(([node, { corosync }]) => {
        const log = textOf(this.net.path(node, logPath));
        return `--- node${node}\n${last(corosync.output())}\n${last(log)}`;
      })
      .join("\n");
  }
}

function commandOf(pid: number): string {
  return textOf(`/proc/${pid}/cmdline`);
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** A failure moves the service at once, and nothing moves it back. */
const configuration = `<configuration>
  <crm_config><cluster_property_set id="settings">
    <nvpair id="fencing" name="stonith-enabled" value="false"/>
  </cluster_property_set></crm_config>
  <nodes/>
  <resources><group id="service">
    <primitive id="address" class="ocf" provider="heartbeat" type="IPaddr2">
      <instance_attributes id="address-attributes">
        <nvpair id="address-ip" name="ip" value="${serviceAddress}"/>
        <nvpair id="address-mask" name="cidr_netmask" value="24"/>
        <nvpair id="address-nic" name="nic" value="eth0"/>
      </instance_attributes>
      <operations><op id="address-monitor" name="monitor" interval="1s" timeout="20s"/></operations>
    </primitive>
    <primitive id="echo" class="lsb" type="echo">
      <operations><op id="echo-monitor" name="monitor" interval="1s" timeout="20s"/></operations>
    </primitive>
  </group></resources>
  <constraints/>
  <rsc_defaults><meta_attributes id="defaults">
    <nvpair id="sticky" name="resource-stickiness" value="100"/>
    <nvpair id="threshold" name="migration-threshold" value="1"/>
  </meta_attributes></rsc_defaults>
</configuration>`;
