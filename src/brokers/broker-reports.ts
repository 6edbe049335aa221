/**
 * What a node says of its own broker: to the other nodes, to operators, and in its log.
 * Tested in: test/life/broker-observer.test.ts
 */
import { assertNever } from "../model/outcome.ts";
import type { OwnBrokerStatus } from "../model/status.ts";
import type { BrokerSight } from "./broker-sight.ts";
import type { BrokerSystemId } from "./broker-status.ts";
import type { WatchState } from "./broker-watch.ts";

export type CareView = {
  /** Something of the broker's services is started here. */
  readonly observed: boolean;
  /** Why it cannot be asked; null: it can, or was not tried yet. */
  readonly unobserved: string | null;
  readonly state: WatchState;
  /** The joining broker that has refused to be promoted since it was started; null: none has. */
  readonly refuser: BrokerSystemId | null;
  /** What is strange about how it has ended lately; empty: nothing. */
  readonly endings: string;
};

/** What a broker says must fit into a message of the cluster, however much it is. */
const wordsMax = 300;
const membersMax = 64;

/** As the other nodes are told. It counts no messages. */
export function sightOf(view: CareView): BrokerSight {
  const sight = wholeSight(view);
  if (sight.type === "silent") return { ...sight, why: sight.why.slice(0, wordsMax) };
  if (sight.type !== "answers") return sight;
  const members = sight.members.slice(0, membersMax).map((member) => {
    return { ...member, host: member.host.slice(0, wordsMax) };
  });
  return { ...sight, members };
}

function wholeSight({ observed, unobserved, state, refuser }: CareView): BrokerSight {
  if (!observed) return { type: "gone" };
  if (unobserved !== null) return { type: "silent", why: unobserved };
  switch (state.type) {
    case "answering": {
      const { state: word, systemId, members } = state.status;
      const refuses = word === "joining" && systemId === refuser;
      return { type: "answers", state: word, systemId, members, depth: 0, refuses };
    }
    case "gone":
      return { type: "gone" };
    case "connecting":
      return { type: "pending" };
    case "misfit":
      return { type: "silent", why: `its answer is not understood: ${state.misfit.part}` };
    case "refusing":
      return { type: "silent", why: `it refuses clusterd: ${state.words}` };
    case "lost":
      return { type: "silent", why: state.words };
    case "doubted":
      return { type: "silent", why: "it is slow to answer" };
    case "frozen":
      return { type: "silent", why: "it is frozen" };
    default:
      return assertNever(state);
  }
}

/** As operators are told. */
export function statusOf(view: CareView): Pick<OwnBrokerStatus, "state" | "text"> {
  const { observed, unobserved, state, endings } = view;
  if (!observed) return { state: "idle", text: "" };
  if (unobserved !== null) return { state: "not-observed", text: unobserved };
  switch (state.type) {
    case "answering":
      return { state: state.status.state, text: "" };
    case "misfit":
      return { state: "misfit", text: `${state.misfit.part} ${state.misfit.text}` };
    case "refusing":
    case "lost":
      return { state: state.type, text: state.words };
    case "doubted":
      return { state: "silent", text: "" };
    case "gone":
      return { state: "gone", text: endings };
    case "connecting":
    case "frozen":
      return { state: state.type, text: "" };
    default:
      return assertNever(state);
  }
}

export type BrokerLine = {
  readonly level: "info" | "notice" | "warning" | "err";
  readonly text: string;
};

/** For the log; null: nothing that is worth a line. `spared`: why a frozen one is not killed. */
export function lineOf({ unobserved, state }: CareView, spared: string | null): BrokerLine | null {
  if (unobserved !== null) {
    return { level: "info", text: `the broker is not observed: ${unobserved}` };
  }
  switch (state.type) {
    case "answering":
      return { level: "notice", text: `the broker is ${state.status.state}` };
    case "misfit": {
      const { part, text } = state.misfit;
      return { level: "warning", text: `the broker's answer is not understood: ${part} ${text}` };
    }
    case "refusing":
      return { level: "warning", text: `the broker refuses clusterd: ${state.words}` };
    case "frozen": {
      const what = "the broker is frozen: it answers nothing, and has not ended";
      const next = spared === null ? "it is killed now" : `it is not killed: ${spared}`;
      return { level: "warning", text: `${what}; ${next}` };
    }
    case "gone":
      return { level: "notice", text: "the broker has ended" };
    case "connecting":
    case "doubted":
    case "lost":
      return null;
    default:
      return assertNever(state);
  }
}
