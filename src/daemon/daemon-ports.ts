/**
 * Opens the ports of the daemon: network, processes, cgroups, brokers, and the token that marks its
 * agents.
 * Tested in: test/e2e/failover.test.ts
 */

import { AmqpBrokers } from "../io/amqp/broker-connections.ts";
import { systemClock } from "../io/clock.ts";
import { AddressClaims } from "../io/files/address-claims.ts";
import { FileStore } from "../io/files/file-store.ts";
import { MachineMemory } from "../io/files/machine-memory.ts";
import { StoredPromotion } from "../io/files/promotion-memory.ts";
import { machineName } from "../io/host/machine-name.ts";
import { Announcer, chooseAnnounceMechanism } from "../io/network/arp.ts";
import { addressMechanismText, LinuxNetwork, openAddresses } from "../io/network/linux-network.ts";
import { SsConnections } from "../io/network/tcp-connections.ts";
import type { Network } from "../io/network-ports.ts";
import type { LogSink } from "../io/ports.ts";
import { KernelFiles } from "../io/processes/kernel-files.ts";
import { SystemProcesses } from "../io/processes/process-runner.ts";
import { makeServiceCgroups, type ServiceCgroups } from "../io/processes/service-cgroups.ts";
import { readOwnQpiddConf } from "../io/qpidd-conf-file.ts";
import { loadSystemCalls } from "../io/system-calls.ts";
import type { LifeBrokerPorts } from "../life/node-life.ts";
import { OrderPerformer } from "../life/order-performer.ts";
import type { ServiceName } from "../model/ids.ts";
import { accept, type Result, refuse } from "../model/outcome.ts";
import { serviceAddresses } from "../services/tree/held-resources.ts";
import { settleInheritedAddresses } from "./inherited-addresses.ts";
import type { LoadedConf } from "./loaded-conf.ts";

export type DaemonPorts = {
  readonly network: Network;
  readonly processes: SystemProcesses;
  /** Null: the processes of services are found only by marks, and their end only by polling. */
  readonly cgroups: ServiceCgroups | null;
  /** The addresses that this node has added, in this life and in earlier ones. */
  readonly claims: AddressClaims;
  readonly trackingToken: string;
  /** The name of the kernel and the namespaces in which services are looked for. */
  readonly machine: string;
  /** On which machines the other nodes were in earlier lives. */
  readonly memory: MachineMemory;
  readonly performer: OrderPerformer;
  readonly brokerPorts: LifeBrokerPorts;
};

export type PortsOptions = {
  readonly loaded: LoadedConf;
  readonly stateDirectory: string;
  readonly log: LogSink;
  /** Called before an address is added. */
  readonly onClaimed: (address: string) => void;
  /** Called when a service must be checked at once. */
  readonly onContested: (service: ServiceName, why: string) => void;
};

/** Enough for all looks, each of which needs one descriptor at a time. */
const reservedDescriptors = 4;

/** Refuses, with the reason, if something cannot be opened. */
export async function openPorts(options: PortsOptions): Promise<Result<DaemonPorts, string>> {
  const { log } = options;
  const self = options.loaded.local.id;
  const store = new FileStore(options.stateDirectory);
  const token = await store.trackingToken();
  if (!token.ok) return refuse(`${token.problem.path}: ${token.problem.cause}`);
  const claims = await AddressClaims.open(options.stateDirectory);
  if (!claims.ok) return claims;
  const placed = await claims.value.reserveSpace();
  if (!placed.ok)
    log.write("services", "err", { text: `no address can be put up: ${placed.problem}` });
  const calls = await loadSystemCalls();
  const trackingToken = token.value;
  const files = new KernelFiles();
  files.reserve(reservedDescriptors);
  const cgroups = await openCgroups(options, { token: trackingToken, files });
  const processes = new SystemProcesses(cgroups, { files, forker: null });
  const run = processes.toolsOf(trackingToken);
  const addresses = await openAddresses(calls, run);
  if (!addresses.ok) return addresses;
  const how = addresses.value.type === "netlink" ? "info" : "warning";
  log.write("services", how, { text: addressMechanismText(addresses.value) });
  const mechanism = await chooseAnnounceMechanism(calls.ok ? calls.value : null);
  const level = mechanism.type === "none" ? "warning" : "info";
  log.write("services", level, { text: `addresses are announced by: ${mechanism.type}` });
  const { addresses: port } = addresses.value;
  const inherited = { addresses: port, claims: claims.value, log };
  const settled = await settleInheritedAddresses(inherited, serviceAddresses(options.loaded.conf));
  if (!settled.ok) return settled;
  const clock = systemClock(calls.ok ? calls.value : null);
  const machine = await machineName();
  const memory = await MachineMemory.open(options.stateDirectory, {
    machine,
    nowMs: clock.boottimeMs(),
    others: options.loaded.conf.nodes.map(({ id }) => id).filter((id) => id !== self),
    warn: (text) => log.write("fencing", "err", { text }),
  });
  const warn = (text: string): void => log.write("services", "warning", { text });
  const promotions = await StoredPromotion.open(options.stateDirectory, warn);
  const announcer = new Announcer({
    mechanism,
    interfaces: () => port.interfaces(),
    run,
    onFailure: warn,
  });
  const network = new LinuxNetwork(addresses.value, announcer);
  const { onClaimed, onContested } = options;
  const parts = {
    clock,
    processes,
    network,
    claims: claims.value,
    onClaimed,
    onContested,
    trackingToken,
  };
  const performer = new OrderPerformer(parts);
  return accept({
    network,
    processes,
    cgroups,
    claims: claims.value,
    trackingToken,
    machine,
    memory,
    performer,
    brokerPorts: brokerPorts(processes, promotions),
  });
}

function brokerPorts(processes: SystemProcesses, memory: StoredPromotion): LifeBrokerPorts {
  const [brokers, connections] = [new AmqpBrokers(), new SsConnections()];
  return { brokers, connections, readConf: readOwnQpiddConf, processes, memory };
}

async function openCgroups(
  { loaded, log }: PortsOptions,
  { token, files }: { readonly token: string; readonly files: KernelFiles },
): Promise<ServiceCgroups | null> {
  const names = loaded.conf.services.services.map(({ name }) => name);
  const made = await makeServiceCgroups(token, names, files);
  if (made.ok) return made.value;
  const text =
    `no cgroups for services (${made.problem}): their processes are found by marks in their ` +
    "environment only, and their end is noticed by polling only";
  log.write("services", "warning", { text });
  return null;
}
