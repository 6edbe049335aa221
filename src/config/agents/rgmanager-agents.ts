/**
 * The metadata of rgmanager's other agents, in a short notation. clusterd does not run them, but
 * rg_test-ts needs their parameters, checks and instances.
 * Source: metadata of the resource agents of rgmanager (RHEL 6).
 * Tested in: test/rg-test/classic.test.ts
 */
import type { AgentActionConf } from "../../model/conf.ts";
import { ms } from "../../model/time.ts";
import { type AgentParameter, type AgentRule, service as serviceRule } from "./agent-tables.ts";

/** `instancesMax` of services, and of resources that one service uses on one node at a time. */
const once = 1;
const shared = null;

export const rgmanagerAgents: readonly AgentRule[] = [
  agent("fs", once, {
    parameters:
      "name:p mountpoint:ur device:ur fstype force_unmount quick_status self_fence " +
      "nfslock<nfslock nfsrestart fsid force_fsck options",
    actions: "start/900 stop/30 status/10/60 status/30/30/10 status/30/60/20",
  }),
  agent("clusterfs", shared, {
    parameters:
      "name:p mountpoint:ur device:ur fstype force_unmount options self_fence fsid " +
      "nfslock<service%nfslock nfsrestart",
    actions: "start/900 stop/30 status/10/60 status/30/300/10 status/30/600/20",
  }),
  agent("netfs", shared, {
    parameters:
      "name:p mountpoint:ur host:r export:r fstype force_unmount no_unmount options " +
      "nfslock<service%nfslock",
    actions: "start/900 stop/30 status/10/60 status/30/300/10 status/30/600/20",
  }),
  agent("nfsexport", shared, {
    parameters: "name:p device<device path<mountpoint fsid<fsid",
    actions: "start/5 stop/5 status/5/3600 recover/5",
  }),
  agent("nfsclient", shared, {
    parameters:
      "name:pu target:r path<path svcname<service%name fsid<fsid options allow_recover " +
      "service_name<service%name use_cache<service%nfs_client_cache",
    actions: "start/90 stop/5 status/5/60 recover/90",
  }),
  agent("nfsserver", once, {
    parameters: "name:p path<mountpoint nfspath=.clumanager/nfs",
    actions: "start/5 stop/5 status/5/30 recover/5",
  }),
  agent("lvm", once, {
    parameters: "name:p vg_name:r lv_name self_fence nfslock<service%nfslock",
    actions: "start/5 stop/5 status/5/3600",
  }),
  agent("smb", once, {
    parameters: "name:pu workgroup=LINUXCLUSTER service_name<service%name",
    actions: "start/5 stop/5 status/0/60",
  }),
  daemon("apache", "server_root=/etc/httpd config_file=conf/httpd.conf httpd_options", 60),
  daemon("mysql", "config_file=/etc/my.cnf listen_address mysqld_options startup_wait=30", 60),
  daemon(
    "postgres-8",
    "config_file=/var/lib/pgsql/data/postgresql.conf postmaster_user=postgres " +
      "postmaster_options startup_wait=30",
    60,
  ),
  daemon("openldap", "config_file=/etc/openldap/slapd.conf url_list=ldap:/// slapd_options", 60),
  daemon("named", "config_file=/etc/named.conf named_working_dir named_sdb named_options", 60),
  daemon("tomcat-6", "config_file=/etc/tomcat6/tomcat6.conf", 60),
  daemon("samba", "config_file=/etc/samba/smb.conf smbd_options nmbd_options", 30),
];

/** What a service of its own says of a virtual machine. */
export const machineAttributes: readonly string[] = [
  ..."domain autostart exclusive recovery depend depend_mode max_restarts".split(" "),
  "restart_expire_time",
];

/**
 * Agents of rgmanager that rg_test-ts does not list: their parameters, for those who run them by
 * other agents (ocf-equivalents.ts).
 */
export const replacedAgents: readonly AgentRule[] = [
  agent("bind-mount", once, {
    parameters: "name:p mountpoint:ur source:r force_unmount",
    actions: "start/5 stop/5 status/5/30",
  }),
  daemon("tomcat-5", "config_file=/etc/tomcat5/tomcat5.conf tomcat_user catalina_options", 60),
  agent("oracledb", shared, {
    parameters: "name:p user home type listener_name lockfile vhost tns_admin",
    actions: "start/900 stop/90 status/90/60",
  }),
  agent("orainstance", shared, {
    parameters: "name:p user:r home:r listeners lockfile tns_admin dbpassword",
    actions: "start/900 stop/90 status/90/60",
  }),
  agent("oralistener", shared, {
    parameters: "name:p user:r home:r tns_admin",
    actions: "start/900 stop/90 status/90/60",
  }),
  agent("SAPInstance", once, {
    parameters: "InstanceName:pur DIR_EXECUTABLE DIR_PROFILE START_PROFILE",
    actions: "start/180 stop/240 status/60/120",
  }),
  agent("SAPDatabase", once, {
    parameters: "SID:pur DIR_EXECUTABLE DBTYPE:r NETSERVICENAME",
    actions: "start/1800 stop/1800 status/60/120",
  }),
  virtualMachine(),
];

function virtualMachine(): AgentRule {
  const vm = agent("vm", once, {
    parameters:
      "name:pur use_virsh xmlfile migrate=live tunnelled path snapshot status_program " +
      "migration_mapping hypervisor=auto hypervisor_uri=auto migration_uri=auto",
    actions: "start/300 stop/120 status/10/30 status/20/60/10 migrate/600 reconfig/10",
  });
  const ofServices = serviceRule.parameters.filter(({ name }) => machineAttributes.includes(name));
  return { ...vm, parameters: [...vm.parameters, ...ofServices] };
}

/** The metadata of a server that follows the common pattern. */
function daemon(type: string, own: string, checkSeconds: number): AgentRule {
  return agent(type, shared, {
    parameters: `name:p ${own} shutdown_wait=0 service_name<service%name`,
    actions: `start/0 stop/0 status/0/${checkSeconds}`,
  });
}

function agent(
  type: string,
  instancesMax: number | null,
  words: { readonly parameters: string; readonly actions: string },
): AgentRule {
  return {
    type,
    instancesMax,
    parameters: parametersOf(words.parameters),
    actions: words.actions.split(" ").map(actionOf),
  };
}

/** `name:pur` primary unique required, `name=default`, `name<attribute`, `name<type%attribute`. */
export function parametersOf(words: string): readonly AgentParameter[] {
  return words.split(" ").map((word) => {
    const [, name = "", sign = "", rest = ""] = /^([^:=<]+)([:=<]?)(.*)$/.exec(word) ?? [];
    return {
      name,
      kind: { type: "text" },
      ...(sign === ":" && rest.includes("p") ? { primary: true } : {}),
      ...(sign === ":" && rest.includes("u") ? { unique: true } : {}),
      ...(sign === ":" && rest.includes("r") ? { required: true } : {}),
      ...(sign === "=" ? { default: rest } : {}),
      ...(sign === "<" ? { inherit: inheritanceOf(rest) } : {}),
    };
  });
}

/** `attribute` of the parent, or `type%attribute` of the nearest ancestor of that type. */
function inheritanceOf(words: string): NonNullable<AgentParameter["inherit"]> {
  const [first = "", attribute] = words.split("%");
  return attribute === undefined ? { type: null, attribute: first } : { type: first, attribute };
}

/** `name/timeout/interval/depth`, seconds. */
function actionOf(words: string): AgentActionConf {
  const [name = "", timeout = "0", interval, depth = "0"] = words.split("/");
  return {
    name,
    depth: Number(depth),
    intervalMs: interval === undefined ? null : ms(Number(interval) * 1000),
    timeoutMs: ms(Number(timeout) * 1000),
  };
}
