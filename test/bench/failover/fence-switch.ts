/**
 * A fence device that takes the power of a node within milliseconds, so that nothing is measured
 * but everything else: its agent asks this process, which ends all that runs on the node.
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestNet } from "../../netns/test-net.ts";
import type { WorkConf } from "./failover-work.ts";

const devices = '<fencedevices><fencedevice name="d" agent="fence_at_once"/></fencedevices>';

/** Where clusterd looks for agents; private to the node. */
const agentPath = "usr/local/sbin/fence_at_once";

export class FenceSwitch {
  readonly #net: TestNet;
  #directory: string | null = null;
  readonly #server: Server;

  constructor(net: TestNet) {
    this.#net = net;
    this.#server = createServer((socket) => {
      socket.on("error", () => {});
      socket.once("data", (asked) => void this.#powerOff(Number(asked.toString("latin1")), socket));
    });
  }

  async start(): Promise<void> {
    // Where the nodes see it, too.
    this.#directory = mkdtempSync(join(tmpdir(), "fence-switch-"));
    const path = join(this.#directory, "socket");
    await new Promise<void>((resolve) => this.#server.listen(path, resolve));
    for (const node of this.#net.nodes) {
      const agent = join(this.#net.rootOf(node), agentPath);
      mkdirSync(join(agent, ".."), { recursive: true });
      writeFileSync(agent, agentText(path));
      chmodSync(agent, 0o755);
    }
  }

  stop(): void {
    this.#server.close();
    if (this.#directory !== null) rmSync(this.#directory, { recursive: true, force: true });
  }

  async #powerOff(node: number, socket: Socket): Promise<void> {
    const done = this.#net.nodes.includes(node);
    if (done) await this.#net.powerOff(node);
    socket.end(done ? "off\n" : "unknown node\n");
  }
}

/** Perl is part of every Debian and starts within milliseconds. */
function agentText(socket: string): string {
  return `#!/usr/bin/perl
use Socket;
my %given = (action => "reboot");
while (<STDIN>) { $given{$1} = $2 if /^(\\w+)=(.*)$/; }
exit 0 unless $given{action} =~ /^(off|reboot)$/;
socket(my $switch, PF_UNIX, SOCK_STREAM, 0) or die "socket: $!";
connect($switch, sockaddr_un("${socket}")) or die "connect: $!";
syswrite($switch, $given{port});
exit(<$switch> eq "off\\n" ? 0 : 1);
`;
}

/** The element of one node, with its fence device if there are any. */
export function fencedNode(id: number, fencing: WorkConf["fencing"]): string {
  const device = `<fence><method name="1"><device name="d" port="${id}"/></method></fence>`;
  const fence = fencing === "device" ? device : "";
  return `<clusternode name="node${id}.example.com" nodeid="${id}">${fence}</clusternode>`;
}

export function fenceDevices(fencing: WorkConf["fencing"]): string {
  return fencing === "device" ? devices : "";
}

/** The configuration with other nodes, and with attributes of the ring. */
export function withFence(conf: string, { totem, fencing, recovery }: WorkConf): string {
  const nodes = [1, 2, 3].map((id) => fencedNode(id, fencing)).join("");
  const members = `<totem ${totem}/><clusternodes>${nodes}</clusternodes>${fenceDevices(fencing)}`;
  return conf
    .replace(/<clusternodes>.*<\/clusternodes>/s, members)
    .replace(/(name="qpidd-primary-service"[^>]*recovery=)"relocate"/, `$1"${recovery}"`);
}
