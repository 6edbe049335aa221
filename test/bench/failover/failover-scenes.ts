/**
 * What is done to a cluster that serves a client, how the cluster gets well again, and which time
 * the outage cannot be shorter than.
 */
import type { RealCluster } from "../../e2e/real-cluster.ts";
import type { Work, WorkConf } from "./failover-work.ts";

export type Timers = { readonly tokenMs: number; readonly consensusMs: number };

/** An act on the node that runs the service; `others` are the two that do not. */
export type Stage = {
  readonly cluster: RealCluster;
  readonly work: Work;
  readonly owner: number;
  readonly others: readonly [number, number];
};

export type Scene = {
  readonly name: string;
  /** Only for works that can do this. */
  readonly needs?: "freeze";
  readonly conf: Pick<WorkConf, "fenced" | "recovery">;
  /** Returns how long a command took, if the scene is about one. */
  readonly act: (stage: Stage) => Promise<number | null>;
  readonly mend: (stage: Stage) => Promise<void>;
  /** In milliseconds; what follows from the timers and nothing else. `safeWaitMs`: D. */
  readonly bound: (timers: Timers & { readonly safeWaitMs: number }) => number;
};

const plain = { fenced: false, recovery: "relocate" } as const;
const fenced = { fenced: true, recovery: "relocate" } as const;
const nothing = (): Promise<void> => Promise.resolve();
const noTime = (): number => 0;

export const scenes: readonly Scene[] = [
  {
    name: "relocate",
    conf: plain,
    act: async ({ cluster, work, others: [target] }) => {
      const began = performance.now();
      const to = `node${target}.example.com`;
      const moved = await cluster.command(target, "clusvcadm-ts", "-r", work.service, "-m", to);
      if (moved.code !== 0) throw new Error(`clusvcadm-ts: ${moved.stdout}${moved.stderr}`);
      return performance.now() - began;
    },
    mend: nothing,
    bound: noTime,
  },
  {
    name: "process killed, relocated",
    conf: plain,
    act: kill,
    mend: nothing,
    bound: noTime,
  },
  {
    name: "process killed, restarted",
    conf: { fenced: false, recovery: "restart" },
    act: kill,
    mend: nothing,
    bound: noTime,
  },
  {
    name: "process stands still",
    needs: "freeze",
    conf: plain,
    act: async ({ cluster, work, owner }) => {
      await work.freeze?.(cluster, owner);
      return null;
    },
    mend: nothing,
    bound: noTime,
  },
  {
    name: "isolated, instant fence",
    conf: fenced,
    act: isolate,
    mend: ({ cluster, owner }) => cluster.net.heal(owner),
    bound: ({ tokenMs, consensusMs }) => tokenMs + consensusMs,
  },
  {
    name: "isolated, self-fencing",
    conf: plain,
    act: isolate,
    mend: ({ cluster, owner }) => cluster.net.heal(owner),
    bound: ({ safeWaitMs }) => safeWaitMs,
  },
  {
    name: "clusterd killed",
    conf: plain,
    act: async ({ cluster, owner }) => {
      cluster.daemon(owner).kill("SIGKILL");
      await cluster.daemon(owner).exited;
      return null;
    },
    mend: restart,
    bound: noTime,
  },
  {
    // Nobody ends the service, so nobody else can have its address before clusterd runs again.
    name: "both killed, clusterd started",
    conf: plain,
    act: async ({ cluster, owner, others: [witness] }) => {
      const guard = cluster.guard(owner);
      process.kill(guard, "SIGKILL");
      cluster.daemon(owner).kill("SIGKILL");
      await cluster.daemon(owner).exited;
      await cluster.until("the safe wait is over", async () => {
        const nodes = (await cluster.status(witness))?.nodes ?? [];
        return nodes.find(({ id }) => id === owner)?.fence.startsWith("fenced") === true;
      });
      cluster.startDaemon(owner);
      return null;
    },
    mend: nothing,
    bound: noTime,
  },
  {
    name: "node off, instant fence",
    conf: fenced,
    act: powerOff,
    mend: powerOn,
    bound: ({ tokenMs, consensusMs }) => tokenMs + consensusMs,
  },
  {
    name: "node off, no fence device",
    conf: plain,
    act: powerOff,
    mend: powerOn,
    bound: ({ safeWaitMs }) => safeWaitMs,
  },
  {
    name: "clean leave of the owner",
    conf: plain,
    act: async ({ cluster, owner }) => {
      cluster.daemon(owner).kill("SIGTERM");
      await cluster.daemon(owner).exited;
      return null;
    },
    mend: restart,
    bound: noTime,
  },
  {
    name: "cold start",
    conf: plain,
    act: async ({ cluster }) => {
      for (const node of cluster.net.nodes) cluster.daemon(node).kill("SIGTERM");
      await Promise.all(cluster.net.nodes.map((node) => cluster.daemon(node).exited));
      cluster.startAll();
      return null;
    },
    mend: nothing,
    bound: noTime,
  },
];

async function isolate({ cluster, owner }: Stage): Promise<null> {
  await cluster.net.cut(owner);
  return null;
}

async function kill({ cluster, work, owner }: Stage): Promise<null> {
  await work.kill(cluster, owner);
  return null;
}

async function restart({ cluster, owner }: Stage): Promise<void> {
  cluster.startDaemon(owner);
}

async function powerOff({ cluster, owner }: Stage): Promise<null> {
  await cluster.net.powerOff(owner);
  return null;
}

async function powerOn({ cluster, owner }: Stage): Promise<void> {
  await cluster.net.heal(owner);
  cluster.startDaemon(owner);
}

/** Three members, all of them ready, the service started: as every one of them sees it. */
export async function settled(cluster: RealCluster, work: Work): Promise<number> {
  let owner = 0;
  await cluster.until(
    "three ready nodes and the service",
    async () => {
      const seen = await Promise.all(cluster.net.nodes.map((node) => cluster.status(node)));
      const owners = seen.map((status) => {
        const ready = status?.nodes.filter((node) => node.ready).length === 3;
        const service = status?.services?.find(({ name }) => name === `service:${work.service}`);
        const serves = status !== null && work.isReady(status) && service?.state === "started";
        return ready && serves ? (service.owner ?? 0) : 0;
      });
      owner = owners[0] ?? 0;
      return owner !== 0 && owners.every((one) => one === owner);
    },
    60_000,
  );
  return owner;
}
