/**
 * The broker of this machine: which qpidd.conf its init scripts use, and how it is asked according
 * to that file. A file that puts the broker in no cluster leaves nothing to ask.
 * Source: qpid-cpp etc/fedora/qpidd.in, qpidd-primary.in, which source /etc/sysconfig/qpidd;
 * qpid-cpp broker/BrokerOptions.h: port, interface.
 * Deviation: of the shell only plain assignments are understood. With a QPID_CONFIG that is the
 * result of a computation, the default is used.
 */
import { heartbeatSecondsDefault, qpiddConfDefault } from "../model/broker-defaults.ts";
import { parseAddress } from "../model/numeric-address.ts";
import { accept, type Result, refuse } from "../model/outcome.ts";
import { type Ms, ms } from "../model/time.ts";
import { quoted } from "../model/visible-text.ts";
import { type BrokerCredentials, chooseCredentials } from "./broker-account.ts";
import { parseBrokersUrl, parseQpiddConf } from "./qpidd-conf.ts";

/** What the init scripts source, in this order. */
export const qpiddSettingsFiles = ["/etc/sysconfig/qpidd", "/etc/default/qpidd"] as const;

/** `settings`: the texts of the settings files that exist, in their order; the last one counts. */
export function qpiddConfPath(settings: readonly string[]): string {
  const lines = settings.flatMap((text) => text.split("\n"));
  const values = lines.flatMap((line) => assignedPath(line) ?? []);
  return values.at(-1) ?? qpiddConfDefault;
}

/** Assignments of other variables may stand before it in the line. */
function assignedPath(line: string): string | null {
  const code = line.replace(/(^|\s)#.*$/, "");
  const found = /(?:^|[\s;])QPID_CONFIG=(?:"([^"$`]*)"|'([^']*)'|([^\s;"'$`]*))(?=\s|;|$)/.exec(
    code,
  );
  const path = found?.[1] ?? found?.[2] ?? found?.[3] ?? "";
  return path.startsWith("/") ? path : null;
}

/** How the broker of this machine is asked. */
export type OwnBroker = {
  readonly host: string;
  readonly port: number;
  readonly credentials: BrokerCredentials;
  /** Where it writes its log, in words. */
  readonly log: string;
  /** Time-out of a connection on which nothing comes. */
  readonly idleMs: number;
};

/** What a resource says of its broker beside qpidd.conf; empty: it says nothing. */
export type BrokerSource = {
  /** Path of the qpidd.conf; empty: that of the init scripts. */
  readonly config: string;
  /** `host[:port]` */
  readonly address: string;
  readonly user: string;
  readonly passwordFile: string;
  readonly mechanism: string;
  /** In this time it must answer a question. */
  readonly heartbeatMs: Ms;
};

export const heartbeatDefaultMs = ms(1000 * heartbeatSecondsDefault);
/**
 * A broker forgets a node that was cut off after as many heartbeats. The frequent questions of the
 * watch notice a silent one long before.
 */
const idleHeartbeats = 5;

export const ofInitScripts: BrokerSource = {
  config: "",
  address: "",
  user: "",
  passwordFile: "",
  mechanism: "",
  heartbeatMs: heartbeatDefaultMs,
};

/** Of a resource `qpidd` or `qpidd-primary`. */
export function sourceOf(attributes: ReadonlyMap<string, string>): BrokerSource {
  const value = (name: string): string => attributes.get(name) ?? "";
  return {
    config: value("config"),
    address: value("address"),
    user: value("user"),
    passwordFile: value("password_file"),
    mechanism: value("mechanism"),
    heartbeatMs:
      value("heartbeat") === "" ? heartbeatDefaultMs : ms(1000 * Number(value("heartbeat"))),
  };
}

/**
 * From the text of its qpidd.conf, or why it cannot be asked; that never repeats a secret.
 * `password`: that of the source's file.
 */
export function readOwnBroker(
  text: string,
  source = ofInitScripts,
  password = "",
): Result<OwnBroker, string> {
  const { settings, written } = parseQpiddConf(text);
  if (!settings.cluster.value) return refuse("ha-cluster is not set to yes");
  const place = placeOf(source, settings.port.value, written.get("interface")?.value ?? "");
  if (!place.ok) return place;
  const own = { username: settings.username.value, password: settings.password.value };
  const account = source.user === "" ? own : { username: source.user, password };
  const mechanisms = source.mechanism === "" ? settings.mechanism.value : source.mechanism;
  const credentials = chooseCredentials(mechanisms, account);
  const log = written.get("log-to-file")?.value ?? "the system log";
  const idleMs = idleHeartbeats * source.heartbeatMs;
  if (credentials.ok) {
    return accept({ ...place.value, credentials: credentials.value, log, idleMs });
  }
  const mechanism = quoted(mechanisms);
  return refuse(
    credentials.problem === "no-user"
      ? "ha-mechanism is PLAIN and there is no ha-username"
      : `ha-mechanism is ${mechanism}, and only PLAIN and ANONYMOUS are supported`,
  );
}

function placeOf(
  { address }: BrokerSource,
  port: number,
  listens: string,
): Result<Pick<OwnBroker, "host" | "port">, string> {
  if (address !== "") {
    const read = parseBrokersUrl(address);
    const [only, ...others] = read.ok ? read.value : [];
    if (only === undefined || others.length > 0) return refuse(`${quoted(address)} is no address`);
    return accept(address.includes(`:${only.port}`) ? only : { host: only.host, port });
  }
  const host = listeningHost(listens);
  return host === null ? refuse("its interface is no address") : accept({ host, port });
}

/** The first of the addresses that it listens on; null: the name of an interface. */
function listeningHost(text: string): string | null {
  const [first = ""] = text.split(",").map((one) => one.trim());
  if (first === "") return "127.0.0.1";
  const address = parseAddress(first.replace(/^\[(.*)\]$/, "$1"));
  if (address === null) return null;
  if (address.bytes.some((byte) => byte !== 0)) return first.replace(/^\[(.*)\]$/, "$1");
  return address.family === "ipv4" ? "127.0.0.1" : "::1";
}
