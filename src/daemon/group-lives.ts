/**
 * The process groups of the node's present life; between two lives there are none. Passes calls on
 * and remembers nothing.
 * Tested in: test/e2e/groups.test.ts
 */
import type { GroupBackend } from "../control/group-protocol.ts";
import { notInRing, unknownTicket } from "../life/group-refusals.ts";
import { refuse } from "../model/outcome.ts";

export function presentGroups(present: () => GroupBackend | null): GroupBackend {
  return {
    listing: () => present()?.listing() ?? noGroups,
    join: (wanted, stream) => present()?.join(wanted, stream) ?? refuse(notInRing),
    leave: (group, ticket) => present()?.leave(group, ticket) ?? refuse(unknownTicket(group)),
    multicast: (group, ticket, payload) =>
      present()?.multicast(group, ticket, payload) ?? Promise.resolve(refuse(unknownTicket(group))),
    disconnect: (ticket) => present()?.disconnect(ticket),
  };
}

const noGroups = {
  groups: [],
  clients: 0,
  counters: { messages: 0, bytes: 0, dropped: 0, malformed: 0, queuedBytes: 0 },
};
