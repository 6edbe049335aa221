/**
 * How a client authenticates to a broker: by the account and the mechanisms that a qpidd.conf or a
 * command line names.
 * Source: qpid-ha(1); qpid-cpp ha/HaPlugin.cpp: ha-username, ha-password, ha-mechanism.
 * Tested in: test/brokers/own-broker.test.ts, test/cli/qpid-ha-command.test.ts
 */
import { accept, type Result, refuse } from "../model/outcome.ts";

/** With `auth=no` a broker takes all of them; without, it drops who does not authenticate. */
export type BrokerCredentials =
  | { readonly type: "none" }
  | { readonly type: "anonymous" }
  | { readonly type: "plain"; readonly username: string; readonly password: string };

export type BrokerAccount = { readonly username: string; readonly password: string };

/**
 * `mechanisms`: separated by blanks or commas; empty: any. PLAIN is preferred where there is a
 * user. Refused: PLAIN is wanted and there is no user, or none of the mechanisms is supported.
 */
export function chooseCredentials(
  mechanisms: string,
  account: BrokerAccount,
): Result<BrokerCredentials, "no-user" | "unsupported"> {
  const wanted = mechanisms
    .toUpperCase()
    .split(/[\s,]+/)
    .filter((one) => one !== "");
  const any = wanted.length === 0;
  if (account.username !== "" && (any || wanted.includes("PLAIN"))) {
    return accept({ type: "plain", ...account });
  }
  if (any || wanted.includes("ANONYMOUS")) return accept({ type: "anonymous" });
  return refuse(wanted.includes("PLAIN") ? "no-user" : "unsupported");
}
