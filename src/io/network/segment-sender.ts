/**
 * Sends a run of frames in one system call: the kernel cuts it into datagrams of equal size
 * (UDP_SEGMENT), and the run crosses its layers as one packet.
 * Knows a socket and addresses; does not know what the frames are.
 * Source: udp(7); the kernel's net/ipv4/udp.c, udp_send_skb: only the last datagram of a run may be
 * shorter, and the size applies to the socket until it is set again.
 * SEGMENT1  What the kernel refuses is handed back frame by frame, in order, with the socket's size
 *     off.
 * SEGMENT2  A run has the bytes of a datagram at most, and 64 frames, the least that kernels allow.
 */

import type { SealedFrame } from "../ports.ts";
import type { SystemCalls } from "../system-calls.ts";

export type SegmentSenderOptions = {
  readonly calls: Pick<SystemCalls, "setOption" | "sendTo">;
  readonly fd: number;
  /** Sends one frame, which may be kept, in another way. */
  readonly onRefused: (address: string, frame: Uint8Array) => void;
};

/** An address as text, and as the kernel wants it. */
export type SegmentTarget = { readonly address: string; readonly bytes: Uint8Array };

/** What lies in the buffer; the last frame may be shorter. */
type Run = { readonly bytes: number; readonly frames: number; readonly frameBytes: number };

const udpLevel = 17;
const udpSegment = 103;
const runBytesMax = 60_000;
const runFramesMax = 64;
/** EIO, EINVAL, EMSGSIZE, ENOPROTOOPT, EOPNOTSUPP: this kernel or device cannot; it never will. */
const cannot: ReadonlySet<number> = new Set([5, 22, 90, 92, 95]);

export class SegmentSender {
  readonly #options: SegmentSenderOptions;
  readonly #targets: readonly SegmentTarget[];
  readonly #run = Buffer.allocUnsafeSlow(runBytesMax);
  #runBytes = 0;
  #frames = 0;
  /** Of every frame of the run but the last. */
  #frameBytes = 0;
  /** The last frame was shorter: nothing can follow it. */
  #ended = false;
  #socketSize = 0;
  #able = true;

  constructor(options: SegmentSenderOptions, targets: readonly SegmentTarget[]) {
    this.#options = options;
    this.#targets = targets;
  }

  /** Frames go one by one where the kernel has refused to cut them. */
  get able(): boolean {
    return this.#able;
  }

  /** To all targets, with the next `flush` or before. */
  add(frame: SealedFrame): void {
    const bytes = lengthOf(frame);
    if (!this.#fits(bytes)) this.flush();
    if (this.#frames === 0) this.#frameBytes = bytes;
    this.#ended = bytes < this.#frameBytes;
    this.#copy(frame);
    if (!this.#able) this.flush();
  }

  flush(): void {
    if (this.#frames === 0) return;
    const run = this.#take();
    for (const target of this.#targets) this.#send(target, run);
  }

  /** To this address alone, behind all that was added. */
  one(target: SegmentTarget, frame: SealedFrame): void {
    this.flush();
    this.#frameBytes = lengthOf(frame);
    this.#copy(frame);
    this.#send(target, this.#take());
  }

  /** Whoever else sends on the socket has its datagrams uncut. */
  release(): void {
    this.flush();
    this.#size(0);
  }

  #fits(bytes: number): boolean {
    if (this.#frames === 0) return true;
    const room = this.#runBytes + bytes <= runBytesMax && this.#frames < runFramesMax;
    return room && !this.#ended && bytes <= this.#frameBytes;
  }

  #copy(frame: SealedFrame): void {
    for (const part of frame) {
      this.#run.set(part, this.#runBytes);
      this.#runBytes += part.length;
    }
    this.#frames += 1;
  }

  /** Empties the run before it is sent: whoever gets frames back may flush again. */
  #take(): Run {
    const run = { bytes: this.#runBytes, frames: this.#frames, frameBytes: this.#frameBytes };
    this.#runBytes = 0;
    this.#frames = 0;
    this.#ended = false;
    return run;
  }

  #send(target: SegmentTarget, run: Run): void {
    const { calls, fd, onRefused } = this.#options;
    const sent = this.#sized(run)
      ? calls.sendTo(fd, this.#run.subarray(0, run.bytes), target.bytes)
      : null;
    if (sent?.ok === true) return;
    if (run.frames > 1 && (sent === null || cannot.has(sent.problem))) this.#able = false;
    this.#size(0);
    for (let at = 0; at < run.bytes; at += run.frameBytes) {
      const end = Math.min(at + run.frameBytes, run.bytes);
      onRefused(target.address, Buffer.from(this.#run.subarray(at, end)));
    }
  }

  /** A size that is larger than the only frame changes nothing. */
  #sized({ frames, frameBytes }: Run): boolean {
    if (frames > 1) return this.#size(frameBytes);
    return this.#socketSize !== 0 && frameBytes > this.#socketSize ? this.#size(0) : true;
  }

  #size(value: number): boolean {
    if (this.#socketSize === value) return true;
    const { calls, fd } = this.#options;
    const set = calls.setOption(fd, { level: udpLevel, name: udpSegment, value });
    if (set.ok) this.#socketSize = value;
    return set.ok;
  }
}

function lengthOf(frame: SealedFrame): number {
  let bytes = 0;
  for (const part of frame) bytes += part.length;
  return bytes;
}
