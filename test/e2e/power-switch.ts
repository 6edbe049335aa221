/**
 * Fence devices for the test network: one BMC per node, served by ipmi_sim on the client's machine.
 * Its power switch kills every process of the node, and starts clusterd there again.
 */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Child } from "../netns/child.ts";
import { clientAddress, nodeAddress } from "../netns/node-files.ts";
import { networkOf, type TestNet } from "../netns/test-net.ts";

export const bmcLogin = "admin";
export const bmcPassword = "hunter2-bmc";

const programs: readonly (readonly [string, string])[] = [
  ["/usr/sbin/fence_ipmilan", "fence-agents"],
  ["/usr/bin/ipmi_sim", "openipmi"],
  ["/usr/bin/ipmitool", "ipmitool"],
];

/** Null, or what is missing. */
export function powerSwitchProblem(): string | null {
  const missing = programs.find(([program]) => !existsSync(program));
  return missing === undefined ? null : `${missing[0]} (package ${missing[1]}) is not installed`;
}

export function bmcPort(node: number): number {
  return 9620 + node;
}

/** Attributes of the node's `<fencedevice>`. */
export function bmcDevice(node: number): string {
  return (
    `<fencedevice name="bmc${node}" agent="fence_ipmilan" ipaddr="${clientAddress}"` +
    ` ipport="${bmcPort(node)}" login="${bmcLogin}" passwd="${bmcPassword}" lanplus="1"` +
    ' cipher="3" power_wait="1"/>'
  );
}

export class PowerSwitch {
  readonly #directory: string;
  readonly #simulator: Child;

  /** `start`: the shell command that a node runs when its power comes back. */
  constructor(net: TestNet, node: number, start: string) {
    // Where the client sees it, too.
    this.#directory = mkdtempSync(join(tmpdir(), `bmc${node}-`));
    mkdirSync(join(this.#directory, "state"));
    const write = (name: string, text: string) => writeFileSync(this.#at(name), text);
    write("power", "1\n");
    write("lan.conf", lanConf(node, `${this.#at("chassis.sh")} 0x20`));
    write("bmc.emu", emulation);
    write(
      "chassis.sh",
      this.#chassis({ view: net.viewPid(node), address: nodeAddress(node), start }),
    );
    chmodSync(this.#at("chassis.sh"), 0o755);
    const files = ["-c", this.#at("lan.conf"), "-f", this.#at("bmc.emu"), "-s", this.#at("state")];
    this.#simulator = net.spawnClient(["ipmi_sim", "-n", ...files]);
  }

  /** What the switch was told, oldest first: `off` and `on`. */
  get acts(): readonly string[] {
    const file = this.#at("acts");
    return existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(0, -1) : [];
  }

  /** The BMC does not answer any more. */
  async stop(): Promise<void> {
    this.#simulator.kill("SIGKILL");
    await this.#simulator.exited;
    rmSync(this.#directory, { recursive: true });
  }

  #at(name: string): string {
    return join(this.#directory, name);
  }

  #chassis(at: {
    readonly view: number;
    readonly address: string;
    readonly start: string;
  }): string {
    const { view, address, start } = at;
    const enter = `nsenter -t ${view} -n -m -u --`;
    return `#!/bin/sh
# DEVICE get power | DEVICE set power 0|1
case "$2 $3 $4" in
  "get power "*) echo "power:$(cat ${this.#at("power")})" ;;
  "set power 0")
    echo off >>${this.#at("acts")}
    for pass in 1 2 3; do
      for entry in /proc/[0-9]*; do
        pid=\${entry#/proc/}
        [ "$pid" = ${view} ] && continue
        [ "$(readlink "$entry/ns/net" 2>/dev/null)" = "${networkOf(view)}" ] && kill -9 "$pid"
      done
    done
    # What the kernel of a machine without power forgets.
    ${enter} ip addr flush dev eth0
    ${enter} ip addr add ${address}/24 brd + dev eth0
    echo 0 >${this.#at("power")}
    ;;
  "set power 1")
    echo on >>${this.#at("acts")}
    echo 1 >${this.#at("power")}
    setsid ${enter} sh -c '${start}' </dev/null >/dev/null 2>&1 &
    ;;
esac
exit 0
`;
  }
}

function lanConf(node: number, chassis: string): string {
  const levels = ["callback", "user", "operator", "admin"];
  return [
    `name "bmc${node}"`,
    "set_working_mc 0x20",
    "  startlan 1",
    `    addr ${clientAddress} ${bmcPort(node)}`,
    "    priv_limit admin",
    ...levels.map((level) => `    allowed_auths_${level} none md2 md5 straight`),
    "    guid a123456789abcdefa123456789abcdef",
    "  endlan",
    `  chassis_control "${chassis}"`,
    '  user 1 true "" "test" user 10 none md2 md5 straight',
    `  user 2 true "${bmcLogin}" "${bmcPassword}" admin 10 none md2 md5 straight`,
    "",
  ].join("\n");
}

const emulation = `mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr
sel_enable 0x20 1000 0x0a
mc_enable 0x20
`;
