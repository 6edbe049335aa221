/**
 * The table of the membership protocol: what each event does in each state. Node 1 represents the
 * ring of nodes 1, 2 and 3; node 4 is configured and a stranger. An outcome is the state afterwards
 * and each kind of what was sent or announced on the way.
 */
import { test } from "tap";
import type { RingOutput } from "../../src/membership/ring-events.ts";
import { type CommitMessage, encodeMessage } from "../../src/membership/wire.ts";
import type { RingId } from "../../src/model/ids.ts";
import { ms } from "../../src/model/time.ts";
import { join, mcast, mergeDetect, node, nodes, token } from "./frames.ts";
import { commitIn, completed, incarnation, operational, type RingDriver } from "./ring-driver.ts";

const [incarnationOne, incarnationTwo] = [incarnation(1), incarnation(2)];
const states = ["operational", "gather", "commit", "recovery"] as const;
type State = (typeof states)[number];

/** A node in the state; `old` is the ring that works or worked, `forming` what is committed to. */
type Scene = { readonly driver: RingDriver; readonly old: RingId; readonly commit: CommitMessage };

const proc = nodes(1, 2, 3);

function sceneIn(state: State): Scene {
  const driver = operational();
  const old = driver.ringId;
  const ringSeq = driver.counter("ring seq");
  const ring = { rep: node(1), seq: ringSeq + 4 };
  const open = { type: "commit", ring, index: 0, members: proc.map(asOpen) } as const;
  if (state === "operational") return { driver, old, commit: open };
  driver.timer("listen");
  driver.timer("token");
  driver.timer("join");
  if (state === "gather") return { driver, old, commit: open };
  driver.receive(2, join({ proc, ringSeq }));
  const commit = commitIn(driver.receive(3, join({ proc, ringSeq })));
  if (commit === null) throw new Error("no commit token");
  driver.timer("join");
  if (state === "recovery") driver.receive(3, completed(commit));
  return { driver, old, commit };
}

function asOpen(member: ReturnType<typeof node>): CommitMessage["members"][number] {
  return { node: member, state: null };
}

function outcome(driver: RingDriver, outputs: readonly RingOutput[]): string {
  const seen = new Set<string>([driver.state]);
  for (const output of outputs) {
    if (output.type === "multicast" || output.type === "unicast") seen.add(output.message.type);
    if (output.type === "suspended" || output.type === "deliver") seen.add(output.type);
  }
  return [...seen].join(" ");
}

/** What is shown of the node after the event, for effects that are not sent. */
function counterOf(name: string): (scene: Scene) => number {
  return ({ driver }) => driver.counter(name);
}

type Row = {
  readonly event: string;
  readonly happens: (scene: Scene) => readonly RingOutput[];
  /** What it means and its outcome, for each state. */
  readonly cells: Readonly<Record<State, readonly [meaning: string, outcome: string]>>;
  /** By how much a figure of the node changes in each state; unchanged where it is not named. */
  readonly changes?: {
    readonly of: (scene: Scene) => number;
    readonly by: Partial<Record<State, number>>;
  };
};

const dropped = (state: State): readonly [string, string] => ["dropped", state];
const strange = { rep: node(4), seq: 900 };

const rows: readonly Row[] = [
  {
    event: "token timer",
    happens: ({ driver }) => driver.timer("token"),
    cells: {
      operational: ["suspended, gather", "gather suspended join"],
      gather: ["the silent have failed; alone, we form a ring", "operational join commit token"],
      commit: ["gather", "gather join"],
      recovery: ["the new ring is abandoned, gather", "gather join"],
    },
  },
  {
    event: "join timer",
    happens: ({ driver }) => driver.timer("join"),
    cells: {
      operational: dropped("operational"),
      gather: ["the join again", "gather join"],
      commit: dropped("commit"),
      recovery: dropped("recovery"),
    },
  },
  {
    event: "consensus timer",
    happens: ({ driver }) => driver.timer("consensus"),
    cells: {
      operational: dropped("operational"),
      gather: ["the silent have failed; alone, we form a ring", "operational join commit token"],
      commit: dropped("commit"),
      recovery: dropped("recovery"),
    },
  },
  {
    event: "retransmit timer",
    happens: ({ driver }) => driver.timer("retransmit"),
    cells: {
      operational: ["the token again", "operational token"],
      gather: dropped("gather"),
      commit: ["the commit token again", "commit"],
      recovery: ["the commit token again, as no token was passed yet", "recovery commit"],
    },
  },
  {
    event: "retransmit timer after the first token",
    happens: ({ driver, commit }) => {
      driver.receive(3, completed(commit));
      return driver.timer("retransmit");
    },
    cells: {
      operational: ["the token again", "operational token"],
      gather: dropped("gather"),
      commit: ["the complete commit token again", "recovery commit"],
      recovery: ["the token again", "recovery token"],
    },
  },
  {
    event: "hold timer while nothing is held",
    happens: ({ driver }) => driver.timer("hold"),
    cells: {
      operational: dropped("operational"),
      gather: dropped("gather"),
      commit: dropped("commit"),
      recovery: dropped("recovery"),
    },
  },
  {
    event: "merge timer",
    happens: ({ driver }) => driver.timer("merge"),
    cells: {
      operational: ["the representative calls", "operational merge-detect"],
      gather: dropped("gather"),
      commit: dropped("commit"),
      recovery: dropped("recovery"),
    },
  },
  {
    event: "mcast of the installed ring",
    happens: ({ driver, old }) => driver.receive(3, mcast({ ring: old, origin: node(3), seq: 1 })),
    cells: {
      operational: ["delivered", "operational deliver"],
      gather: ["stored, not delivered", "gather"],
      commit: ["dropped, as the old ring is frozen", "commit"],
      recovery: ["dropped, as the old ring is frozen", "recovery"],
    },
    changes: { of: counterOf("high seq"), by: { operational: 1, gather: 1 } },
  },
  {
    event: "mcast of the ring in recovery with an old message within",
    happens: ({ driver, old, commit }) => {
      const inner = encodeMessage(mcast({ ring: old, origin: node(3), seq: 1 }));
      const fields = { ring: commit.ring, origin: node(3), seq: 1, inner, chunks: [] };
      return driver.receive(3, mcast(fields));
    },
    cells: {
      operational: dropped("operational"),
      gather: dropped("gather"),
      commit: dropped("commit"),
      recovery: ["the old message is stored, not delivered", "recovery"],
    },
    changes: { of: counterOf("high seq"), by: { recovery: 1 } },
  },
  {
    event: "foreign mcast of a stranger",
    happens: ({ driver }) => driver.receive(4, mcast({ ring: strange, origin: node(4) })),
    cells: {
      operational: ["answered, no gather", "operational merge-detect"],
      gather: ["the stranger is considered", "gather join"],
      commit: dropped("commit"),
      recovery: dropped("recovery"),
    },
  },
  {
    event: "foreign mcast of a considered node",
    happens: ({ driver }) => driver.receive(2, mcast({ ring: strange, origin: node(2) })),
    cells: {
      operational: dropped("operational"),
      gather: dropped("gather"),
      commit: dropped("commit"),
      recovery: dropped("recovery"),
    },
  },
  {
    event: "token of the installed ring",
    happens: ({ driver, old }) => driver.receive(3, token({ ring: old, tokenSeq: 1000 })),
    cells: {
      operational: ["passed on", "operational token"],
      gather: dropped("gather"),
      commit: dropped("commit"),
      recovery: dropped("recovery"),
    },
  },
  {
    event: "token of the ring being formed",
    happens: ({ driver, commit }) => driver.receive(3, token({ ring: commit.ring, tokenSeq: 3 })),
    cells: {
      operational: dropped("operational"),
      gather: dropped("gather"),
      commit: dropped("commit"),
      recovery: ["passed on", "recovery token"],
    },
  },
  {
    event: "join of a member as far as we are",
    happens: ({ driver }) => {
      return driver.receive(2, join({ proc, ringSeq: driver.counter("ring seq") }));
    },
    cells: {
      operational: ["suspended, gather", "gather suspended join"],
      gather: ["it consents", "gather"],
      commit: ["gather", "gather join"],
      recovery: ["the new ring is abandoned, gather", "gather join"],
    },
  },
  {
    event: "late join of a member",
    happens: ({ driver }) => {
      return driver.receive(2, join({ proc, ringSeq: driver.counter("ring seq") - 1 }));
    },
    cells: {
      operational: dropped("operational"),
      gather: ["it consents all the same", "gather"],
      commit: dropped("commit"),
      recovery: dropped("recovery"),
    },
  },
  {
    event: "join of a stranger",
    happens: ({ driver }) => driver.receive(4, join({ proc: nodes(4), ringSeq: 900 })),
    cells: {
      operational: ["answered, as it is not known to hear us all", "operational merge-detect"],
      gather: ["the stranger is considered", "gather join"],
      commit: dropped("commit"),
      recovery: dropped("recovery"),
    },
  },
  {
    event: "the certified end of a member",
    happens: ({ driver }) => {
      return driver.step({ type: "ended", node: node(2), incarnation: incarnationOne });
    },
    cells: {
      operational: ["suspended, gather without it", "gather suspended join"],
      gather: ["gather without it", "gather join"],
      commit: ["gather without it", "gather join"],
      recovery: ["gather without it", "gather join"],
    },
  },
  {
    event: "the certified end of a stranger",
    happens: ({ driver }) => {
      return driver.step({ type: "ended", node: node(4), incarnation: incarnationOne });
    },
    cells: {
      operational: dropped("operational"),
      gather: dropped("gather"),
      commit: dropped("commit"),
      recovery: dropped("recovery"),
    },
  },
  {
    event: "the certified end of an earlier life of a member",
    happens: ({ driver }) => {
      driver.step({
        ...{ type: "frame", from: node(2), incarnation: incarnationTwo },
        message: mcast({ ring: strange, origin: node(2) }),
      });
      return driver.step({ type: "ended", node: node(2), incarnation: incarnationOne });
    },
    cells: {
      operational: dropped("operational"),
      gather: dropped("gather"),
      commit: dropped("commit"),
      recovery: dropped("recovery"),
    },
  },
  {
    event: "join of a member that leaves",
    happens: ({ driver }) => {
      const fields = { proc: nodes(1, 3), failed: nodes(2), leave: true };
      return driver.receive(2, join({ ...fields, ringSeq: driver.counter("ring seq") }));
    },
    cells: {
      operational: ["suspended, gather without it", "gather suspended join"],
      gather: ["gather without it", "gather join"],
      commit: ["gather without it", "gather join"],
      recovery: ["gather without it", "gather join"],
    },
  },
  {
    event: "commit token that is ours to fill in",
    happens: ({ driver, commit }) => {
      const ring = { rep: node(1), seq: driver.counter("ring seq") + 8 };
      return driver.receive(3, { ...commit, ring, index: 0, members: proc.map(asOpen) });
    },
    cells: {
      operational: dropped("operational"),
      gather: ["filled in and passed on", "commit"],
      commit: dropped("commit"),
      recovery: dropped("recovery"),
    },
  },
  {
    event: "complete commit token of the ring being formed",
    happens: ({ driver, commit }) => driver.receive(3, completed(commit)),
    cells: {
      operational: dropped("operational"),
      gather: dropped("gather"),
      commit: ["passed on, recovery", "recovery commit"],
      recovery: ["the representative sends the first token", "recovery token"],
    },
  },
  {
    event: "complete commit token of another ring",
    happens: ({ driver, commit }) => {
      const ring = { rep: node(1), seq: commit.ring.seq + 40 };
      return driver.receive(3, { ...completed(commit), ring });
    },
    cells: {
      operational: dropped("operational"),
      gather: dropped("gather"),
      commit: dropped("commit"),
      recovery: dropped("recovery"),
    },
  },
  {
    event: "merge detect of a stranger",
    happens: ({ driver }) => driver.receive(4, mergeDetect({ ring: strange, members: nodes(4) })),
    cells: {
      operational: ["answered, as it is not known to hear us all", "operational merge-detect"],
      gather: ["the stranger is considered", "gather join"],
      commit: dropped("commit"),
      recovery: dropped("recovery"),
    },
  },
  {
    event: "hold cancel while nothing is held",
    happens: ({ driver, old }) => driver.receive(2, { type: "hold-cancel", ring: old }),
    cells: {
      operational: ["the ring is not idle any more", "operational"],
      gather: dropped("gather"),
      commit: dropped("commit"),
      recovery: dropped("recovery"),
    },
  },
  {
    event: "submit",
    happens: ({ driver }) => driver.submit("m"),
    cells: {
      operational: ["queued for the token", "operational"],
      gather: ["queued", "gather"],
      commit: ["queued", "commit"],
      recovery: ["queued", "recovery"],
    },
    changes: {
      of: counterOf("queued messages"),
      by: { operational: 1, gather: 1, commit: 1, recovery: 1 },
    },
  },
  {
    event: "link down",
    happens: ({ driver }) => driver.step({ type: "link", up: false }),
    cells: {
      operational: ["nothing, the token decides", "operational"],
      gather: ["nothing", "gather"],
      commit: ["nothing", "commit"],
      recovery: ["nothing", "recovery"],
    },
  },
  {
    event: "link up",
    happens: ({ driver }) => driver.step({ type: "link", up: true }),
    cells: {
      operational: ["the ring makes itself known", "operational merge-detect"],
      gather: ["nothing, joins are sent anyway", "gather"],
      commit: ["nothing", "commit"],
      recovery: ["nothing", "recovery"],
    },
  },
  {
    event: "a pause longer than token and consensus",
    happens: ({ driver }) => driver.step({ type: "stall", lateMs: ms(2300) }),
    cells: {
      operational: ["suspended, gather", "gather suspended join"],
      gather: ["nothing", "gather"],
      commit: ["nothing, the token decides", "commit"],
      recovery: ["nothing, the token decides", "recovery"],
    },
  },
  {
    event: "leave",
    happens: ({ driver }) => driver.step({ type: "leave" }),
    cells: {
      operational: ["told, suspended, stopped", "stopped join suspended"],
      gather: ["told, stopped", "stopped join"],
      commit: ["told, stopped", "stopped join"],
      recovery: ["told, stopped", "stopped join"],
    },
  },
];

for (const { event, happens, cells, changes } of rows) {
  for (const state of states) {
    const [meaning, expected] = cells[state];
    test(`${state.toUpperCase()} × ${event}: ${meaning}`, async (t) => {
      const scene = sceneIn(state);
      t.equal(scene.driver.state, state, "the scene");
      const before = changes?.of(scene) ?? 0;
      t.equal(outcome(scene.driver, happens(scene)), expected);
      if (changes === undefined) return;
      t.equal(changes.of(scene) - before, changes.by[state] ?? 0, "the figure");
    });
  }
}
