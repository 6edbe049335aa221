/**
 * The echo service: an init script whose daemon answers each datagram with the node's number, and
 * an address that moves with it. It needs next to no time of its own to start and to stop.
 */
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { RealCluster } from "../../e2e/real-cluster.ts";
import { serviceAddress } from "../../netns/node-files.ts";

export const echoPort = 7007;
export const echoService = "service:echo";

/** Attributes and elements that differ between the scenes. */
export type EchoConf = {
  readonly totem: string;
  /** An agent that finds its victim off at once: nothing but the ring's own times is left. */
  readonly fenced: boolean;
  readonly recovery: "relocate" | "restart";
};

export function echoConf({ totem, fenced, recovery }: EchoConf): string {
  const fence = (id: number): string =>
    fenced ? `<fence><method name="1"><device name="d" port="${id}"/></method></fence>` : "";
  const nodes = [1, 2, 3].map(
    (id) => `<clusternode name="node${id}.example.com" nodeid="${id}">${fence(id)}</clusternode>`,
  );
  const devices = '<fencedevices><fencedevice name="d" agent="fence_at_once"/></fencedevices>';
  return `<cluster name="echo" config_version="1">
  <totem ${totem}/>
  <clusternodes>${nodes.join("")}</clusternodes>${fenced ? devices : ""}
  <rm>
    <service name="echo" recovery="${recovery}">
      <ip address="${serviceAddress}" monitor_link="yes" sleeptime="0"/>
      <script name="echo" file="/etc/init.d/echo"/>
    </service>
  </rm>
</cluster>
`;
}

export function writeEchoFiles(cluster: RealCluster, conf: EchoConf): void {
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
    const sbin = `${cluster.net.rootOf(node)}/usr/local/sbin`;
    mkdirSync(sbin, { recursive: true });
    writeFileSync(join(sbin, "fence_at_once"), "#!/bin/sh\nexec cat >/dev/null\n");
    chmodSync(join(sbin, "fence_at_once"), 0o755);
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
