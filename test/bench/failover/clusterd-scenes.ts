/**
 * What is done to a clusterd cluster that serves a client, how it gets well again, and which time
 * the outage cannot be shorter than.
 */
import { type ClusterdParts, ClusterdSubject, timersOf } from "./clusterd-subject.ts";
import {
  isolate,
  killAll,
  killDaemon,
  killService,
  leave,
  nothing,
  powerOff,
  powerOn,
  reconnect,
  relocated,
  type Scene,
  type SceneGroup,
  startAgain,
  startTogether,
  unplug,
  wallMs,
} from "./failover-subject.ts";
import type { Profile, Work } from "./failover-work.ts";

type Measured = {
  readonly work: Work;
  readonly profile: Profile;
  readonly directory: string | null;
};

export function clusterdGroups(measured: Measured): readonly SceneGroup[] {
  const group = (
    differs: Pick<ClusterdParts["conf"], "fencing" | "recovery">,
    scenes: (subject: ClusterdSubject, conf: ClusterdParts["conf"]) => readonly Scene[],
  ): SceneGroup => {
    const { work, directory, profile } = measured;
    const conf = { totem: profile.totem, ...differs };
    const subject = new ClusterdSubject({ work, conf, directory });
    return { subject, scenes: scenes(subject, conf) };
  };
  return [
    group({ fencing: "self", recovery: "relocate" }, (subject, conf) => [
      ...processScenes(subject),
      ...leaseScenes(timersOf(measured.work.confText(conf)).safeWaitMs),
      ...startScenes(subject),
      ...guardlessScenes(subject),
    ]),
    group({ fencing: "self", recovery: "restart" }, () => [
      { name: "process killed, restarted", ...stays, act: killService, mend: nothing },
    ]),
    group({ fencing: "device", recovery: "relocate" }, (_, conf) => {
      const { tokenMs, consensusMs } = timersOf(measured.work.confText(conf));
      return deviceScenes(tokenMs + consensusMs);
    }),
  ];
}

const failover = { of: "failover", moves: true, boundMs: 0 } as const;
/** It may stay where it is. */
const stays = { ...failover, moves: false } as const;

/** Every node is there all the time. */
function processScenes(subject: ClusterdSubject): readonly Scene[] {
  const { freeze } = subject.work;
  const frozen: readonly Scene[] =
    freeze === null
      ? []
      : [
          {
            name: "process stands still",
            of: "failover",
            moves: true,
            boundMs: freeze.noticedMs,
            act: async ({ owner }) => {
              await freeze.act(subject.cluster, owner);
              return {};
            },
            mend: nothing,
          },
        ];
  return [
    {
      name: "relocate",
      ...failover,
      act: ({ others: [target] }) => relocated(() => subject.relocate(target)),
      mend: nothing,
    },
    { name: "process killed, relocated", ...failover, act: killService, mend: nothing },
    ...frozen,
  ];
}

/** No node has a fence device: its lease, its guard, or its own word says that it is off. */
function leaseScenes(safeWaitMs: number): readonly Scene[] {
  const lost = { of: "failover", moves: true, boundMs: safeWaitMs } as const;
  return [
    { name: "isolated, self-fencing", ...lost, act: isolate, mend: reconnect },
    { name: "link down, self-fencing", ...lost, act: unplug, mend: reconnect },
    { name: "clusterd killed", ...failover, act: killDaemon, mend: startAgain },
    { name: "node off, self-fencing", ...lost, act: powerOff, mend: powerOn },
    { name: "clean leave of the owner", ...failover, act: leave, mend: startAgain },
  ];
}

function startScenes(subject: ClusterdSubject): readonly Scene[] {
  return [
    {
      name: "cold start",
      of: "start",
      moves: false,
      boundMs: 0,
      act: startTogether,
      mend: nothing,
      note: "from the start of all daemons",
    },
    {
      name: "one more node joins",
      of: "join",
      moves: false,
      boundMs: 0,
      act: async ({ others: [node, witness] }) => {
        await subject.leave(node);
        const fromMs = wallMs();
        subject.startNode(node);
        const joinedMs = await subject.joined(node, { witness, sinceMs: fromMs });
        return { tookMs: joinedMs - fromMs, fromMs };
      },
      mend: nothing,
      note: "from the start of its daemon until it may run services",
    },
  ];
}

/**
 * The guard is killed, too. A node that finds its services there when it starts opens its watchdog
 * late, and until it starts again counts as one that has a watchdog, which lengthens the safe wait:
 * so these scenes come last.
 */
function guardlessScenes(subject: ClusterdSubject): readonly Scene[] {
  return [
    {
      name: "both killed, started at once",
      ...stays,
      act: async ({ owner }) => {
        await subject.killAll(owner);
        subject.startNode(owner);
        return {};
      },
      mend: nothing,
      note: "clusterd and guard; the service goes on until clusterd, started again, ends it",
    },
    {
      name: "both killed, started late",
      ...stays,
      act: async ({ owner, others }) => {
        await subject.killAll(owner);
        await subject.countedOff(owner, others[0]);
        subject.startNode(owner);
        return {};
      },
      mend: nothing,
      note: "after the safe wait; the service goes on, and the others find its address in use",
    },
  ];
}

/** The others take the power of the node away. */
function deviceScenes(lostMs: number): readonly Scene[] {
  const lost = { of: "failover", moves: true, boundMs: lostMs } as const;
  return [
    { name: "isolated, instant fence", ...lost, act: isolate, mend: powerOn },
    {
      name: "both killed, instant fence",
      ...failover,
      act: killAll,
      mend: powerOn,
      note: "clusterd and guard; the service goes on until the power of its node is off",
    },
    { name: "node off, instant fence", ...lost, act: powerOff, mend: powerOn },
  ];
}
