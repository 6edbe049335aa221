/**
 * The worker thread that owns the ring: puts ring, seal, sockets, timers and store together. It
 * runs nothing else, so that no parser, no agent and no log line ever delays the token.
 * Source: corosync exec/main.c asks for SCHED_RR in the same way.
 * Deviation: only this thread of the process gets real-time priority, and memory is not locked.
 */

import { randomInt } from "node:crypto";
import { type MessagePort, parentPort } from "node:worker_threads";
import { systemClock } from "../io/clock.ts";
import { FileStore } from "../io/files/file-store.ts";
import { type CipherSource, gcmCiphers, plainCiphers } from "../io/frames/frame-cipher.ts";
import { keyFromFile, keyFromName } from "../io/frames/key-file.ts";
import { loadNativeGcm } from "../io/frames/native-gcm.ts";
import { instancesMax } from "../io/frames/peer-lives.ts";
import { isLocalAddress, UdpTransport } from "../io/network/udp-transport.ts";
import type { StoredLife, TransportOpened, TransportProblem } from "../io/ports.ts";
import { loadSystemCalls, type SystemCalls } from "../io/system-calls.ts";
import { Ring } from "../membership/ring.ts";
import type { RingNotice, RingOptions } from "../membership/ring-events.ts";
import { highestExplained } from "../membership/ring-sequence.ts";
import { accept, assertNever, type Result, refuse } from "../model/outcome.ts";
import type { Ms } from "../model/time.ts";
import { assembleRing, ownAddress } from "./ring-assembly.ts";
import type { RingDriver } from "./ring-driver.ts";
import type { PostBatch } from "./ring-output-batch.ts";
import type {
  RingThreadInput,
  RingThreadOptions,
  RingThreadOutput,
  RingThreadProblem,
} from "./ring-port.ts";
import { type PackedInput, packOutputs, unpackInput } from "./ring-port-codec.ts";

/** Above ordinary real-time work, below the kernel's watchdog threads. */
const realtimePriority = 50;
/**
 * Decrypted frames are parts of blocks of this size, so the collector has fewer objects to visit.
 */
const frameBlockBytes = 64 * 1024;

if (parentPort !== null) listen(parentPort);

function listen(port: MessagePort): void {
  Buffer.poolSize = frameBlockBytes;
  const post: PostBatch = (batch) => {
    const { content, transfer } = packOutputs(batch);
    port.postMessage(content, [...transfer]);
  };
  let driver: RingDriver | null = null;
  /** Inputs that arrived before the sockets were open. */
  let early: Exclude<RingThreadInput, { readonly type: "start" }>[] = [];
  const take = (input: RingThreadInput): void => {
    if (input.type === "start") {
      void startRing(input.options, post, () => port.close()).then((started) => {
        driver = started;
        for (const waiting of early) driver?.input(waiting);
        early = [];
      });
    } else if (driver === null) early.push(input);
    else driver.input(input);
  };
  port.on("message", (packed: PackedInput) => {
    for (const input of unpackInput(packed)) take(input);
  });
}

async function startRing(
  options: RingThreadOptions,
  post: PostBatch,
  onEnd: () => void,
): Promise<RingDriver | null> {
  const say = (output: RingThreadOutput): void => post([output]);
  const notice = (level: RingNotice["level"], text: string): void =>
    say({ type: "notice", notice: { level, text } });
  const fail = (problem: RingThreadProblem): null => {
    say({ type: "fatal", problem });
    onEnd();
    return null;
  };
  const key = await clusterKey(options, notice);
  if (!key.ok) return fail(key.problem);
  const store = new FileStore(options.stateDirectory);
  const calls = options.nativeCalls
    ? await loadSystemCalls()
    : refuse("native calls are switched off");
  const clock = systemClock(calls.ok ? calls.value : null);
  const life = await store.beginLife(clock.wallMs());
  if (!life.ok) {
    const { path, type, cause } = life.problem;
    return fail({ type: "store", text: `${path} is ${type}: ${cause}` });
  }
  if (life.value.first) notice("warning", "no stored ring sequence; starting at the wall clock");
  warnOfSequence(life.value, { wallMs: clock.wallMs(), notice });
  const scheduling = requestRealtime(options, calls, notice);
  const transport = new UdpTransport(transportOptions(options), calls.ok ? calls.value : null);
  let driver: RingDriver | null = null;
  const opened = await transport.open((...datagram) => driver?.datagram(...datagram));
  if (!opened.ok) return fail({ type: "transport", text: transportText(opened.problem) });
  warnOfBuffers(opened.value, notice);
  const parts = {
    options,
    life: life.value,
    wallMs: clock.wallMs(),
    ciphers: await cipherSource(options, key.value),
    instance: randomInt(instancesMax),
  };
  const makeRing = (settings: RingOptions) => new Ring(settings);
  driver = assembleRing(parts, { clock, transport, store, makeRing, post, onEnd });
  driver.start(scheduling);
  return driver;
}

type Notice = (level: RingNotice["level"], text: string) => void;

async function clusterKey(
  { totem, clusterName }: RingThreadOptions,
  notice: Notice,
): Promise<Result<Uint8Array, RingThreadProblem>> {
  if (!totem.secauth) notice("warning", "secauth is off: anybody on the network can join");
  else if (totem.keyFile === null) {
    notice("warning", "no key file: the key is derived from the cluster name and is no secret");
  } else {
    const key = await keyFromFile(totem.keyFile);
    if (key.ok) return key;
    const { path, cause } = key.problem;
    return refuse({ type: "key-file", text: `${path}: ${cause}` });
  }
  return accept(keyFromName(clusterName));
}

async function cipherSource(
  { totem, clusterName, nativeCalls }: RingThreadOptions,
  key: Uint8Array,
): Promise<CipherSource> {
  if (!totem.secauth) return plainCiphers();
  const native = nativeCalls ? await loadNativeGcm() : refuse("native calls are switched off");
  return gcmCiphers(key, clusterName, native.ok ? native.value : null);
}

function requestRealtime(
  { realtime }: RingThreadOptions,
  calls: Result<SystemCalls, string>,
  notice: Notice,
): "round-robin" | "default" {
  if (!realtime) return "default";
  const asked = calls.ok
    ? calls.value.scheduleRoundRobin(realtimePriority, "normal")
    : refuse(calls.problem);
  if (asked.ok) return "round-robin";
  notice("notice", `the ring runs at normal priority: ${asked.problem}`);
  return "default";
}

function warnOfSequence(
  { ringSeqStart }: StoredLife,
  { wallMs, notice }: { readonly wallMs: Ms; readonly notice: Notice },
): void {
  if (ringSeqStart <= highestExplained(wallMs)) return;
  const text = `the stored ring sequence ${ringSeqStart} is ahead of this node's clock`;
  const remedy = "if the clock is right, stop all nodes, remove their ring.json, start them again";
  notice("warning", `${text}: nodes that have just started will refuse it; ${remedy}`);
}

function warnOfBuffers(opened: TransportOpened, notice: Notice): void {
  const { receiveBufferBytes: granted, receiveBufferWantedBytes: wanted } = opened;
  if (granted >= wanted) return;
  const text = `receive buffer ${granted} bytes, wanted ${wanted}: raise net.core.rmem_max`;
  notice("warning", text);
}

function transportOptions(
  options: RingThreadOptions,
): ConstructorParameters<typeof UdpTransport>[0] {
  const { totem, nodes, self } = options;
  const others = nodes.filter(({ id }) => id !== self).map(({ address }) => address);
  return {
    ownAddress: ownAddress(options),
    port: totem.port,
    delivery:
      totem.transport === "udp"
        ? {
            type: "udp",
            group: totem.multicast.address,
            ttl: totem.multicast.ttl,
            peerIsLocal: isLocalAddress(others),
          }
        : { type: "udpu", addresses: nodes.map(({ address }) => address) },
  };
}

function transportText(problem: TransportProblem): string {
  switch (problem.type) {
    case "address-absent":
      return `${problem.address} is on no interface of this machine; is the network up?`;
    case "port-taken":
      return `${problem.address}:${problem.port} is taken: does another clusterd or corosync run?`;
    case "no-such-group":
      return `cannot join ${problem.group}: ${problem.cause}`;
    case "socket-failed":
      return problem.cause;
    default:
      return assertNever(problem);
  }
}
