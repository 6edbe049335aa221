/**
 * A cluster of broker processes on loopback, for tests: the stand-in, or a real one when
 * QPIDD_BIN names it.
 */
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Child } from "../netns/child.ts";
import { cleanEnvironment } from "../netns/enter.ts";
import { until } from "../netns/until.ts";
import type { HaState } from "./ha-states.ts";
import { QmfClient, type QmfValues } from "./qmf-client.ts";
import { asList, asMap, asText, asUuid } from "./qmf-values.ts";
import { isReal, realAccounts, realBroker } from "./real-broker.ts";

const here = dirname(fileURLToPath(import.meta.url));
const standIn: readonly string[] = [process.execPath, join(here, "main.js")];
export const brokerProgram = realBroker === undefined ? standIn : [realBroker];

/** What the member list of a broker says: state numbers by system id. */
export type MemberStates = Readonly<Record<string, number>>;

export class Broker {
  readonly port: number;
  readonly configFile: string;
  readonly #logFile: string;
  #child: Child | null = null;

  constructor(port: number, configFile: string) {
    this.port = port;
    this.configFile = configFile;
    this.#logFile = `${configFile}.log`;
  }

  async start(): Promise<void> {
    const own = isReal ? [] : ["--control", `${this.configFile}.control`];
    const argv = [...brokerProgram, "--config", this.configFile, ...own];
    this.#child = new Child(argv, { env: cleanEnvironment(), logFile: this.#logFile });
    await until(() => answers(this.port), { describe: () => this.log() });
  }

  /** Another value for a setting that the file has. */
  reconfigure(name: string, value: string): void {
    const text = readFileSync(this.configFile, "utf8");
    writeFileSync(
      this.configFile,
      text.replace(new RegExp(`^${name}=.*$`, "m"), `${name}=${value}`),
    );
  }

  /** One setting more. */
  configure(name: string, value: string): void {
    appendFileSync(this.configFile, `${name}=${value}\n`);
  }

  /** Ends the process at once, and waits until it has gone. */
  async kill(): Promise<void> {
    this.#child?.kill("SIGKILL");
    await this.#child?.exited;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get exited(): Child["exited"] | undefined {
    return this.#child?.exited;
  }

  /** Gives an order on the control socket of a stand-in, and returns the fields of the answer. */
  async order(...words: readonly (string | number)[]): Promise<QmfValues> {
    const socket = connect(`${this.configFile}.control`);
    socket.end(`${words.join(" ")}\n`);
    let text = "";
    for await (const chunk of socket) text += String(chunk);
    const answer = asMap(JSON.parse(text));
    if (answer["ok"] !== true) throw new Error(`${words.join(" ")}: ${text}`);
    return answer;
  }

  log(): string {
    return readFileSync(this.#logFile, "utf8");
  }

  client(timeoutMs = 15_000): Promise<QmfClient> {
    return QmfClient.open({ host: "127.0.0.1", port: this.port, timeoutMs });
  }

  /** One question over a connection of its own. */
  async ask<Value>(question: (client: QmfClient) => Promise<Value>): Promise<Value> {
    const client = await this.client();
    return question(client).finally(() => client.close());
  }

  status(): Promise<string> {
    return this.ask((client) => client.status());
  }

  promote(): Promise<void> {
    return this.ask((client) => client.promote());
  }

  systemId(): Promise<string> {
    return this.ask(async (client) => asUuid((await client.habroker())?.["systemId"]));
  }

  members(): Promise<MemberStates> {
    return this.ask(async (client) => {
      const members = asList((await client.habroker())?.["members"]).map(asMap);
      return Object.fromEntries(
        members.map((member) => [asUuid(member["system-id"]), Number(member["status"])]),
      );
    });
  }

  async waitFor(state: HaState, timeoutMs = 10_000): Promise<void> {
    await until(async () => (await this.status()) === state, {
      timeoutMs,
      describe: () => `state ${state}; log:\n${this.log()}`,
    });
  }

  linkState(): Promise<string> {
    return this.ask(async (client) => asText((await client.query("link"))[0]?.["state"]));
  }

  depth(queue: string): Promise<number> {
    return this.ask(async (client) => {
      const queues = await client.query("queue");
      return Number(queues.find((one) => asText(one["name"]) === queue)?.["msgDepth"] ?? -1);
    });
  }
}

export type ClusterOptions = {
  readonly count?: number;
  /** Of the ACL file, without which brokers with authentication end themselves; null: none. */
  readonly rules?: string | null;
  readonly settings?: Readonly<Record<string, string>>;
};

/** Brokers that know each other; not started yet. */
export class BrokerCluster {
  readonly brokers: readonly Broker[];
  readonly directory: string;

  private constructor(brokers: readonly Broker[], directory: string) {
    this.brokers = brokers;
    this.directory = directory;
  }

  static async prepare(options: ClusterOptions = {}): Promise<BrokerCluster> {
    const directory = mkdtempSync(join(tmpdir(), "clusterd-brokers-"));
    const ports = await freePorts(options.count ?? 3);
    const settings: Record<string, string> = {
      interface: "127.0.0.1",
      auth: "no",
      "no-data-dir": "yes",
      "ha-cluster": "yes",
      "ha-replicate": "all",
      "ha-brokers-url": ports.map((port) => `127.0.0.1:${port}`).join(","),
      "link-maintenance-interval": "0.1",
      "link-heartbeat-interval": "5",
      ...options.settings,
    };
    const { rules = settings["auth"] === "no" ? null : "acl allow all all\n" } = options;
    if (settings["auth"] !== "no" && realAccounts !== undefined) {
      settings["sasl-config"] = realAccounts;
    }
    const aclFile = join(directory, "acl");
    if (rules !== null) {
      writeFileSync(aclFile, rules);
      settings["acl-file"] = aclFile;
    }
    const brokers = ports.map((port, index) => {
      const file = join(directory, `broker${index + 1}.conf`);
      const lines = Object.entries({ ...settings, port: String(port) });
      writeFileSync(file, lines.map(([name, value]) => `${name}=${value}\n`).join(""));
      return new Broker(port, file);
    });
    return new BrokerCluster(brokers, directory);
  }

  static async start(options: ClusterOptions = {}): Promise<BrokerCluster> {
    const cluster = await BrokerCluster.prepare(options);
    await Promise.all(cluster.brokers.map((broker) => broker.start()));
    return cluster;
  }

  /** All started; the first one promoted, the others ready. */
  static async formed(options: ClusterOptions = {}): Promise<BrokerCluster> {
    const cluster = await BrokerCluster.start(options);
    const [first, ...others] = cluster.brokers;
    await first?.promote();
    await first?.waitFor("active");
    await Promise.all(others.map((broker) => broker.waitFor("ready")));
    return cluster;
  }

  broker(number: number): Broker {
    const broker = this.brokers[number - 1];
    if (broker === undefined) throw new Error(`no broker ${number}`);
    return broker;
  }

  async stop(): Promise<void> {
    await Promise.all(this.brokers.map((broker) => broker.kill()));
    rmSync(this.directory, { recursive: true });
  }
}

/** Whether somebody accepts connections. */
function answers(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  return new Promise((resolve) => {
    socket.on("connect", () => resolve(true));
    socket.on("error", () => resolve(false));
  }).then((answer) => {
    socket.destroy();
    return answer === true;
  });
}

/** Ports that nobody listens on at this moment, on any address. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve) => {
          server.listen(0, () => {
            const address = server.address();
            resolve(typeof address === "object" && address !== null ? address.port : 0);
          });
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
