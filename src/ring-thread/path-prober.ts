/**
 * Makes datagrams long, announces how long they are, and reports when those of other nodes do not
 * arrive.
 */
import type { FrameSeal, SealedFrame, Transport } from "../io/ports.ts";
import type { RingNotice } from "../membership/ring-events.ts";
import type { NodeId } from "../model/ids.ts";
import { announcingBody, fillingBody, type PathProbe, probeKind } from "./path-probe.ts";
import { PathWatch } from "./path-watch.ts";

export type PathProberParts = {
  readonly seal: FrameSeal;
  readonly transport: Transport;
  /**
   * The length of the longest packets, headers of IP and UDP included; `ipBytes`: that of these
   * headers.
   */
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

  /**
   * Returns the frame, filled up so that its datagram is as long as the longest that this node
   * sends.
   */
  filled(frame: SealedFrame): SealedFrame {
    const { packetBytesMax, ipBytes, seal } = this.#parts;
    const frameBytes = frame.reduce((sum, part) => sum + part.length, 0);
    const filling = fillingBody(packetBytesMax, packetBytesMax - ipBytes - frameBytes);
    if (filling === null) return frame;
    this.#sent = true;
    return [...frame, ...seal.seal(probeKind, filling)];
  }

  /**
   * Called once a second. A node that receives this, but no long datagram, can report the fault.
   */
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
