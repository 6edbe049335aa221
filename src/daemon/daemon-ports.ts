/**
 * Opens what the daemon works with: network, processes, cgroups, the mark of its agents.
 * Does not know what for.
 */
import { Announcer, chooseAnnounceMeans } from "../io/arp.ts";
import { FileStore } from "../io/file-store.ts";
import { LinuxNetwork } from "../io/linux-network.ts";
import { machineName } from "../io/machine-name.ts";
import type { LogSink, Network } from "../io/ports.ts";
import { SystemProcesses } from "../io/process-runner.ts";
import { makeServiceCgroups, type ServiceCgroups } from "../io/service-cgroups.ts";
import { loadSystemCalls } from "../io/system-calls.ts";
import { findTool } from "../io/tool.ts";
import { accept, type Result, refuse } from "../model/outcome.ts";
import type { LoadedConfiguration } from "./configuration.ts";
import { OrderPerformer } from "./order-performer.ts";

export type DaemonPorts = {
  readonly network: Network;
  readonly processes: SystemProcesses;
  /** Null: the processes of services are found by their marks, and missed by polling. */
  readonly cgroups: ServiceCgroups | null;
  readonly trackingToken: string;
  /** Of the kernel and the namespaces in which services are looked for. */
  readonly machine: string;
  readonly performer: OrderPerformer;
};

export type PortsOptions = {
  readonly loaded: LoadedConfiguration;
  readonly stateDirectory: string;
  readonly log: LogSink;
};

/** The reason in words when something cannot be opened. */
export async function openPorts(options: PortsOptions): Promise<Result<DaemonPorts, string>> {
  const { log } = options;
  const store = new FileStore(options.stateDirectory);
  const token = await store.trackingToken();
  if (!token.ok) return refuse(`${token.problem.path}: ${token.problem.cause}`);
  const ip = await findTool("ip");
  if (ip === null) return refuse("the program ip (package iproute2) is not installed");
  const calls = await loadSystemCalls();
  const means = await chooseAnnounceMeans(calls.ok ? calls.value : null);
  const level = means.type === "none" ? "warning" : "info";
  log.write("services", level, { text: `addresses are announced by: ${means.type}` });
  const listing: { network: Network | null } = { network: null };
  const announcer = new Announcer({
    means,
    interfaces: async () => {
      const listed = await listing.network?.interfaces();
      return listed?.ok === true ? listed.value : [];
    },
    onFailure: (text) => log.write("services", "warning", { text }),
  });
  const network = new LinuxNetwork(ip, announcer);
  listing.network = network;
  const trackingToken = token.value;
  const cgroups = await openCgroups(options, trackingToken);
  const processes = new SystemProcesses(cgroups);
  const performer = new OrderPerformer({ processes, network, trackingToken });
  const machine = await machineName();
  return accept({ network, processes, cgroups, trackingToken, machine, performer });
}

async function openCgroups(
  { loaded, log }: PortsOptions,
  token: string,
): Promise<ServiceCgroups | null> {
  const names = loaded.conf.services.services.map(({ name }) => name);
  const made = await makeServiceCgroups(token, names);
  if (made.ok) return made.value;
  const text =
    `no cgroups for services (${made.problem}): their processes are found by marks in their ` +
    "environment only, and their end is noticed by polling only";
  log.write("services", "warning", { text });
  return null;
}
