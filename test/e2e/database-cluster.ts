/**
 * Three nodes with the example of HAProxy and MariaDB: real programs, a directory of this machine
 * as shared storage, the stand-in for systemd, a client that knows the virtual address only, and
 * a judge who looks where databases run. To be used inside `enterNamespaces` only.
 */
import { spawnSync } from "node:child_process";
import {
  accessSync,
  chmodSync,
  chownSync,
  constants,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serviceAddress } from "../netns/node-files.ts";
import { networkOf } from "../netns/test-net.ts";
import { AddressSampler } from "./address-sampler.ts";
import { project, RealCluster } from "./real-cluster.ts";
import { installSystemd } from "./stand-in-systemd.ts";

export const database = "service:database";

const programs = [
  ["/usr/sbin/haproxy", "haproxy"],
  ["/usr/sbin/mariadbd", "mariadb-server"],
  ["/usr/bin/mariadb-install-db", "mariadb-server"],
  ["/usr/lib/ocf/resource.d/heartbeat/mysql", "resource-agents"],
] as const;

/** Why it cannot be played here, or null. To be asked inside the namespaces. */
export function databaseObstacle(): string | null {
  const missing = programs.filter(([path]) => !isExecutable(path)).map(([, name]) => name);
  if (missing.length > 0) return `not installed: ${[...new Set(missing)].join(", ")}`;
  const { uid } = databaseUser();
  const [, , mapped = "0"] = readFileSync("/proc/self/uid_map", "utf8").trim().split(/\s+/);
  if (uid > 0 && uid < Number(mapped)) return null;
  return "the agent of the database becomes another user, which needs root of the machine";
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function databaseUser(): { readonly uid: number; readonly gid: number } {
  const lines = readFileSync("/etc/passwd", "utf8").split("\n");
  const [, , uid = "0", gid = "0"] = (lines.find((one) => one.startsWith("mysql:")) ?? "").split(
    ":",
  );
  return { uid: Number(uid), gid: Number(gid) };
}

const schema = `FLUSH PRIVILEGES;
CREATE DATABASE shop;
CREATE TABLE shop.orders (number INT PRIMARY KEY) ENGINE=InnoDB;
CREATE USER 'shop'@'%' IDENTIFIED BY 'shop';
GRANT ALL ON shop.* TO 'shop'@'%';
`;

export class DatabaseCluster {
  readonly cluster: RealCluster;
  readonly addresses: AddressSampler;
  /** Moments with more than one database on the data. */
  readonly databases: AddressSampler;
  readonly #directory: string;
  readonly #user = databaseUser();
  readonly #off = new Set<number>();

  constructor() {
    this.#directory = mkdtempSync(join(tmpdir(), "clusterd-database-"));
    chmodSync(this.#directory, 0o755);
    const conf = join(this.#directory, "cluster.conf");
    const example = readFileSync(join(project, "conf/haproxy-mariadb.conf.example"), "utf8");
    writeFileSync(conf, example.replace("/srv/database/mysql", this.#tables));
    this.cluster = new RealCluster({ conf });
    this.addresses = new AddressSampler(() =>
      this.cluster.net.holders(serviceAddress).filter((node) => !this.#off.has(node)),
    );
    this.databases = new AddressSampler(() => this.databaseNodes(), 50);
  }

  get #tables(): string {
    return join(this.#directory, "mysql");
  }

  async start(): Promise<void> {
    this.#makeDatabase();
    await this.cluster.start();
    const { uid, gid } = this.#user;
    for (const node of this.cluster.net.nodes) {
      installSystemd(this.cluster, node);
      const etc = this.cluster.net.path(node, "etc/haproxy");
      mkdirSync(etc, { recursive: true });
      copyFileSync(join(project, "conf/haproxy.cfg.example"), join(etc, "haproxy.cfg"));
      const log = this.cluster.net.path(node, "var/log/mysql");
      mkdirSync(log, { recursive: true });
      chownSync(log, uid, gid);
      const own = this.cluster.net.path(node, "etc/mysql/mariadb.conf.d/99-test.cnf");
      writeFileSync(own, "[mariadbd]\ninnodb_buffer_pool_size=16M\n");
    }
    this.addresses.start();
    this.databases.start();
    this.cluster.startAll();
  }

  async stop(): Promise<void> {
    this.addresses.stop();
    this.databases.stop();
    await this.cluster.stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** Its network stays behind, with addresses that nobody can reach any more. */
  async powerOff(node: number): Promise<void> {
    await this.cluster.net.powerOff(node);
    this.#off.add(node);
  }

  /** Process ids by name of the program, on one node or on all. */
  processes(name: string, node: number | null = null): readonly number[] {
    const network = node === null ? null : networkOf(this.cluster.net.viewPid(node));
    return readdirSync("/proc")
      .filter((entry) => /^[1-9]\d*$/.test(entry))
      .map(Number)
      .filter((pid) => commandOf(pid) === name)
      .filter((pid) => network === null || networkOf(pid) === network);
  }

  /** SIGKILL to all of them; some end as soon as the first one has. */
  kill(name: string, node: number): void {
    for (const pid of this.processes(name, node)) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {}
    }
  }

  /** One entry for each running database. */
  databaseNodes(): readonly number[] {
    const networks = this.cluster.net.nodes.map((node) =>
      networkOf(this.cluster.net.viewPid(node)),
    );
    return this.processes("mariadbd").map((pid) => networks.indexOf(networkOf(pid)) + 1);
  }

  /** Waits until the service runs on another node, or started again on the same one. */
  async movedFrom(owner: number, witness: number): Promise<number> {
    await this.cluster.until(
      "the database runs elsewhere",
      async () => {
        const service = await this.cluster.service(witness, database);
        return service?.state === "started" && service.owner !== owner;
      },
      90_000,
    );
    return await this.cluster.started(witness, database);
  }

  /** What a statement answers through the virtual address; null when it fails. */
  async ask(statement: string): Promise<string | null> {
    const done = await this.cluster.net.execClient([
      ...["mariadb", "--no-defaults", "--batch", "--skip-column-names", "--connect-timeout=2"],
      ...["-h", serviceAddress, "-u", "shop", "-pshop", "shop", "-e", statement],
    ]);
    return done.code === 0 ? done.stdout.trim() : null;
  }

  #makeDatabase(): void {
    const { uid, gid } = this.#user;
    mkdirSync(this.#tables);
    chownSync(this.#tables, uid, gid);
    mustRun([
      ...["/usr/bin/mariadb-install-db", "--no-defaults", `--datadir=${this.#tables}`],
      ...["--user=mysql", "--skip-test-db", "--auth-root-authentication-method=normal"],
    ]);
    const words = ["--no-defaults", "--bootstrap", `--datadir=${this.#tables}`, "--user=mysql"];
    mustRun(["/usr/sbin/mariadbd", ...words], schema);
  }
}

/** Writes one row after the other; remembers those that were acknowledged. */
export class RowWriter {
  readonly acknowledged: number[] = [];
  readonly #cluster: DatabaseCluster;
  #running = true;
  #done: Promise<void> | null = null;
  #lastMs = performance.now();
  longestGapMs = 0;

  constructor(cluster: DatabaseCluster) {
    this.#cluster = cluster;
  }

  start(): void {
    this.#lastMs = performance.now();
    this.#done = this.#write();
  }

  async stop(): Promise<void> {
    this.#running = false;
    await this.#done;
  }

  /** Acknowledged rows that are not there; what is not answered says nothing of any row. */
  async lost(): Promise<readonly number[]> {
    const acknowledged = [...this.acknowledged];
    let answer: string | null = null;
    await this.#cluster.cluster.until("all rows", async () => {
      answer = await this.#cluster.ask("SELECT number FROM orders");
      return answer !== null;
    });
    const rows = new Set((answer ?? "").split("\n"));
    return acknowledged.filter((number) => !rows.has(String(number)));
  }

  async #write(): Promise<void> {
    for (let number = 1; this.#running; ) {
      // A row whose acknowledgement was lost is there already.
      const done = await this.#cluster.ask(`INSERT IGNORE INTO orders VALUES (${number})`);
      if (done === null) continue;
      this.acknowledged.push(number);
      number += 1;
      this.longestGapMs = Math.max(this.longestGapMs, performance.now() - this.#lastMs);
      this.#lastMs = performance.now();
    }
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  } catch {
    return "";
  }
}

function mustRun(argv: readonly string[], input = ""): void {
  const [program = "", ...rest] = argv;
  const done = spawnSync(program, rest, {
    input,
    encoding: "utf8",
    env: { PATH: "/usr/bin:/bin:/usr/sbin:/sbin" },
  });
  if (done.status !== 0) throw new Error(`${argv.join(" ")}: ${done.stdout}${done.stderr}`);
}
