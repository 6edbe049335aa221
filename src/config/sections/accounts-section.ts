/**
 * `<uidgid>`: the users and groups that may use process groups, besides root and the group of the
 * control socket. Does not check whether this machine has them.
 * Source: cluster.conf(5); corosync exec/ipc_glue.c (uidgid).
 * Deviation: they get sockets of their own, which only serve process groups.
 * Tested in: test/config/complaints.test.ts, test/config/host-check.test.ts
 */
import type { AccountConf } from "../../model/conf.ts";
import type { Report } from "../text/complaint.ts";
import { attributeOf, locationOf, type Section, sectionsNamed } from "../text/section.ts";

const kinds = ["uid", "gid"] as const;

/** Each account once, in the order of the file. */
export function readAccounts(root: Section, report: Report): readonly AccountConf[] {
  const accounts = new Map<string, AccountConf>();
  for (const section of sectionsNamed(root, "uidgid")) {
    const named = kinds.flatMap((type) => {
      const name = attributeOf(section, type);
      return name === null || name === "" ? [] : [{ type, name }];
    });
    for (const account of named) accounts.set(accountKey(account), account);
    if (named.length > 0) continue;
    const problem = "<uidgid> names no user or group: it is ignored";
    const allowed = "give uid=, gid= or both, as names or numbers";
    report.warning(locationOf(section), { type: "missing-attribute", problem, allowed });
  }
  return [...accounts.values()];
}

export function accountKey({ type, name }: AccountConf): string {
  return `${type} ${name}`;
}
