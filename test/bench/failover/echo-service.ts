/**
 * The echo service: an init script whose daemon answers each datagram with the node's number, and
 * an address that moves with it. It needs next to no time of its own to start and to stop.
 */
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { project, type RealCluster } from "../../e2e/real-cluster.ts";
import { serviceAddress } from "../../netns/node-files.ts";
import type { Work, WorkConf } from "./failover-work.ts";
import { fenceDevices, fencedNode, writeFenceAgent } from "./instant-fence.ts";

const echoPort = 7007;
const client = join(project, "build/test/bench/failover/echo-client.js");
/** A service that was restarted where it was is silent for longer than the scheduler ever is. */
const restartLeastMs = 40;

export const echoWork: Work = {
  service: "echo",
  confPath: "/etc/cluster/cluster.conf",
  confText: echoConf,
  writeFiles: writeEchoFiles,
  client: [process.execPath, client, serviceAddress, String(echoPort)],
  isOutage: (silence) => {
    const moved = "before" in silence && "after" in silence && silence.before !== silence.after;
    return moved || silence.toMs - silence.fromMs > restartLeastMs;
  },
  // By the pid file, which is each node's own.
  kill: async (cluster, node) => {
    const script = 'kill -9 "$(cat /run/echo.pid)"';
    const killed = await cluster.net.execOnNode(node, ["sh", "-c", script]);
    if (killed.code !== 0) throw new Error(`kill: ${killed.stderr}`);
  },
  freeze: null,
  isServed: (lines) => lines.length > 0,
  isReady: () => true,
};

function echoConf({ totem, fenced, recovery }: WorkConf): string {
  const nodes = [1, 2, 3].map((id) => fencedNode(id, fenced));
  return `<cluster name="echo" config_version="1">
  <totem ${totem}/>
  <clusternodes>${nodes.join("")}</clusternodes>${fenceDevices(fenced)}
  <rm>
    <service name="echo" recovery="${recovery}">
      <ip address="${serviceAddress}" monitor_link="yes" sleeptime="0"/>
      <script name="echo" file="/etc/init.d/echo"/>
    </service>
  </rm>
</cluster>
`;
}

function writeEchoFiles(cluster: RealCluster, conf: WorkConf): void {
  for (const node of cluster.net.nodes) {
    const put = (path: string, text: string): void => {
      const file = cluster.net.path(node, path);
      mkdirSync(join(file, ".."), { recursive: true });
      writeFileSync(file, text);
      chmodSync(file, 0o755);
    };
    put("etc/cluster/cluster.conf", echoConf(conf));
    chmodSync(cluster.net.path(node, "etc/cluster/cluster.conf"), 0o600);
    put("etc/echo-server", server(node));
    put("etc/init.d/echo", script);
    writeFenceAgent(cluster, node);
  }
}

/** Perl is part of every Debian and starts within milliseconds. */
function server(node: number): string {
  return `#!/usr/bin/perl
use Socket;
socket(my $echo, PF_INET, SOCK_DGRAM, 0) or die "socket: $!";
setsockopt($echo, SOL_SOCKET, SO_REUSEADDR, 1);
bind($echo, sockaddr_in(${echoPort}, inet_aton("${serviceAddress}"))) or die "bind: $!";
open(my $ready, ">", "/run/echo.pid") or die "pid file: $!";
print $ready $$;
close $ready;
while (defined(my $from = recv($echo, my $asked, 64, 0))) { send($echo, "${node} echo", 0, $from); }
`;
}

const script = `#!/bin/sh
read -r pid </run/echo.pid 2>/dev/null
case $1 in
start)
  rm -f /run/echo.pid
  setsid /etc/echo-server </dev/null >/dev/null 2>&1 &
  while [ ! -s /run/echo.pid ]; do sleep 0.005; done ;;
stop) [ -z "$pid" ] || kill "$pid" 2>/dev/null; rm -f /run/echo.pid; exit 0 ;;
status) [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null || exit 3 ;;
esac
`;
