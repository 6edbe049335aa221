/**
 * Sends a run of frames in one system call: the kernel handles the run as one packet and cuts it
 * into datagrams of equal size at the end (UDP_SEGMENT).
 * Source: udp(7); the kernel's net/ipv4/udp.c, udp_send_skb: only the last datagram of a run may be
 * shorter, and the size applies to the socket until it is set again.
 * SEGMENT1  A run that the kernel refuses is handed to `onRefused` frame by frame, in order, after
 *     the socket's segment size was reset.
 * SEGMENT2  A run is at most as long as a datagram can be, and has at most 64 frames, which every
 *     kernel allows.
 */

import type { SealedFrame } from "../ports.ts";
import { type SystemCalls, udpLevel } from "../system-calls.ts";

export type SegmentSenderOptions = {
  readonly calls: Pick<SystemCalls, "setOption" | "sendTo">;
  readonly fd: number;
  /** Sends one frame in another way; it may keep the frame's memory. */
  readonly onRefused: (address: string, frame: Uint8Array) => void;
};

/** An address as text, and as a struct sockaddr. */
export type SegmentTarget = { readonly address: string; readonly bytes: Uint8Array };

/** The run in the buffer; its last frame may be shorter. */
type Run = { readonly bytes: number; readonly frames: number; readonly frameBytes: number };

const udpSegment = 103;
const runBytesMax = 60_000;
const runFramesMax = 64;
/** EIO, EINVAL, EMSGSIZE, ENOPROTOOPT, EOPNOTSUPP: this kernel or device does not support it. */
const cannot: ReadonlySet<number> = new Set([5, 22, 90, 92, 95]);

export class SegmentSender {
  readonly #options: SegmentSenderOptions;
  readonly #targets: readonly SegmentTarget[];
  readonly #run = Buffer.allocUnsafeSlow(runBytesMax);
  #runBytes = 0;
  #frames = 0;
  /** The size of every frame of the run except the last. */
  #frameBytes = 0;
  /** The last frame was shorter, so that no other frame can follow it. */
  #ended = false;
  #socketSize = 0;
  #able = true;

  constructor(options: SegmentSenderOptions, targets: readonly SegmentTarget[]) {
    this.#options = options;
    this.#targets = targets;
  }

  /** Whether runs can be sent; false after the kernel has refused one. */
  get able(): boolean {
    return this.#able;
  }

  /** Adds a frame to all targets; it is sent with the next `flush` at the latest. */
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

  /** Sends a frame to one address, after all frames that were added. */
  one(target: SegmentTarget, frame: SealedFrame): void {
    this.flush();
    this.#frameBytes = lengthOf(frame);
    this.#copy(frame);
    this.#send(target, this.#take());
  }

  /** Resets the segment size, so that other users of the socket can send. */
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

  /** Empties the run before it is sent, since `onRefused` may call `flush` again. */
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

  /** Sets the segment size for the run; for a single frame a size above its own has no effect. */
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
