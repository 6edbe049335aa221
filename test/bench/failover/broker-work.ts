/**
 * Brokers that replicate, under a client that sends and counts: with the init scripts of the
 * published configuration, or with clusterd's own resources.
 */
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { heartbeatDefaultMs } from "../../../src/brokers/own-broker.ts";
import { withoutScripts } from "../../e2e/broker-cluster.ts";
import { project, publishedConf } from "../../e2e/real-cluster.ts";
import { serviceAddress } from "../../netns/node-files.ts";
import type { Silence, Work, WorkConf } from "./failover-work.ts";
import { withFence } from "./fence-switch.ts";

const confPath = "/etc/cluster/cluster.conf";
/** One message every two milliseconds; nothing longer than this is a mere delay. */
const outageLeastMs = 60;
const patienceMs = 150;
const load = join(project, "build/test/broker/load.js");
const receive = join(project, "build/test/broker/receive.js");
const address = `${serviceAddress}:5672`;
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
      }
    },
    client: {
      argv: [
        process.execPath,
        load,
        address,
        ...["--rate", "500", "--window", "50"],
        ...["--patience", String(patienceMs), "--gaps", String(outageLeastMs)],
        "--progress",
      ],
      // Brokers would copy more with each run.
      clear: [process.execPath, receive, address, "--drain"],
      isOutage: ({ fromMs, toMs }: Silence) => toMs - fromMs >= outageLeastMs,
      isServed: (lines) => lines.some((line) => Number(line) > 0),
    },
    kill: async (cluster, node) => {
      for (const pid of cluster.brokers(node)) process.kill(pid, "SIGKILL");
    },
    freeze: {
      act: async (cluster, node) => {
        for (const pid of cluster.brokers(node)) process.kill(pid, "SIGSTOP");
      },
      // Two questions in a row stay without an answer.
      noticedMs: 2 * heartbeatDefaultMs,
    },
    isReady: ({ broker }) => settled.includes(broker.state),
  };
}
