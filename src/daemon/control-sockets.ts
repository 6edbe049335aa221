/**
 * The sockets of the run directory: the control socket, and one for each account of `<uidgid>` that
 * serves process groups only.
 */
import {
  type ControlBackend,
  type ControlServer,
  startControlServer,
} from "../control/control-server.ts";
import { removeStaleSockets, type SocketProblem } from "../control/control-socket.ts";
import { accept, assertNever, type Result, refuse } from "../model/outcome.ts";
import type { LoadedConf } from "./loaded-conf.ts";

export type ControlSocketsOptions = {
  readonly runDirectory: string;
  readonly accounts: LoadedConf["accounts"];
  readonly backend: ControlBackend;
  readonly notice: (text: string) => void;
};

export type ControlSockets = { close(): Promise<void> };

/** Refuses, with the reason, if one of them cannot be opened. */
export async function openControlSockets(
  options: ControlSocketsOptions,
): Promise<Result<ControlSockets, string>> {
  const { runDirectory, accounts, backend, notice } = options;
  const named = accounts.map((access) => ({ access, name: accountSocket(access) }));
  const kept = named.map(({ name }) => name);
  const main = { socketPath: `${runDirectory}/clusterd.sock`, backend, notice };
  const further = named.map(({ access, name }) => {
    return { ...main, socketPath: `${runDirectory}/${name}`, access, scope: "groups" as const };
  });
  const servers: ControlServer[] = [];
  for (const each of [main, ...further]) {
    const started = await startControlServer(each);
    if (!started.ok) {
      await closeAll(servers);
      return refuse(describeProblem(started.problem));
    }
    servers.push(started.value);
  }
  // Sockets of accounts that the conf does not name any more.
  await removeStaleSockets(runDirectory, /^groups-[ug]id-\d+\.sock$/, kept);
  return accept({ close: () => closeAll(servers) });
}

function accountSocket({ type, id }: LoadedConf["accounts"][number]): string {
  return `groups-${type}-${id}.sock`;
}

async function closeAll(servers: readonly ControlServer[]): Promise<void> {
  await Promise.all(servers.map((server) => server.close()));
}

function describeProblem(problem: SocketProblem): string {
  switch (problem.type) {
    case "socket-in-use":
      return `${problem.path}: another clusterd is serving this socket`;
    case "not-a-socket":
      return `${problem.path} is in the way and is not a socket; remove it`;
    case "listen-failed":
      return `${problem.path}: ${problem.cause}`;
    default:
      return assertNever(problem);
  }
}
