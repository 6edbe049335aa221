/** The scenes that corosync and Pacemaker can be in, and what they do not do in them. */
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
import type { Profile } from "./failover-work.ts";
import { PacemakerSubject } from "./pacemaker-subject.ts";

export const pacemakerLimits = [
  "Without fencing (stonith-enabled=false), two holders possible: a lost node is taken for dead",
  "without proof. Whoever runs it with fencing, as its authors advise, has the time of the",
  "device to add. It asks for the address and the service every second.",
].join("\n");

const failover = { of: "failover", moves: true, boundMs: 0 } as const;

export function pacemakerGroups(profile: Profile, directory: string | null): readonly SceneGroup[] {
  const subject = new PacemakerSubject(profile, directory);
  const consensusMs = 1.2 * profile.tokenMs;
  const lost = { of: "failover", moves: true, boundMs: profile.tokenMs + consensusMs } as const;
  return [
    {
      subject,
      scenes: [
        ...ownScenes(subject),
        {
          name: "isolated, no fencing",
          ...lost,
          act: isolate,
          mend: reconnect,
          note: "the isolated node stops the service by itself; the others do not wait for it",
        },
        {
          name: "link down, no fencing",
          ...lost,
          act: unplug,
          mend: reconnect,
          note: "the same",
        },
        {
          name: "corosync killed",
          ...failover,
          act: killDaemon,
          mend: powerOn,
          note: "what the node runs goes on there, and is started on another one",
        },
        {
          name: "all killed, no fencing",
          ...failover,
          act: killAll,
          mend: powerOn,
          note: "corosync and Pacemaker; the same",
        },
        {
          name: "node off, no fencing",
          ...lost,
          act: powerOff,
          mend: powerOn,
          note: "nothing proves that the node is off",
        },
        { name: "clean leave of the owner", ...failover, act: leave, mend: startAgain },
        {
          name: "cold start",
          of: "start",
          moves: false,
          boundMs: 0,
          act: startTogether,
          mend: nothing,
          note: "from the start of all daemons; dc-deadtime is 20 s by default",
        },
      ],
    },
  ];
}

/** Those that need its own commands and log. */
function ownScenes(subject: PacemakerSubject): readonly Scene[] {
  return [
    {
      name: "relocate",
      ...failover,
      act: ({ others: [target] }) => relocated(() => subject.relocate(target)),
      mend: ({ owner }) => subject.clearPreference(owner),
    },
    {
      name: "process killed, relocated",
      ...failover,
      act: killService,
      mend: ({ owner }) => subject.forgiveFailures(owner),
    },
    {
      name: "one more node joins",
      of: "join",
      moves: false,
      boundMs: 0,
      act: async ({ others: [node] }) => {
        await subject.leave(node);
        const before = subject.joins(node);
        const fromMs = wallMs();
        subject.startNode(node);
        return { tookMs: (await subject.joined(node, before)) - fromMs, fromMs };
      },
      mend: nothing,
      note: "from the start of its daemons until the other nodes have accepted it",
    },
  ];
}
