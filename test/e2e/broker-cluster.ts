/** Clusters of real brokers under test: their states, and configurations without init scripts. */
import type { RealCluster } from "./real-cluster.ts";

/** As the node sees its own broker. */
export async function brokerState(cluster: RealCluster, node: number): Promise<string> {
  return (await cluster.status(node))?.broker.state ?? "unknown";
}

/** Waits until the broker of the owner is primary, and all others have everything. */
export function brokersSettled(cluster: RealCluster, owner: number): Promise<void> {
  return cluster.until(`node ${owner} is primary, the others are ready`, async () => {
    const states = await Promise.all(cluster.net.nodes.map((node) => brokerState(cluster, node)));
    return states.every((state, at) => state === (at + 1 === owner ? "active" : "ready"));
  });
}

/** The published configuration with resources of clusterd in place of the scripts. */
export function withoutScripts(conf: string): string {
  const broker = '<qpidd name="qpidd" binary="/etc/qpid/bin/qpidd" run_as="root"/>';
  return conf
    .replace('<script file="/etc/init.d/qpidd" name="qpidd"/>', broker)
    .replace(
      '<script file="/etc/init.d/qpidd-primary" name="qpidd-primary"/>',
      '<qpidd-primary name="qpidd-primary"/>',
    )
    .replaceAll('<script ref="qpidd"/>', '<qpidd ref="qpidd"/>')
    .replace('<script ref="qpidd-primary"/>', '<qpidd-primary ref="qpidd-primary"/>');
}
