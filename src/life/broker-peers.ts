/**
 * Ends the connections of this node's broker with the broker of a node that is off. A broker
 * notices by its heartbeat only that another machine is gone: until then a primary acknowledges no
 * message that the other one should have, and a backup stays away from the new primary.
 * Source: the Apache Qpid manual, active-passive messaging clusters, link-heartbeat-interval;
 * qpid-cpp amqp_0_10/Connection.cpp: LinkHeartbeatTask.
 * PEERS1  Only connections with a node that is known to be off are ended: to a broker, an end looks
 *     as if the other one had died, and a primary goes on without it.
 *     Where that is only presumed, since its lease must have ended, its broker may still run: then
 *     the connections stay as they are while it accepts new ones.
 * PEERS2  A backup that has lost its connection may try the same machine again, where nothing
 *     answers, so what it tries is ended as well until it has found another primary.
 */
import type { BrokerSight } from "../brokers/broker-sight.ts";
import { isPrimaryState } from "../brokers/broker-state.ts";
import type { OwnBroker } from "../brokers/own-broker.ts";
import type { TcpConnections } from "../io/network-ports.ts";
import type { Clock, LogSink, Stop } from "../io/ports.ts";
import { brokerPortDefault } from "../model/broker-defaults.ts";
import type { ClusterConf } from "../model/conf.ts";
import type { NodeId } from "../model/ids.ts";
import { type Result, refuse } from "../model/outcome.ts";
import type { NodeRecord } from "../services/table/table-snapshot.ts";

/** A connection to a machine that lives is accepted within one round trip. */
const answerWithinMs = 300;
const endEveryMs = 150;
/** Beyond it a new primary does not wait for backups any more (ha-backup-timeout). */
const endForMs = 15_000;

/** The service table, as far as it is read here. */
type Table = {
  node(id: NodeId): Pick<NodeRecord, "phase" | "knowledge" | "unproven">;
  brokerSight(id: NodeId): BrokerSight | null;
};

export type PeersParts = {
  readonly connections: TcpConnections;
  readonly self: NodeId;
  readonly clock: Clock;
  readonly log: LogSink;
  /** The own broker as it is now; null: there is none to look after. */
  readonly own: () => BrokerSight | null;
  /** How the own broker is reached. */
  readonly target: () => PromiseLike<Result<OwnBroker, string>>;
};

type Peer = {
  isOff: boolean;
  /** What its node has said last of its broker, as far as it was read; undefined: nothing was. */
  read: BrokerSight | null | undefined;
  /** Names that its broker has, each with the addresses to which it was last resolved. */
  readonly hosts: Map<string, readonly string[]>;
  /** Those of them that could not be resolved. */
  readonly unresolved: Set<string>;
  port: number;
  /** The identity of its broker; empty: not known. */
  systemId: string;
  next: Stop | null;
};

export class BrokerPeers {
  readonly #parts: PeersParts;
  readonly #peers = new Map<NodeId, Peer>();
  #complained = false;

  constructor(parts: PeersParts) {
    this.#parts = parts;
  }

  /** To be called when one of them may have changed. */
  look(conf: ClusterConf, table: Table | null): void {
    if (table === null) return;
    for (const { id, name } of conf.nodes) {
      if (id === this.#parts.self) continue;
      const { phase, knowledge, unproven } = table.node(id);
      const isOff = phase === "absent" && knowledge === "known";
      const peer = this.#peerOf(id, isOff);
      if (isOff !== peer.isOff) this.#turn(peer, { isOff, unproven, name });
      const sight = table.brokerSight(id);
      if (sight !== peer.read) this.#learn(peer, name, sight);
    }
  }

  end(): void {
    for (const peer of this.#peers.values()) this.#stop(peer);
  }

  #peerOf(node: NodeId, isOff: boolean): Peer {
    const unknown = { read: undefined, port: brokerPortDefault, systemId: "" };
    const names = { hosts: new Map(), unresolved: new Set<string>() };
    const peer = this.#peers.get(node) ?? { isOff, ...unknown, ...names, next: null };
    this.#peers.set(node, peer);
    return peer;
  }

  #turn(
    peer: Peer,
    {
      isOff,
      unproven,
      name,
    }: { readonly isOff: boolean; readonly unproven: boolean; readonly name: string },
  ): void {
    peer.isOff = isOff;
    this.#stop(peer);
    if (isOff) {
      const own = this.#parts.own();
      if (own === null || own.type === "gone") return;
      if (unproven) this.#endUnlessItAnswers(peer, name);
      else this.#end(peer, { name, offForMs: 0 });
      return;
    }
    // It may come back with other addresses.
    peer.hosts.clear();
    peer.unresolved.clear();
    peer.read = undefined;
  }

  /** Names are resolved while all is well: without network, a name server may not answer. */
  #learn(peer: Peer, name: string, sight: BrokerSight | null): void {
    if (this.#parts.own() === null) return;
    peer.read = sight;
    const said = sight?.type === "answers" ? sight : null;
    const entry = said?.members.find(({ systemId }) => systemId === said.systemId);
    if (said !== null) peer.systemId = said.systemId;
    if (entry !== undefined) peer.port = entry.port;
    const hosts = entry === undefined || entry.host === "" ? [name] : [name, entry.host];
    for (const host of hosts) {
      if (peer.hosts.has(host) && !peer.unresolved.has(host)) continue;
      peer.hosts.set(host, []);
      void this.#parts.connections.resolve(host).then((addresses) => {
        peer.hosts.set(host, addresses);
        // It is tried again with the next thing that its node says.
        if (addresses.length === 0) peer.unresolved.add(host);
        else peer.unresolved.delete(host);
      });
    }
  }

  #stop(peer: Peer): void {
    peer.next?.();
    peer.next = null;
  }

  /** PEERS1 */
  #endUnlessItAnswers(peer: Peer, name: string): void {
    const { connections, log } = this.#parts;
    const where = { addresses: addressesOf(peer), ports: [peer.port] };
    void connections.answers(where, answerWithinMs).then((answers) => {
      if (!peer.isOff) return;
      if (!answers) {
        this.#end(peer, { name, offForMs: 0 });
        return;
      }
      const text =
        `${name} counts as off, since its lease must have ended, but its broker still answers: ` +
        "connections with it are left as they are; switch it off, or start clusterd there";
      log.write("services", "alert", { text });
    });
  }

  /** PEERS1, PEERS2; `offForMs`: since the node is known to be off. */
  #end(peer: Peer, { name, offForMs }: { readonly name: string; readonly offForMs: number }): void {
    const { clock, log } = this.#parts;
    this.#endNow(peer, (ended) => {
      if (!ended.ok) {
        const cause = `connections of this node's broker with it cannot be ended: ${ended.problem}`;
        this.#complain(`${name} is off, and ${cause}`);
      } else if (ended.value > 0 && offForMs === 0) {
        const text = `${name} is off: connections of this node's broker with it are ended`;
        log.write("services", "info", { text });
      }
    });
    if (offForMs >= endForMs) return;
    peer.next = clock.after(endEveryMs, () => {
      peer.next = null;
      if (!this.#hasPrimary(peer)) this.#end(peer, { name, offForMs: offForMs + endEveryMs });
    });
  }

  /** The own broker is primary, or has been listed by one that is not of that node. */
  #hasPrimary({ systemId }: Peer): boolean {
    const own = this.#parts.own();
    if (own?.type !== "answers") return own?.type === "gone";
    return own.members.some((one) => isPrimaryState(one.state) && one.systemId !== systemId);
  }

  #endNow(peer: Peer, done: (ended: Result<number, string>) => void): void {
    const { target, connections } = this.#parts;
    const addresses = addressesOf(peer);
    if (addresses.length === 0) {
      const names = [...peer.hosts.keys()].join(" and ");
      done(refuse(`no address of ${names} is known, since the name could not be resolved`));
      return;
    }
    void target().then((own) => {
      if (!peer.isOff) return;
      if (!own.ok) {
        done(own);
        return;
      }
      const ports = [...new Set([own.value.port, peer.port])];
      void connections.end({ addresses, ports }).then(done);
    });
  }

  #complain(text: string): void {
    if (this.#complained) return;
    this.#complained = true;
    this.#parts.log.write("services", "warning", { text });
  }
}

function addressesOf({ hosts }: Peer): readonly string[] {
  return [...new Set([...hosts.values()].flat())];
}
