/**
 * The daemon: puts together ports, guard, control sockets and the lives of this node, one after the
 * other. Decides only how the process ends.
 * Tested in: test/e2e/failover.test.ts, test/e2e/death-events.test.ts
 * DAEMON1  Whatever ends the process, nothing of the services is left: they are stopped, or, if
 *     something is broken, this process or the guard kills them and removes their addresses.
 * DAEMON2  No life begins before the guard of this process is ready and that of an earlier one has
 *     ended.
 */

import { type LeaveBody, type ServiceReply, serviceReply } from "../control/protocol.ts";
import { outcomeText } from "../control/request-codes.ts";
import { ProcessGroups } from "../groups/process-groups.ts";
import { systemClock } from "../io/clock.ts";
import type { LogFormat } from "../io/log/log-lines.ts";
import type { LogSink, Stop } from "../io/ports.ts";
import { sweepServices } from "../io/service-sweep.ts";
import { noOwnBroker } from "../life/broker-observer.ts";
import type { NodeRequest } from "../life/event-loop.ts";
import { FailoverLog } from "../life/failover-log.ts";
import { followLife, type LifeEnd } from "../life/life-end.ts";
import { nodeAgents } from "../life/node-agents.ts";
import { type LifeMachines, NodeLife } from "../life/node-life.ts";
import {
  acknowledgeReply,
  killReply,
  leaveReply,
  serviceReplyText,
} from "../life/operator-replies.ts";
import { reportStatus } from "../life/status-report.ts";
import type { Acceptance } from "../model/acceptance.ts";
import type { LoggingConf } from "../model/conf.ts";
import type { NodeId, ServiceName } from "../model/ids.ts";
import { accept, type Result } from "../model/outcome.ts";
import { type RequestOutcome, refused } from "../model/request-outcome.ts";
import type { ClusterStatus } from "../model/status.ts";
import { ClusterNode } from "../node/cluster-node.ts";
import type { ConfVersion } from "../node/conf-versions.ts";
import type { CarriedOver, UserRequest } from "../node/node-events.ts";
import { startRingThread } from "../ring-thread/ring-thread-start.ts";
import { type ControlSockets, openControlSockets } from "./control-sockets.ts";
import { type DaemonPorts, openPorts } from "./daemon-ports.ts";
import { EarlyStart } from "./early-start.ts";
import { presentGroups } from "./group-lives.ts";
import { GuardProcess } from "./guard-process.ts";
import { LiveConf } from "./live-conf.ts";
import { certificateFor, type LoadedConf, ringThreadOptions } from "./loaded-conf.ts";
import { watchMachine } from "./machine-watch.ts";
import { operatorBackend } from "./operator-backend.ts";
import { RingLink } from "./ring-link.ts";
import { StatusEvents } from "./status-events.ts";
import { type SupervisorLine, SupervisorNotifier } from "./supervisor-notifier.ts";
import { WatchdogState } from "./watchdog-state.ts";

export type DaemonOptions = {
  readonly loaded: LoadedConf;
  readonly stateDirectory: string;
  readonly runDirectory: string;
  readonly log: LogSink;
  /** The conf in force has these options of the log now. */
  readonly onLogging: (logging: LoggingConf) => void;
  /** The format of the guard's log on standard error. */
  readonly guardFormat: LogFormat;
  readonly supervisor: SupervisorLine;
  /** The process may end now, with this exit status. */
  readonly onExit: (status: number) => void;
};

const machines: LifeMachines = {
  makeNode: (...given) => new ClusterNode(...given),
  makeGroups: (self) => new ProcessGroups(self),
};

/** The outcome of a request while no life can take it. */
const betweenLives = refused("between-lives");

export class Daemon {
  readonly #options: DaemonOptions;
  readonly #ports: DaemonPorts;
  readonly #early: EarlyStart;
  readonly #clock = systemClock();
  readonly #events = new StatusEvents();
  readonly #live: LiveConf;
  readonly #ringLink: RingLink;
  readonly #watchdog: WatchdogState;
  readonly #supervisor: SupervisorNotifier;
  readonly #failovers: FailoverLog;
  #guard: GuardProcess | null = null;
  #sockets: ControlSockets | null = null;
  #life: NodeLife | null = null;
  #watch: Stop | null = null;
  #ending = false;
  /** The exit status of a requested end. */
  #exitStatus = 0;

  private constructor(options: DaemonOptions, ports: DaemonPorts, early: EarlyStart) {
    this.#options = options;
    this.#ports = ports;
    this.#early = early;
    this.#live = new LiveConf(options);
    const { conf, local, addresses } = options.loaded;
    this.#watchdog = new WatchdogState({
      conf,
      self: local.id,
      log: options.log,
      onMissing: () => this.#giveUp(),
    });
    this.#failovers = new FailoverLog({
      self: local.id,
      log: options.log,
      clock: this.#clock,
      conf: () => this.#live.loaded.conf,
    });
    const status = () => this.status();
    this.#supervisor = new SupervisorNotifier({ ...options.supervisor, status });
    this.#ringLink = new RingLink({
      network: ports.network,
      address: addresses.find(({ id }) => id === local.id)?.address ?? "",
      netmtuBytes: conf.totem.netmtuBytes,
      onChange: (up) => this.#life?.linkChanged(up),
      warn: (text) => options.log.write("totem", "warning", { text }),
    });
  }

  /** Opens everything; refuses, with the reason, if something cannot be opened. */
  static async start(options: DaemonOptions): Promise<Result<Daemon, string>> {
    const early = new EarlyStart(options.stateDirectory, options.guardFormat);
    const daemon = await Daemon.#start(options, early);
    if (!daemon.ok) early.abandon();
    return daemon;
  }

  static async #start(options: DaemonOptions, early: EarlyStart): Promise<Result<Daemon, string>> {
    let started: Daemon | null = null;
    const onClaimed = (address: string): void => started?.guardAddress(address);
    const onContested = (service: ServiceName, why: string): void => {
      started?.checkNow(service, why);
    };
    const ports = await openPorts({ ...options, onClaimed, onContested });
    if (!ports.ok) return ports;
    const daemon = new Daemon(options, ports.value, early);
    started = daemon;
    const { loaded, runDirectory, log } = options;
    const sockets = await openControlSockets({
      runDirectory,
      accounts: loaded.accounts,
      backend: {
        status: () => daemon.status(),
        request: (request) => daemon.#request(request),
        acknowledge: (node, by) => daemon.#acknowledge(node, by),
        kill: (node, by) => daemon.#kill(node, by),
        reload: () => daemon.reload(),
        leave: (how) => daemon.#leaveAsAsked(how),
        subscribe: (listener) => daemon.#events.subscribe(listener),
        groups: presentGroups(() => daemon.#life?.groups ?? null),
        operators: operatorBackend({
          loaded: () => daemon.#live.loaded,
          performer: ports.value.performer,
          log,
          life: () => daemon.#life,
        }),
      },
      notice: (text) => log.write("services", "warning", { text }),
    });
    if (!sockets.ok) return sockets;
    daemon.#sockets = sockets.value;
    daemon.#watch = watchMachine({
      ...ports.value,
      ringLink: daemon.#ringLink,
      checkNow: (service, why) => daemon.checkNow(service, why),
    });
    daemon.#startGuard();
    return accept(daemon);
  }

  status(): ClusterStatus {
    const { conf, local, addresses, reading } = this.#live.loaded;
    const life = this.#life;
    return reportStatus(
      conf,
      {
        node: life?.node ?? null,
        self: local.id,
        ring: life?.ringView ?? { state: "stopped", counters: {}, rotation: null },
        addresses: new Map(addresses.map(({ id, address }) => [id, address])),
        joined: (node) => life?.members.find(node) ?? null,
        configHash: reading.hash,
        tracking: this.#ports.cgroups === null ? "marks" : "cgroups",
        watchdog: this.#watchdog.status,
        broker: life?.broker ?? noOwnBroker,
        failovers: this.#failovers,
      },
      { wallMs: this.#clock.wallMs(), boottimeMs: this.#clock.boottimeMs() },
    );
  }

  /**
   * SIGTERM: services are stopped and handed over, and the process ends with 0. `remove`: this node
   * leaves for good, so that the others expect fewer votes.
   */
  shutdown({ remove } = { remove: false }): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#supervisor.stopping();
    if (this.#life === null) void this.#killEverything().then((clean) => this.#leave(clean));
    else this.#life.shutdown(remove);
  }

  /** SIGHUP: the log file was moved. Log rotation must not bring another conf into force. */
  hangUp(): void {
    this.#options.log.reopen();
  }

  /** Something is broken: kills all services, then ends the process. */
  async abort(): Promise<void> {
    this.#ending = true;
    await this.#life?.kill();
    await this.#killEverything();
    await this.#exit(1);
  }

  /** Has the service (null: every service) checked before its next status check is due. */
  checkNow(service: ServiceName | null, why: string): void {
    this.#life?.loop?.push({ type: "check-now", why, service });
  }

  /** Tells the guard of an address before that is added. */
  guardAddress(address: string): void {
    this.#guard?.alsoWatch([address]);
  }

  #startGuard(): void {
    const { log, stateDirectory, guardFormat: logFormat } = this.#options;
    const { trackingToken: token, cgroups, claims } = this.#ports;
    this.#guard = new GuardProcess({
      stateDirectory,
      logFormat,
      duty: {
        token,
        addresses: claims.all,
        cgroups: cgroups?.directory ?? null,
        killTimeoutMs: this.#live.loaded.conf.fencing.killTimeoutMs,
        watchdog: this.#watchdog.wanted,
      },
      loading: this.#early.takeGuard(),
      log,
      onReady: (nothingLeft) => {
        if (this.#ending) return;
        this.#beginLife(null, nothingLeft);
        this.#supervisor.ready();
      },
      onGuarded: (untilMs, atEnd) => this.#life?.loop?.push({ type: "guarded", untilMs, atEnd }),
      onWatchdog: (report) => this.#watchdog.onReport(report),
      onMissing: () => {
        const text = "no guard can be started: this node hands its services over and ends";
        log.write("fencing", "crit", { text });
        this.#giveUp();
      },
    });
  }

  /** Ends the process with status 1: without guard or required watchdog the node is not safe. */
  #giveUp(): void {
    this.#exitStatus = 1;
    this.shutdown();
  }

  #beginLife(carried: CarriedOver | null, nothingLeft: boolean): void {
    const { log, stateDirectory } = this.#options;
    const { conf, local, reading } = this.#live.loaded;
    const ringOptions = ringThreadOptions(this.#live.loaded, stateDirectory);
    const { performer, trackingToken, machine, memory, brokerPorts } = this.#ports;
    this.#life = new NodeLife({
      conf,
      self: local.id,
      name: local.name,
      configHash: reading.hash,
      configText: reading.text,
      readText: this.#live.read,
      prepareText: (content, done) => void this.#live.prepare(content).then(done),
      onConf: (conf) => this.#adopt(conf),
      trackingToken,
      watchdog: this.#watchdog.counts,
      machine,
      clock: this.#clock,
      startRing: (onOutputs) => {
        return startRingThread(ringOptions, onOutputs, this.#early.takeRingThread() ?? undefined);
      },
      agents: nodeAgents({ conf: () => this.#live.loaded.conf, self: local.id, performer, log }),
      machines,
      log,
      failovers: this.#failovers,
      carried,
      nothingLeft,
      remembered: memory.knownAt(this.#clock.boottimeMs()),
      onMachines: (known) => memory.remember(known),
      onCertificate: (frame) => this.#guard?.certify(certificateFor(frame, ringOptions)),
      onLease: (endMs, atEnd) => this.#guard?.arm(endMs, atEnd),
      brokerPorts,
      onToldToLeave: () => this.shutdown(),
      onEnd: (end) => this.#onLifeEnd(end),
      onTurn: () => this.#events.publish(() => this.status()),
    });
  }

  /** Another conf is in force. */
  #adopt(version: ConfVersion): void {
    this.#live.adopt(version);
    this.#options.onLogging(version.conf.logging);
    this.#sockets?.change(this.#live.loaded.accounts);
  }

  #onLifeEnd(end: LifeEnd): void {
    followLife(end, {
      ending: () => this.#ending,
      carryOver: () => this.#life?.node?.carryOver() ?? null,
      killLife: async () => await this.#life?.kill(),
      killEverything: () => this.#killEverything(),
      say: (channel, text) => this.#options.log.write(channel, "crit", { text }),
      begin: (carried) => this.#beginLife(carried, false),
      exit: (status) => void this.#exit(status),
      leave: (clean) => void this.#leave(clean),
    });
  }

  /** Ends the process as was requested. `clean`: nothing of the services is left. */
  async #leave(clean: boolean): Promise<void> {
    if (clean) {
      await this.#guard?.dismiss();
      await this.#ports.cgroups?.remove();
    }
    await this.#exit(this.#exitStatus);
  }

  async #exit(status: number): Promise<void> {
    this.#watch?.();
    this.#ringLink.stop();
    this.#supervisor.end();
    this.#life = null;
    await this.#sockets?.close();
    this.#options.onExit(status);
  }

  /** Kills all services; returns whether nothing of them is left. */
  async #killEverything(): Promise<boolean> {
    const { network, processes, performer, claims, trackingToken: token } = this.#ports;
    const scope = { token, addresses: claims.all };
    const late = await new Promise<readonly string[]>((resolve) => performer.endAll(resolve));
    const rest = [...late, ...(await sweepServices({ addresses: network, processes }, scope))];
    if (rest.length === 0) return true;
    const text = `of the services there is left: ${rest.join(", ")}`;
    this.#options.log.write("fencing", "alert", { text });
    return false;
  }

  #ask(request: NodeRequest): Promise<RequestOutcome> {
    const loop = this.#life?.loop ?? null;
    return new Promise((resolve) => {
      if (loop === null) resolve(betweenLives);
      else loop.ask(request, resolve);
    });
  }

  async #request(request: UserRequest): Promise<ServiceReply> {
    const outcome = await this.#ask({ type: "request", ...request });
    if (!("service" in request)) return serviceReply(outcome, outcomeText(outcome));
    return serviceReply(outcome, serviceReplyText(outcome, request, this.status()));
  }

  async #acknowledge(node: NodeId, by: string): Promise<Acceptance> {
    const outcome = await this.#ask({ type: "acknowledge", victim: node, who: by });
    const name = this.#live.loaded.conf.nodes.find((one) => one.id === node)?.name ?? "";
    return acknowledgeReply(outcome, name);
  }

  #leaveAsAsked(how: LeaveBody): Acceptance {
    const reply = leaveReply(how, this.#live.loaded.conf.quorum);
    if (reply.accepted) this.shutdown(how);
    return reply;
  }

  async #kill(node: NodeId, by: string): Promise<Acceptance> {
    return killReply(await this.#ask({ type: "kill", victim: node, who: by }));
  }

  /** Brings the conf of the file into force on all nodes; a refusal says why not. */
  async reload(): Promise<Acceptance> {
    const refusal = this.#life?.node?.snapshot.refusal ?? null;
    if (refusal !== null) {
      const text = `this node is not counted (${refusal}): ask a node that is`;
      return { accepted: false, text };
    }
    const propose = async ({ conf, hash, text }: ConfVersion) => {
      const outcome = await this.#ask({ type: "propose", version: conf.version, hash, text });
      const last = this.#life?.node?.snapshot.table?.change.last ?? null;
      return { outcome, text: last?.version === conf.version ? last.text : "" };
    };
    return await this.#supervisor.reloading(() => this.#live.reload(propose));
  }
}
