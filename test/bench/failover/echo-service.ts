/**
 * The echo service: an init script whose daemon answers each datagram with the node's number, and
 * an address that moves with it. It needs next to no time of its own to start and to stop.
 */
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { project } from "../../e2e/real-cluster.ts";
import { serviceAddress } from "../../netns/node-files.ts";
import type { TestNet } from "../../netns/test-net.ts";
import type { ServiceClient, Work, WorkConf } from "./failover-work.ts";
import { fenceDevices, fencedNode } from "./fence-switch.ts";

const echoPort = 7007;
const client = join(project, "build/test/bench/failover/echo-client.js");
/** A service that was restarted where it was is silent for longer than the scheduler ever is. */
const restartLeastMs = 40;

export const echoScript = "/etc/init.d/echo";
const confPath = "/etc/cluster/cluster.conf";

export const echoClient: ServiceClient = {
  argv: [process.execPath, client, serviceAddress, String(echoPort)],
  clear: null,
  isOutage: (silence) => {
    const moved = "before" in silence && "after" in silence && silence.before !== silence.after;
    return moved || silence.toMs - silence.fromMs > restartLeastMs;
  },
  isServed: (lines) => lines.length > 0,
};

export const echoWork: Work = {
  service: "echo",
  confPath,
  confText: echoConf,
  writeFiles: ({ net }, conf) => {
    writeEchoService(net);
    for (const node of net.nodes) writeNodeFile(net, { node, path: confPath }, echoConf(conf));
  },
  client: echoClient,
  kill: ({ net }, node) => killEcho(net, node),
  freeze: null,
  isReady: () => true,
};

/** The init script of every node, and what it starts. */
export function writeEchoService(net: TestNet): void {
  for (const node of net.nodes) {
    for (const [path, text] of [
      ["/etc/echo-server", server(node)],
      [echoScript, script],
    ] as const) {
      writeNodeFile(net, { node, path }, text);
      chmodSync(net.path(node, path), 0o755);
    }
  }
}

/** By the pid file, which is each node's own. */
export async function killEcho(net: TestNet, node: number): Promise<void> {
  const killed = await net.execOnNode(node, ["sh", "-c", 'kill -9 "$(cat /run/echo.pid)"']);
  if (killed.code !== 0) throw new Error(`kill: ${killed.stderr}`);
}

/** A file that only root may read, below /etc, /var/lib or /var/log of the node. */
export function writeNodeFile(
  net: TestNet,
  { node, path }: { readonly node: number; readonly path: string },
  text: string,
): void {
  const file = net.path(node, path);
  mkdirSync(join(file, ".."), { recursive: true });
  writeFileSync(file, text);
  chmodSync(file, 0o600);
}

function echoConf({ totem, fencing, recovery }: WorkConf): string {
  const nodes = [1, 2, 3].map((id) => fencedNode(id, fencing));
  return `<cluster name="echo" config_version="1">
  <totem ${totem}/>
  <clusternodes>${nodes.join("")}</clusternodes>${fenceDevices(fencing)}
  <rm>
    <service name="echo" recovery="${recovery}">
      <ip address="${serviceAddress}" monitor_link="yes" sleeptime="0"/>
      <script name="echo" file="${echoScript}"/>
    </service>
  </rm>
</cluster>
`;
}

/**
 * Perl is part of every Debian and starts within milliseconds. IP_FREEBIND (15): under keepalived
 * the service runs on nodes that do not hold the address.
 */
function server(node: number): string {
  return `#!/usr/bin/perl
use Socket;
socket(my $echo, PF_INET, SOCK_DGRAM, 0) or die "socket: $!";
setsockopt($echo, SOL_SOCKET, SO_REUSEADDR, 1);
setsockopt($echo, 0, 15, 1) or die "IP_FREEBIND: $!";
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
status)
  [ -n "$pid" ] && read -r name 2>/dev/null </proc/$pid/comm || exit 3
  [ "$name" = echo-server ] || exit 3 ;;
esac
`;
