/**
 * Makes datagrams long, says how long they are, and tells when those of others do not arrive.
 * Knows the seal and the transport; does not know the ring.
 */
import type { FrameSeal, SealedFrame, Transport } from "../io/ports.ts";
import type { RingNotice } from "../membership/ring-events.ts";
import type { NodeId } from "../model/ids.ts";
import { announcingBody, fillingBody, type PathProbe, probeKind } from "./path-probe.ts";
import { PathWatch } from "./path-watch.ts";

export type PathProberParts = {
  readonly seal: FrameSeal;
  readonly transport: Transport;
  /** Of the longest packets, headers of IP and UDP included, and of those headers. */
  readonly packetBytesMax: number;
  readonly ipBytes: number;
  readonly notice: (notice: RingNotice) => void;
};

export class PathProber {
  readonly #parts: PathProberParts;
  readonly #watch = new PathWatch((node) => `node ${node}`);
  /** Long datagrams were sent since their length was last announced. */
  #sent = false;

  constructor(parts: PathProberParts) {
    this.#parts = parts;
  }

  /** The frame, filled up until its datagram has the length of the longest that this node sends. */
  filled(frame: SealedFrame): SealedFrame {
    const { packetBytesMax, ipBytes, seal } = this.#parts;
    const frameBytes = frame.reduce((sum, part) => sum + part.length, 0);
    const filling = fillingBody(packetBytesMax, packetBytesMax - ipBytes - frameBytes);
    if (filling === null) return frame;
    this.#sent = true;
    return [...frame, ...seal.seal(probeKind, filling)];
  }

  /** Once a second: whoever gets this and no long datagram knows what is wrong. */
  announce(): void {
    if (!this.#sent) return;
    this.#sent = false;
    const { seal, transport, packetBytesMax } = this.#parts;
    transport.multicast(seal.seal(probeKind, announcingBody(packetBytesMax)));
  }

  heard(from: NodeId, probe: PathProbe): void {
    const notice = this.#watch.heard(from, probe);
    if (notice !== null) this.#parts.notice(notice);
  }
}
