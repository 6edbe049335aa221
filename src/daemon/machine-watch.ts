/**
 * Watches links, addresses and the ends of processes on this machine, and says which service must
 * be checked at once because of an event.
 * Source: rtnetlink(7) for links and addresses, cgroups(7) for the ends of processes.
 * Tested in: test/e2e/failover.test.ts, test/e2e/death-events.test.ts
 */
import type { LinkEvent } from "../io/network-ports.ts";
import type { Stop } from "../io/ports.ts";
import type { ServiceName } from "../model/ids.ts";
import type { DaemonPorts } from "./daemon-ports.ts";
import type { RingLink } from "./ring-link.ts";

export type MachineWatch = Pick<DaemonPorts, "network" | "cgroups" | "claims"> & {
  readonly ringLink: RingLink;
  /** `service` is null where any service may be hurt. */
  readonly checkNow: (service: ServiceName | null, why: string) => void;
};

/** Returns what ends the watch. */
export function watchMachine(watch: MachineWatch): Stop {
  const { network, cgroups, checkNow } = watch;
  const stopNetwork = network.watch((event) => onLink(watch, event));
  const stopCgroups = cgroups?.watch((service, resource) => {
    const whose = resource === null ? service : `${resource} of ${service}`;
    checkNow(service, `the last process of ${whose} has ended`);
  });
  return () => {
    stopNetwork();
    stopCgroups?.();
  };
}

function onLink({ ringLink, claims, checkNow }: MachineWatch, event: LinkEvent): void {
  void ringLink.onEvent(event);
  if (event.type === "link" && (event.gone || !event.up || !event.carrier)) {
    checkNow(null, `link of ${event.interface} changed`);
  }
  if (event.type === "address" && event.gone && claims.has(event.address)) {
    checkNow(null, `address ${event.address} is gone from ${event.interface}`);
  }
}
