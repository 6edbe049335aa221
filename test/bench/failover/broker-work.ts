/**
 * Brokers that replicate, under a client that sends and counts: with the init scripts of the
 * published configuration, or with clusterd's own resources.
 */
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { withoutScripts } from "../../e2e/broker-cluster.ts";
import { project, publishedConf } from "../../e2e/real-cluster.ts";
import { serviceAddress } from "../../netns/node-files.ts";
import type { Silence, Work, WorkConf } from "./failover-work.ts";
import { withFence, writeFenceAgent } from "./instant-fence.ts";

const confPath = "/etc/cluster/cluster.conf";
/** One message every two milliseconds; nothing longer than this is a mere delay. */
const outageLeastMs = 60;
const patienceMs = 150;
const load = join(project, "build/test/broker/load.js");
const settled = ["active", "ready"];

export function brokerWork(how: "scripts" | "native"): Work {
  const confText = (conf: WorkConf): string => {
    const published = withFence(readFileSync(publishedConf, "utf8"), conf);
    return how === "scripts" ? published : withoutScripts(published);
  };
  return {
    service: "qpidd-primary-service",
    confPath,
    confText,
    writeFiles: (cluster, conf) => {
      for (const node of cluster.net.nodes) {
        const file = cluster.net.path(node, "etc/cluster/cluster.conf");
        writeFileSync(file, confText(conf));
        chmodSync(file, 0o600);
        writeFenceAgent(cluster, node);
      }
    },
    client: [
      process.execPath,
      load,
      `${serviceAddress}:5672`,
      ...["--rate", "500", "--window", "50"],
      ...["--patience", String(patienceMs), "--gaps", String(outageLeastMs)],
      "--progress",
    ],
    isOutage: ({ fromMs, toMs }: Silence) => toMs - fromMs >= outageLeastMs,
    kill: async (cluster, node) => {
      for (const pid of cluster.brokers(node)) process.kill(pid, "SIGKILL");
    },
    freeze: async (cluster, node) => {
      for (const pid of cluster.brokers(node)) process.kill(pid, "SIGSTOP");
    },
    isServed: (lines) => lines.some((line) => Number(line) > 0),
    isReady: ({ broker }) => settled.includes(broker.state),
  };
}
