/**
 * Who may do what: accounts with passwords, and the rules of an ACL file.
 * Source: qpid-cpp acl/AclReader.cpp, broker/amqp/Authorise.cpp; qpidd(1): sasl-config, acl-file.
 * Deviation: accounts stand in a text file `accounts` of the folder, a line `user:password` each,
 * where the original keeps a database of the SASL library.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { accept, type Result, refuse } from "../../src/model/outcome.ts";
import type { BrokerOptions } from "./broker-options.ts";

/** One thing that a user wants to do, in the words of the file. */
export type Access = {
  readonly action: "access" | "bind" | "consume" | "create" | "delete" | "publish";
  readonly object: "exchange" | "method" | "query" | "queue";
  readonly name: string;
};

type Rule = {
  readonly allows: boolean;
  readonly users: ReadonlySet<string>;
  readonly action: string;
  readonly object: string;
  /** Null: any name. */
  readonly name: string | null;
};

const realm = "@QPID";
export const anonymousUser = "anonymous";

export class AccessControl {
  readonly #accounts: ReadonlyMap<string, string>;
  /** Null: no file, everything is allowed. */
  readonly #rules: readonly Rule[] | null;

  private constructor(accounts: ReadonlyMap<string, string>, rules: readonly Rule[] | null) {
    this.#accounts = accounts;
    this.#rules = rules;
  }

  static load(settings: BrokerOptions): Result<AccessControl, string> {
    const accounts = new Map<string, string>();
    if (settings.username !== "") accounts.set(settings.username, settings.password);
    if (settings.accounts !== null) {
      for (const line of readLines(join(settings.accounts, "accounts"))) {
        const [user = "", ...password] = line.split(":");
        accounts.set(user, password.join(":"));
      }
    }
    if (settings.aclFile === null) return accept(new AccessControl(accounts, null));
    const rules = parseRules(readLines(settings.aclFile));
    return rules.ok ? accept(new AccessControl(accounts, rules.value)) : rules;
  }

  isAccount(user: string, password: string): boolean {
    return this.#accounts.get(user.replace(realm, "")) === password;
  }

  /** The first rule that fits decides; without one nothing is allowed. */
  permits(user: string, wanted: Access): boolean {
    if (this.#rules === null) return true;
    const named = user === anonymousUser || user.endsWith(realm);
    const identity = named ? user : `${user}${realm}`;
    return this.#rules.find((rule) => fits(rule, identity, wanted))?.allows ?? false;
  }
}

function fits(rule: Rule, user: string, wanted: Access): boolean {
  if (!rule.users.has("all") && !rule.users.has(user)) return false;
  if (rule.action !== "all" && rule.action !== wanted.action) return false;
  if (rule.object !== "all" && rule.object !== wanted.object) return false;
  if (rule.name === null || rule.name === wanted.name) return true;
  return rule.name.endsWith("*") && wanted.name.startsWith(rule.name.slice(0, -1));
}

/** `acl allow|deny USER|GROUP|all ACTION|all [OBJECT|all [name=NAME]]`, `group NAME USER…`. */
export function parseRules(lines: readonly string[]): Result<readonly Rule[], string> {
  const groups = new Map<string, readonly string[]>();
  const rules: Rule[] = [];
  for (const line of lines) {
    const [kind, ...words] = line.split(/\s+/);
    if (kind === "group") {
      const [name = "", ...users] = words;
      groups.set(name, users);
      continue;
    }
    const [verdict = "", who = "", action = "", object = "all", property] = words;
    const known = /^(?:allow|deny)(?:-log)?$/.test(verdict);
    const name = property === undefined ? null : (/^name=(.+)$/.exec(property)?.[1] ?? "");
    if (kind !== "acl" || !known || action === "" || name === "") {
      return refuse(`ACL format error: ${line}`);
    }
    const users = new Set(groups.get(who) ?? [who]);
    rules.push({ allows: verdict.startsWith("allow"), users, action, object, name });
  }
  return accept(rules);
}

/** Without comments and empty lines. */
function readLines(file: string): readonly string[] {
  const lines = readFileSync(file, "utf8").split("\n");
  return lines.map((line) => line.replace(/#.*/, "").trim()).filter((line) => line !== "");
}
