/**
 * The sockets of the run directory: the control socket, and one for each account of `<uidgid>` that
 * serves process groups only. Those of the accounts change with the conf.
 * Tested in: test/daemon/control-sockets.test.ts
 */
import {
  type ControlBackend,
  type ControlServer,
  startControlServer,
} from "../control/control-server.ts";
import { removeStaleSockets, type SocketProblem } from "../control/control-socket.ts";
import { accept, assertNever, type Result, refuse } from "../model/outcome.ts";
import type { LoadedConf } from "./loaded-conf.ts";

type Accounts = LoadedConf["accounts"];

export type ControlSocketsOptions = {
  readonly runDirectory: string;
  readonly accounts: Accounts;
  readonly backend: ControlBackend;
  readonly notice: (text: string) => void;
};

/** Refuses, with the reason, if one of them cannot be opened. */
export async function openControlSockets(
  options: ControlSocketsOptions,
): Promise<Result<ControlSockets, string>> {
  const { runDirectory, accounts, backend, notice } = options;
  const main = { socketPath: `${runDirectory}/clusterd.sock`, backend, notice };
  const started = await startControlServer(main);
  if (!started.ok) return refuse(describeProblem(started.problem));
  const sockets = new ControlSockets(options, started.value);
  const problems = await sockets.serve(accounts);
  if (problems.length > 0) {
    await sockets.close();
    return refuse(problems.join("; "));
  }
  return accept(sockets);
}

export class ControlSockets {
  readonly #options: ControlSocketsOptions;
  readonly #main: ControlServer;
  /** Those of the accounts, by the names of their sockets. */
  readonly #further = new Map<string, ControlServer>();
  /** Changes follow each other. */
  #changing: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(options: ControlSocketsOptions, main: ControlServer) {
    this.#options = options;
    this.#main = main;
  }

  /** From now on these accounts have a socket, and no others. Returns what could not be opened. */
  serve(accounts: Accounts): Promise<readonly string[]> {
    const served = this.#changing.then(() => (this.#closed ? [] : this.#change(accounts)));
    this.#changing = served;
    return served;
  }

  /** As `serve`; what cannot be opened is reported. */
  change(accounts: Accounts): void {
    void this.serve(accounts).then((problems) => problems.forEach(this.#options.notice));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#changing;
    await Promise.all([this.#main, ...this.#further.values()].map((server) => server.close()));
  }

  async #change(accounts: Accounts): Promise<readonly string[]> {
    const { runDirectory, backend, notice } = this.#options;
    const wanted = new Map(accounts.map((access) => [accountSocket(access), access]));
    for (const [name, server] of this.#further) {
      if (wanted.has(name)) continue;
      this.#further.delete(name);
      await server.close();
    }
    const problems: string[] = [];
    for (const [name, access] of wanted) {
      if (this.#further.has(name)) continue;
      const socketPath = `${runDirectory}/${name}`;
      const scope = "groups" as const;
      const started = await startControlServer({ backend, notice, socketPath, access, scope });
      if (started.ok) this.#further.set(name, started.value);
      else problems.push(describeProblem(started.problem));
    }
    // Those that an earlier process has left.
    await removeStaleSockets(runDirectory, /^groups-[ug]id-\d+\.sock$/, [...wanted.keys()]);
    return problems;
  }
}

function accountSocket({ type, id }: Accounts[number]): string {
  return `groups-${type}-${id}.sock`;
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
