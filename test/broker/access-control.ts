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
  readonly object: "exchange" | "link" | "method" | "query" | "queue";
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

type RuleOptions = { readonly rules: readonly Rule[] | null; readonly authenticates: boolean };

export class AccessControl {
  readonly #accounts: ReadonlyMap<string, string>;
  /** Null: no file, everything is allowed, except links between brokers that authenticate. */
  readonly #rules: readonly Rule[] | null;
  readonly #authenticates: boolean;

  private constructor(accounts: ReadonlyMap<string, string>, options: RuleOptions) {
    this.#accounts = accounts;
    this.#rules = options.rules;
    this.#authenticates = options.authenticates;
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
    const authenticates = settings.auth;
    const { aclFile } = settings;
    if (aclFile === null)
      return accept(new AccessControl(accounts, { rules: null, authenticates }));
    const rules = parseRules(readLines(aclFile));
    if (!rules.ok) return rules;
    return accept(new AccessControl(accounts, { rules: rules.value, authenticates }));
  }

  isAccount(user: string, password: string): boolean {
    return this.#accounts.get(user.replace(realm, "")) === password;
  }

  /** The first rule that fits decides; without one nothing is allowed. */
  permits(user: string, wanted: Access): boolean {
    if (this.#rules === null) return true;
    return this.#rules.find((rule) => fits(rule, user, wanted))?.allows ?? false;
  }

  /** Single messages to an exchange are checked only when a rule speaks of them. */
  permitsMessage(user: string, exchange: string): boolean {
    const checked = this.#rules?.some(({ action }) => action === "publish" || action === "all");
    const wanted = { action: "publish", object: "exchange", name: exchange } as const;
    return checked !== true || this.permits(user, wanted);
  }

  /** Why another broker may not replicate from here, or null. */
  linkRefusal(user: string): string | null {
    if (this.#rules === null) {
      if (!this.#authenticates) return null;
      const rule = "Systems with authentication enabled must specify ACL create link rules.";
      return `User ${user} federation connection denied. ${rule}`;
    }
    const allowed = this.permits(user, { action: "create", object: "link", name: "" });
    return allowed ? null : `ACL denied ${user} creating a federation link`;
  }
}

/** As rules and messages call somebody who has authenticated. */
export function qualified(user: string): string {
  return user === anonymousUser || user.endsWith(realm) ? user : `${user}${realm}`;
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
