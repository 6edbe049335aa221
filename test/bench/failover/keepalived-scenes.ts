/** The scenes that keepalived can be in, and what it does not do in them. */
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
  type Scene,
  type SceneGroup,
  startAgain,
  startTogether,
  unplug,
} from "./failover-subject.ts";
import type { Profile } from "./failover-work.ts";
import { KeepalivedSubject, masterDownMs } from "./keepalived-subject.ts";

export const keepalivedLimits = [
  "It moves an address, and starts and stops nothing: the service runs on every node. No quorum,",
  "no fencing, no proof that a silent node has given the address up: two holders possible. It",
  "has no command that relocates, and no membership that a node could join. bound: three adverts",
  "and the skew, which begin with the last advert, not with the end of the node.",
].join("\n");

export function keepalivedGroups(
  profile: Profile,
  directory: string | null,
): readonly SceneGroup[] {
  const subject = new KeepalivedSubject(profile, directory);
  const lost = { of: "failover", moves: true, boundMs: masterDownMs(profile) } as const;
  const failover = { of: "failover", moves: true, boundMs: 0 } as const;
  const scenes: readonly Scene[] = [
    {
      name: "process killed, relocated",
      ...failover,
      act: killService,
      mend: ({ owner }) => subject.startService(owner),
      note: "it asks for the service every second, and starts it nowhere",
    },
    {
      name: "isolated, no fencing",
      ...lost,
      act: isolate,
      mend: reconnect,
      note: "the isolated node keeps the address, and serves whoever reaches it",
    },
    {
      name: "link down, no fencing",
      ...lost,
      act: unplug,
      mend: reconnect,
      note: "the node gives the address up, since its kernel says that the link is down",
    },
    {
      name: "keepalived killed",
      ...failover,
      act: killDaemon,
      mend: startAgain,
      note: "its child notices that, and gives the address up",
    },
    {
      name: "both killed, no fencing",
      ...failover,
      act: killAll,
      mend: powerOn,
      note: "keepalived and its child; the node keeps the address, and another one takes it",
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
      boundMs: masterDownMs(profile),
      act: startTogether,
      mend: nothing,
      note: "from the start of all daemons; the service runs already",
    },
  ];
  return [{ subject, scenes }];
}
