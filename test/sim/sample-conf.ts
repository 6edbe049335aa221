/**
 * The published qpid configuration as the machines receive it, for tests that need no parser.
 */
import type {
  ClusterConf,
  FencingConf,
  NodeConf,
  QuorumConf,
  ResourceConf,
  ServiceConf,
} from "../../src/model/conf.ts";
import { parseNodeId, parseNodeName, parseServiceName } from "../../src/model/ids.ts";
import { ms } from "../../src/model/time.ts";

export type SampleOptions = {
  readonly nodes?: number;
  readonly fencing?: Partial<FencingConf>;
  readonly quorum?: Partial<QuorumConf>;
  readonly primary?: Partial<ServiceConf>;
  readonly brokers?: Partial<ServiceConf>;
  /** Whether the states of brokers decide; they are not simulated everywhere. */
  readonly qpid?: "observe" | "off";
  readonly hangRecovery?: "report" | "restart";
  /** Fence devices of every node. */
  readonly fenceMethods?: NodeConf["fenceMethods"];
  readonly unfence?: NodeConf["unfence"];
};

function present<Value>(value: Value | null): Value {
  if (value === null) throw new Error("bad sample");
  return value;
}

export function resource(
  type: string,
  key: string,
  rest: Partial<ResourceConf> = {},
): ResourceConf {
  const written = rest.attributes ?? [["name", key]];
  const rules = { actions: [], children: [] };
  return { type, key, line: 1, attributes: [], written, ...rules, ...rest };
}

export function script(name: string, rest: Partial<ResourceConf> = {}): ResourceConf {
  const attributes: ResourceConf["attributes"] = [
    ["name", name],
    ["file", `/etc/init.d/${name}`],
  ];
  return resource("script", name, { attributes, ...rest });
}

export function ip(address: string): ResourceConf {
  const attributes: ResourceConf["attributes"] = [
    ["address", address],
    ["monitor_link", "yes"],
    ["sleeptime", "0"],
  ];
  return resource("ip", address, { attributes });
}

export function sampleService(
  name: string,
  children: readonly ResourceConf[],
  rest: Partial<ServiceConf> = {},
): ServiceConf {
  return {
    name: present(parseServiceName(name)),
    line: 1,
    domain: null,
    autostart: true,
    exclusive: false,
    recovery: "restart",
    depend: null,
    dependMode: "hard",
    maxRestarts: 0,
    restartExpireMs: ms(0),
    priority: 0,
    retryDelayMs: ms(30_000),
    boundTo: null,
    tree: resource("service", name, { children }),
    ...rest,
  };
}

/** Every node has one: (3200 + 5000) x 1.01 + 1000. */
export const watchdogFencing = {
  selfFence: "watchdog",
  safeWaitMs: ms(9282),
  watchdog: { device: "/dev/watchdog", timeoutMs: ms(5000), safeWaitMs: ms(9282) },
} as const;

const sampleRm = { enabled: true, statusPollIntervalMs: ms(1000), statusChildMax: 5 };
const sampleHang = { timeoutMs: ms(30_000) };

export const virtualAddress = "20.0.20.200";

export function sampleConf(options: SampleOptions = {}): ClusterConf {
  const count = options.nodes ?? 3;
  const ids = Array.from({ length: count }, (_, index) => present(parseNodeId(index + 1)));
  return {
    name: "qpid-test",
    version: 18,
    clusterId: 55582,
    totem: sampleTotem,
    quorum: {
      expectedVotes: count,
      twoNode: false,
      waitForAll: false,
      tieBreaker: null,
      lastManStandingMs: null,
      ...options.quorum,
    },
    nodes: ids.map((node) => ({
      id: node,
      name: present(parseNodeName(`node${node}.example.com`)),
      votes: 1,
      fenceMethods: options.fenceMethods ?? [],
      unfence: options.unfence ?? [],
    })),
    fencing: {
      postJoinDelayMs: ms(6000),
      postFailDelayMs: ms(0),
      overrideTimeMs: ms(3000),
      cleanStart: false,
      skipUndefined: false,
      agentTimeoutMs: ms(60_000),
      selfFence: "auto",
      leaseMs: ms(3200),
      killTimeoutMs: ms(1000),
      safeWaitMs: ms(4442),
      watchdog: null,
      ...options.fencing,
    },
    accounts: [],
    logging: {
      priority: { totem: "info", quorum: "info", fencing: "info", services: "info" },
      logFile: null,
    },
    services: {
      ...sampleRm,
      brokers: options.qpid ?? "off",
      brokerHang: { ...sampleHang, recovery: options.hangRecovery ?? "report" },
      domains: ids.map((node) => ({
        name: `node${node}-domain`,
        ordered: false,
        restricted: true,
        nofailback: false,
        nodes: [{ node, priority: null }],
      })),
      services: [
        ...ids.map((node) =>
          sampleService(`node${node}-qpidd-service`, [script("qpidd")], {
            domain: `node${node}-domain`,
            boundTo: node,
            ...options.brokers,
          }),
        ),
        sampleService("qpidd-primary-service", [script("qpidd-primary"), ip(virtualAddress)], {
          recovery: "relocate",
          ...options.primary,
        }),
      ],
    },
  };
}

const sampleTotem: ClusterConf["totem"] = {
  transport: "udp",
  port: 5405,
  multicast: { address: "239.192.217.247", ttl: 1 },
  tokenMs: ms(1000),
  tokenRetransmitMs: ms(238),
  holdMs: ms(180),
  joinMs: ms(50),
  consensusMs: ms(1200),
  mergeMs: ms(200),
  failRecvMs: ms(2000),
  seqnoUnchangedVisits: 30,
  missCountVisits: 5,
  windowFrames: 50,
  maxFramesPerVisit: 17,
  widens: true,
  netmtuBytes: 1500,
  secauth: true,
  keyFile: null,
};
