/**
 * The system calls that Node lacks, through koffi: raw sockets, device requests, scheduling and a
 * fast clock. Without koffi there are none, and each caller uses a substitute.
 * Source: packet(7), raw(7), sched_setscheduler(2); constants of Linux on its common architectures.
 * The process never locks its memory: V8 aborts when it cannot release locked pages.
 * Tested in: test/io/notify-socket.test.ts, test/io/udp-transport.test.ts
 */
import type Koffi from "koffi";
import { accept, invariant, type Result, refuse } from "../model/outcome.ts";
import { causeText } from "./os-error.ts";
import type { Stop } from "./ports.ts";

export type SocketKind = {
  readonly domain: number;
  readonly type: number;
  readonly protocol: number;
};

/** Refusals are errno values. */
export type SystemCalls = {
  /** Opens a socket that never blocks and is not inherited. */
  readonly openSocket: (kind: SocketKind) => Result<number, number>;
  readonly bindSocket: (fd: number, address: Uint8Array) => Result<null, number>;
  readonly setOption: (
    fd: number,
    option: { readonly level: number; readonly name: number; readonly value: number },
  ) => Result<null, number>;
  readonly sendTo: (fd: number, bytes: Uint8Array, address: Uint8Array) => Result<null, number>;
  /** The bytes of the next packet; null: none is waiting. */
  readonly receive: (fd: number) => Uint8Array | null;
  /**
   * Reads the next packet as far as it fits; returns its whole size, which may be larger. Refuses
   * with EAGAIN when none is waiting.
   */
  readonly receiveInto: (fd: number, bytes: Uint8Array) => Result<number, number>;
  /** Calls back whenever a packet is waiting; does not keep the process alive. */
  readonly watchReadable: (fd: number, onReadable: () => void) => Stop;
  readonly closeSocket: (fd: number) => void;
  /** ioctl(2) with a buffer that the driver reads or fills. */
  readonly ioctl: (fd: number, request: number, bytes: Uint8Array) => Result<null, number>;
  /**
   * Requests SCHED_RR for the calling thread. Its children get normal priority, or with `inherited`
   * the same.
   */
  readonly scheduleRoundRobin: (
    priority: number,
    children: "normal" | "inherited",
  ) => Result<null, number>;
  /** CLOCK_BOOTTIME in milliseconds; null: `struct timespec` has another layout here. */
  readonly boottimeMs: (() => number) | null;
};

/** Of socket(7): types of sockets, the level of options for all of them, and SO_RCVBUF. */
export const datagramSocket = 2;
export const rawSocket = 3;
export const socketLevel = 1;
export const receiveBuffer = 8;
/** Of udp(7): the level of its options. */
export const udpLevel = 17;
/** EAGAIN: nothing is waiting, or there is no room. */
export const tryAgain = 11;
const socketNonBlock = 0x800;
const socketCloseOnExec = 0x80000;
/** MSG_TRUNC. */
const wholeSize = 0x20;
const schedRoundRobin = 2;
const schedResetOnFork = 0x40000000;
const packetBytesMax = 2048;
const clockBoottime = 7;
/** Machines whose `struct timespec` is two numbers of 64 bits. */
const wideClocks: ReadonlySet<string> = new Set(["x64", "arm64", "ppc64", "s390x", "riscv64"]);

/** Refuses, with the reason, if koffi is not installed or does not work on this system. */
export async function loadSystemCalls(): Promise<Result<SystemCalls, string>> {
  try {
    const { default: koffi } = await import("koffi");
    const library = koffi.load(null);
    return accept(bindings(library, { errno: () => koffi.errno(), poll: koffi.node.poll }));
  } catch (error) {
    return refuse(causeText(error));
  }
}

type Library = { readonly func: (declaration: string) => (...values: unknown[]) => unknown };

type KoffiParts = {
  readonly errno: () => number;
  readonly poll: typeof Koffi.node.poll;
};

function bindings(library: Library, { errno, poll }: KoffiParts): SystemCalls {
  const socket = library.func("int socket(int domain, int type, int protocol)");
  const bind = library.func("int bind(int fd, const void *address, uint32_t length)");
  const setsockopt = library.func(
    "int setsockopt(int fd, int level, int name, const void *value, uint32_t length)",
  );
  const sendto = library.func(
    "int64_t sendto(int fd, const void *bytes, size_t length, int flags, " +
      "const void *address, uint32_t addressLength)",
  );
  const recv = library.func("int64_t recv(int fd, void *bytes, size_t length, int flags)");
  const close = library.func("int close(int fd)");
  const ioctl = library.func("int ioctl(int fd, unsigned long request, _Inout_ void *bytes)");
  const schedule = library.func(
    "int sched_setscheduler(int thread, int policy, const void *parameters)",
  );
  const done = (result: unknown): Result<null, number> =>
    result === -1 ? refuse(errno()) : accept(null);
  return {
    openSocket: ({ domain, type, protocol }) => {
      const fd = socket(domain, type | socketNonBlock | socketCloseOnExec, protocol);
      return typeof fd === "number" && fd >= 0 ? accept(fd) : refuse(errno());
    },
    bindSocket: (fd, address) => done(bind(fd, address, address.length)),
    setOption: (fd, { level, name, value }) => done(setsockopt(fd, level, name, int32(value), 4)),
    sendTo: (fd, bytes, address) =>
      done(sizeOf(sendto(fd, bytes, bytes.length, 0, address, address.length)) < 0 ? -1 : 0),
    receive: (fd) => {
      const bytes = Buffer.alloc(packetBytesMax);
      const length = sizeOf(recv(fd, bytes, bytes.length, 0));
      return length < 0 ? null : bytes.subarray(0, length);
    },
    receiveInto: (fd, bytes) => {
      const length = sizeOf(recv(fd, bytes, bytes.length, wholeSize));
      return length < 0 ? refuse(errno()) : accept(length);
    },
    watchReadable: (fd, onReadable) => {
      // The handle must be kept: the watch ends when the handle is collected.
      const handle = poll(fd, { readable: true }, () => onReadable());
      handle.unref();
      return () => handle.close();
    },
    closeSocket: (fd) => {
      close(fd);
    },
    ioctl: (fd, request, bytes) => done(ioctl(fd, request, bytes)),
    scheduleRoundRobin: (priority, children) => {
      const reset = children === "normal" ? schedResetOnFork : 0;
      return done(schedule(0, schedRoundRobin | reset, int32(priority)));
    },
    boottimeMs: wideClocks.has(process.arch) ? boottimeClock(library) : null,
  };
}

function boottimeClock(library: Library): () => number {
  const gettime = library.func("int clock_gettime(int clock, void *time)");
  const time = new BigInt64Array(2);
  return () => {
    invariant(gettime(clockBoottime, time) === 0, "the kernel has no CLOCK_BOOTTIME");
    return Number(time[0]) * 1000 + Number(time[1]) / 1e6;
  };
}

/** A 64-bit result arrives as number or bigint. */
function sizeOf(result: unknown): number {
  return typeof result === "number" || typeof result === "bigint" ? Number(result) : -1;
}

function int32(value: number): Uint8Array {
  return new Uint8Array(Int32Array.of(value).buffer);
}
