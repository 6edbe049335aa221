/**
 * Detects that long packets of a node do not arrive, while short ones do.
 * Source: RFC 4459 (tunnels and the path MTU), for the symptom.
 * Tested in: test/ring-thread/path-prober.test.ts
 * PATH1  A node is reported only after it has announced three times in a row that it had sent long
 *     packets, and none has arrived.
 * PATH2  Each fault is reported once, and once more when it is over.
 */
import type { RingNotice } from "../membership/ring-events.ts";
import type { NodeId } from "../model/ids.ts";
import type { PathProbe } from "./path-probe.ts";

/** Announcements come once a second, while long packets are sent. */
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

  /** Takes a probe that has arrived from the node; returns the notice that it causes, or null. */
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
