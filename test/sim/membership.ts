/**
 * What a simulated cluster needs below it: a ring thread for each process. Implemented by the real
 * ring over a hostile network, for searches, and by a ring without faults, for stories.
 */
import type { NodeId } from "../../src/model/ids.ts";
import type { RingThreadOutput } from "../../src/ring-thread/ring-port.ts";
import type { RingThread } from "../../src/ring-thread/ring-thread-start.ts";
import type { VirtualProcess } from "./virtual-process.ts";

export type OnOutputs = (outputs: readonly RingThreadOutput[]) => void;

/** A second machine with the id of a node is at the place of that number. */
export const clonePlaces = 100;

export interface Membership {
  /** Starts the ring thread of a process on the machine at that place. */
  start(place: NodeId, process: VirtualProcess, onOutputs: OnOutputs): RingThread;
  /** The process there has ended. */
  crash(place: NodeId): void;
  /** The guard there sends the death certificate of a process to the other nodes. */
  certify(place: NodeId, certificate: Uint8Array): void;
  /** Nodes hear each other inside a group only. */
  connect(groups: readonly (readonly NodeId[])[]): void;
  /** The process has been stopped: it neither sends nor receives, and its clock goes on. */
  pause(node: NodeId): void;
  resume(node: NodeId): void;
}
