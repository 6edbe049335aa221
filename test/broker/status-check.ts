/**
 * The check of a starting broker: asks every address of the cluster once whether it is joining too.
 * Source: qpid-cpp ha/StatusCheck.cpp.
 */
import type { Address } from "./broker-options.ts";
import type { HaState } from "./ha-states.ts";
import type { LinkCuts } from "./link-cuts.ts";
import { PeerLink } from "./peer-link.ts";
import type { PeerCaller } from "./peer-protocol.ts";

export type PeerStatus =
  | { readonly type: "answered"; readonly systemId: string; readonly state: HaState }
  | { readonly type: "silent" };

export type PeerQuestion = {
  readonly systemId: string;
  readonly caller: PeerCaller;
  /** 0: none. */
  readonly limitMs: number;
  readonly cuts: LinkCuts;
};

/** One peer's answer; no answer, refused and limit exceeded are all `silent`. */
export function askPeer(address: Address, question: PeerQuestion): Promise<PeerStatus> {
  const { systemId, caller, limitMs } = question;
  return new Promise((resolve) => {
    const link = PeerLink.call(address, question.cuts);
    const limit = limitMs > 0 ? setTimeout(() => link.close(), limitMs) : undefined;
    link.receive(
      (message) => {
        if (message.type === "answer") {
          resolve({ type: "answered", systemId: message.systemId, state: message.state });
        }
        link.close();
      },
      () => {
        clearTimeout(limit);
        resolve({ type: "silent" });
      },
    );
    link.send({ type: "ask", systemId, caller });
  });
}
