/**
 * The broker of this machine: which qpidd.conf its init scripts use, and how it is asked according
 * to that file. A file that puts the broker in no cluster leaves nothing to ask.
 * Source: qpid-cpp etc/fedora/qpidd.in, qpidd-primary.in, which source /etc/sysconfig/qpidd;
 * qpid-cpp broker/BrokerOptions.h: port, interface.
 * Deviation: of the shell only plain assignments are understood. With a QPID_CONFIG that is the
 * result of a computation, the default is used.
 */
import { parseAddress } from "../model/numeric-address.ts";
import { accept, type Result, refuse } from "../model/outcome.ts";
import { quoted } from "../model/visible-text.ts";
import { type BrokerCredentials, chooseCredentials } from "./broker-account.ts";
import { parseQpiddConf } from "./qpidd-conf.ts";

/** What the init scripts source, in this order. */
export const qpiddSettingsFiles = ["/etc/sysconfig/qpidd", "/etc/default/qpidd"] as const;

const confDefault = "/etc/qpid/qpidd.conf";

/** `settings`: the texts of the settings files that exist, in their order; the last one counts. */
export function qpiddConfPath(settings: readonly string[]): string {
  const lines = settings.flatMap((text) => text.split("\n"));
  const values = lines.flatMap((line) => assignedPath(line) ?? []);
  return values.at(-1) ?? confDefault;
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
};

/** From the text of its qpidd.conf, or why it cannot be asked; that never repeats a secret. */
export function readOwnBroker(text: string): Result<OwnBroker, string> {
  const { settings, written } = parseQpiddConf(text);
  if (!settings.cluster.value) return refuse("ha-cluster is not set to yes");
  const host = listeningHost(written.get("interface")?.value ?? "");
  if (host === null) return refuse("its interface is no address");
  const account = { username: settings.username.value, password: settings.password.value };
  const credentials = chooseCredentials(settings.mechanism.value, account);
  if (credentials.ok) {
    return accept({ host, port: settings.port.value, credentials: credentials.value });
  }
  const mechanism = quoted(settings.mechanism.value);
  return refuse(
    credentials.problem === "no-user"
      ? "ha-mechanism is PLAIN and there is no ha-username"
      : `ha-mechanism is ${mechanism}, and only PLAIN and ANONYMOUS are supported`,
  );
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
