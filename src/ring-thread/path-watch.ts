/**
 * Notices that long packets of a node do not arrive, while short ones do.
 * Knows what nodes say of their longest packets; does not know sockets, frames or the ring.
 * Source: RFC 4459 (tunnels and the path MTU), for the symptom.
 * Tested in: test/ring-thread/path-prober.test.ts
 * PATH1  Nobody is accused who has not said three times in a row that it sent long packets.
 * PATH2  Each fault is told once, and once more when it is over.
 */
import type { RingNotice } from "../membership/ring-events.ts";
import type { NodeId } from "../model/ids.ts";
import type { PathProbe } from "./path-probe.ts";

/** They come once a second, while long packets are sent. */
const announcementsMax = 3;
const remedy =
  "it is not let in; check the MTU of interfaces, tunnels and switches, or set a smaller netmtu";

type Path = { announced: number; accused: boolean };

export class PathWatch {
  readonly #name: (node: NodeId) => string;
  readonly #paths = new Map<NodeId, Path>();

  constructor(name: (node: NodeId) => string) {
    this.#name = name;
  }

  /** A probe of the node has arrived; what is to be told of it. */
  heard(from: NodeId, { packetBytes, full }: PathProbe): RingNotice | null {
    const path = this.#pathOf(from);
    const frames = `frames of ${packetBytes} bytes`;
    if (full) {
      const { accused } = path;
      path.announced = 0;
      path.accused = false;
      if (!accused) return null;
      return { level: "notice", text: `${frames} arrive from ${this.#name(from)} now` };
    }
    path.announced += 1;
    if (path.announced < announcementsMax || path.accused) return null;
    path.accused = true;
    const text = `${frames} do not arrive from ${this.#name(from)}: MTU; ${remedy}`;
    return { level: "err", text };
  }

  #pathOf(node: NodeId): Path {
    const known = this.#paths.get(node);
    if (known !== undefined) return known;
    const path = { announced: 0, accused: false };
    this.#paths.set(node, path);
    return path;
  }
}
