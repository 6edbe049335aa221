/**
 * What can befall brokers under clusterd, one thing at a time: each act begins with a cluster at
 * rest, and ends when everything that is needed for its recovery is there again.
 */
import { primary, type RealCluster } from "./real-cluster.ts";

export type Stage = {
  readonly cluster: RealCluster;
  /** Its broker is the primary. */
  readonly owner: number;
  /** Nothing happens to this node, nor to its broker unless both backups are meant. */
  readonly witness: number;
  readonly backup: number;
};

export type BrokerFault = {
  readonly title: string;
  /** How often it is drawn beside the others. */
  readonly weight: number;
  /** Whether another broker must be the primary afterwards. */
  readonly moves: boolean;
  readonly act: (stage: Stage) => Promise<void>;
};

export const brokerFaults: readonly BrokerFault[] = [
  {
    title: "SIGKILL of the primary broker",
    weight: 5,
    moves: true,
    act: (stage) => signalBroker(stage, stage.owner, "SIGKILL"),
  },
  {
    title: "SIGSTOP of the primary broker",
    weight: 2,
    moves: true,
    act: (stage) => signalBroker(stage, stage.owner, "SIGSTOP"),
  },
  {
    title: "SIGTERM of the primary broker",
    weight: 2,
    moves: true,
    act: (stage) => signalBroker(stage, stage.owner, "SIGTERM"),
  },
  { title: "relocation", weight: 3, moves: true, act: relocate },
  {
    title: "SIGKILL of the primary and one backup",
    weight: 1,
    moves: true,
    act: async (stage) => {
      const ended = [stage.owner, stage.backup].map((node) => signalBroker(stage, node, "SIGKILL"));
      await Promise.all(ended);
    },
  },
  {
    title: "SIGKILL of a backup",
    weight: 2,
    moves: false,
    act: (stage) => signalBroker(stage, stage.backup, "SIGKILL"),
  },
  {
    title: "SIGSTOP of a backup",
    weight: 2,
    moves: false,
    act: (stage) => signalBroker(stage, stage.backup, "SIGSTOP"),
  },
  {
    title: "SIGKILL of both backups",
    weight: 1,
    moves: false,
    act: async (stage) => {
      const { witness, backup } = stage;
      const ended = [witness, backup].map((node) => signalBroker(stage, node, "SIGKILL"));
      await Promise.all(ended);
    },
  },
  {
    title: "SIGKILL of the owner's clusterd",
    weight: 2,
    moves: true,
    act: async (stage) => {
      const { cluster, owner } = stage;
      cluster.daemon(owner).kill("SIGKILL");
      await takenOver(stage);
      cluster.startDaemon(owner);
    },
  },
  {
    title: "SIGTERM of the owner's clusterd",
    weight: 2,
    moves: true,
    act: async (stage) => {
      const { cluster, owner } = stage;
      cluster.daemon(owner).kill("SIGTERM");
      await cluster.daemon(owner).exited;
      await takenOver(stage);
      cluster.startDaemon(owner);
    },
  },
  {
    title: "SIGSTOP of the owner's clusterd",
    weight: 1,
    moves: true,
    act: async (stage) => {
      const { cluster, owner } = stage;
      cluster.daemon(owner).kill("SIGSTOP");
      await takenOver(stage);
      cluster.daemon(owner).kill("SIGCONT");
    },
  },
  {
    title: "isolation of the owner, no fence device",
    weight: 1,
    moves: true,
    act: async (stage) => {
      const { cluster, owner } = stage;
      await cluster.net.cut(owner);
      await takenOver(stage);
      await cluster.net.heal(owner);
    },
  },
  {
    title: "isolation of a backup's node",
    weight: 1,
    moves: false,
    act: async ({ cluster, owner, backup }) => {
      await cluster.net.cut(backup);
      await cluster.until("the node is missed", async () => {
        const status = await cluster.status(owner);
        return status?.nodes.find(({ id }) => id === backup)?.online === false;
      });
      await cluster.net.heal(backup);
    },
  },
  {
    title: "power failure of the owner",
    weight: 1,
    moves: true,
    act: async (stage) => {
      const { cluster, owner } = stage;
      await cluster.net.powerOff(owner);
      await takenOver(stage);
      await cluster.net.heal(owner);
      cluster.startDaemon(owner);
    },
  },
];

function takenOver({ cluster, owner, witness }: Stage): Promise<void> {
  return cluster.takenOver(witness, owner, 60_000);
}

/** Until another process runs in its place: the cluster looks at rest before it has noticed. */
async function signalBroker(
  { cluster }: Stage,
  node: number,
  signal: NodeJS.Signals,
): Promise<void> {
  const before = cluster.brokers(node);
  for (const pid of before) process.kill(pid, signal);
  await cluster.until(`another broker on node ${node}`, () => {
    const now = cluster.brokers(node);
    return now.length > 0 && !now.some((pid) => before.includes(pid));
  });
}

async function relocate({ cluster, owner, backup }: Stage): Promise<void> {
  const [, name = ""] = primary.split(":");
  const to = ["-m", `node${backup}.example.com`];
  const done = await cluster.command(owner, "clusvcadm-ts", "-r", name, ...to);
  if (done.code !== 0) throw new Error(`clusvcadm-ts: ${done.stdout}${done.stderr}`);
}
