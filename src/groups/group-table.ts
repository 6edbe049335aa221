/**
 * The members of all groups on all nodes: a function of the ordered messages and the
 * configurations.
 * Source: corosync exec/cpg.c (process_info, joinlist, downlist).
 * Tested in: test/groups/process-groups.test.ts
 * GROUP4  Nodes that have been members of the same sequence of rings have the same table.
 */
import type { GroupName, NodeId } from "../model/ids.ts";
import { type GroupMember, type GroupReason, groupLimits, sameMember } from "./group-events.ts";
import type { ListedProcess } from "./group-frames.ts";

export type GroupChange = {
  readonly group: GroupName;
  readonly reason: GroupReason;
  readonly left: readonly GroupMember[];
  readonly joined: readonly GroupMember[];
  /** The members afterwards. */
  readonly members: readonly GroupMember[];
};

type Placed = { readonly group: GroupName; readonly member: GroupMember };

export class GroupTable {
  /** The members of each group, ascending; a group without members does not exist. */
  readonly #groups = new Map<GroupName, readonly GroupMember[]>();

  members(group: GroupName): readonly GroupMember[] {
    return this.#groups.get(group) ?? [];
  }

  /** All groups, sorted by name. */
  groups(): readonly { readonly name: GroupName; readonly members: readonly GroupMember[] }[] {
    return [...this.#groups]
      .map(([name, members]) => ({ name, members }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  hasNode(group: GroupName, node: NodeId): boolean {
    return this.members(group).some((member) => member.node === node);
  }

  /** Null: the member is in the group already. */
  join(group: GroupName, member: GroupMember): GroupChange | "full" | null {
    const members = this.members(group);
    if (members.some((one) => sameMember(one, member))) return null;
    if (members.length >= groupLimits.membersMax) return "full";
    return this.#change("join", group, [member]);
  }

  /** Null: the group has no such member. */
  leave(group: GroupName, member: GroupMember, reason: "leave" | "procdown"): GroupChange | null {
    const known = this.members(group).some((one) => sameMember(one, member));
    return known ? this.#change(reason, group, [member]) : null;
  }

  processesOf(node: NodeId): readonly ListedProcess[] {
    return this.groups().flatMap(({ name: group, members }) =>
      members.filter((one) => one.node === node).map(({ process }) => ({ process, group })),
    );
  }

  /**
   * A new configuration in which every node has listed its processes: processes of lost nodes and
   * those that were not listed leave, new ones join. One change for each group and cause.
   */
  reconcile(
    lists: ReadonlyMap<NodeId, readonly ListedProcess[]>,
    together: ReadonlySet<NodeId>,
  ): readonly GroupChange[] {
    const down = [...this.#placed().values()].filter(({ member }) => !together.has(member.node));
    const changes = this.#changeAll("nodedown", down);
    const listed = new Map<string, Placed>();
    for (const [node, processes] of lists) {
      for (const { process, group } of processes) {
        const placed = { group, member: { node, process } };
        listed.set(keyOf(placed), placed);
      }
    }
    const known = this.#placed();
    const up = [...listed].filter(([key]) => !known.has(key)).map(([, placed]) => placed);
    changes.push(...this.#changeAll("nodeup", up));
    const gone = [...known].filter(([key]) => !listed.has(key)).map(([, placed]) => placed);
    changes.push(...this.#changeAll("procdown", gone));
    return changes;
  }

  #placed(): ReadonlyMap<string, Placed> {
    const placed = this.groups().flatMap(({ name: group, members }) =>
      members.map((member) => ({ group, member })),
    );
    return new Map(placed.map((one) => [keyOf(one), one]));
  }

  #changeAll(reason: GroupReason, placed: readonly Placed[]): GroupChange[] {
    const names = [...new Set(placed.map(({ group }) => group))].sort();
    return names.map((name) => {
      const members = placed.filter(({ group }) => group === name).map(({ member }) => member);
      return this.#change(reason, name, members);
    });
  }

  #change(reason: GroupReason, group: GroupName, changed: readonly GroupMember[]): GroupChange {
    const sorted = [...changed].sort(compareMembers);
    const coming = reason === "join" || reason === "nodeup";
    const before = this.members(group);
    const members = coming
      ? [...before, ...sorted].sort(compareMembers)
      : before.filter((one) => !sorted.some((other) => sameMember(one, other)));
    if (members.length === 0) this.#groups.delete(group);
    else this.#groups.set(group, members);
    const [joined, left] = coming ? [sorted, []] : [[], sorted];
    return { group, reason, left, joined, members };
  }
}

function keyOf({ group, member }: Placed): string {
  return `${member.node}.${member.process} ${group}`;
}

function compareMembers(a: GroupMember, b: GroupMember): number {
  return a.node - b.node || a.process - b.process;
}
