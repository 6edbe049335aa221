/** The simulated ports of the ring keep the contracts of the real ones. */
import type { RingThreadOutput } from "../../src/ring-thread/ring-port.ts";
import { type StoreBench, storeContract } from "../io/store.contract.ts";
import { type HeardDatagram, transportContract } from "../io/transport.contract.ts";
import { id } from "../sim/cluster.ts";
import { HostileMembership } from "../sim/hostile-membership.ts";
import type { Membership } from "../sim/membership.ts";
import { PerfectMembership } from "../sim/perfect-membership.ts";
import { Random } from "../sim/random.ts";
import { RingNetwork } from "../sim/ring-network.ts";
import { VirtualLan, VirtualTransport } from "../sim/virtual-lan.ts";
import { VirtualProcess } from "../sim/virtual-process.ts";
import { VirtualStore } from "../sim/virtual-ring-thread.ts";
import { VirtualTime } from "../sim/virtual-time.ts";
import { ringThreadContract, type ThreadBench } from "./ring-thread.contract.ts";

/** Far more than anything of the contracts takes. */
const patienceMs = 60_000;

function runs(time: VirtualTime): VirtualProcess {
  return new VirtualProcess({
    time,
    wallOffsetMs: () => 1_700_000_000_000,
    passMs: 0,
    onTurn: () => undefined,
  });
}

function untilOn(time: VirtualTime) {
  return async (what: string, condition: () => boolean): Promise<void> => {
    const endMs = time.nowMs + patienceMs;
    while (!condition()) {
      if (time.nowMs >= endMs) throw new Error(`waited ${patienceMs} virtual ms for: ${what}`);
      time.runUntil(time.nowMs + 10);
    }
  };
}

transportContract("simulated", async () => {
  const time = new VirtualTime();
  const network = new RingNetwork(new Random(1));
  // Its delay differs from packet to packet, as on a bad network; these here keep their order.
  network.weather = { loss: 0, duplication: 0, delayMs: 0.2, jitterMs: 0 };
  const lan = new VirtualLan(time, network);
  const station = (place: number) => {
    const heard: HeardDatagram[] = [];
    const address = `20.0.20.${place}`;
    const thread = runs(time).startThread(0);
    const onDatagram = (bytes: Uint8Array, from: string, byGroup: boolean): void => {
      heard.push({ text: Buffer.from(bytes).toString(), from, byGroup });
    };
    const transport = new VirtualTransport({ lan, place, address, thread, onDatagram });
    return { transport, address, heard };
  };
  return {
    stations: [station(1), station(2), station(3)],
    until: untilOn(time),
    group: true,
  };
});

storeContract("simulated", async (): Promise<StoreBench> => {
  const time = new VirtualTime();
  const disk = new VirtualStore(time, { writeMs: () => 10, record: null });
  return {
    next: () => disk.of(runs(time).startThread(0)),
    wait: async (asked) => {
      time.runUntil(time.nowMs + 100);
      return await asked;
    },
  };
});

function benchOn(make: (time: VirtualTime) => Membership): () => Promise<ThreadBench> {
  return async () => {
    const time = new VirtualTime();
    const membership = make(time);
    return {
      start: async (node) => {
        const outputs: RingThreadOutput[] = [];
        const thread = membership.start(id(node), runs(time), (said) => {
          outputs.push(...said);
          for (const output of said) {
            if (output.type === "configuration" && output.configuration.kind === "regular") {
              thread.post({ type: "sync-done", ring: output.configuration.ring });
            }
            if (output.type !== "heartbeat") continue;
            thread.post({ type: "heartbeat-answer", beat: output.beat });
          }
        });
        return { thread, outputs };
      },
      until: untilOn(time),
    };
  };
}

const nodes = [id(1), id(2)];

ringThreadContract(
  "simulated over a hostile network",
  benchOn((time) => {
    return new HostileMembership(time, nodes, { network: new RingNetwork(new Random(1)) });
  }),
);

ringThreadContract(
  "simulated without faults",
  benchOn((time) => new PerfectMembership(time, nodes)),
);
