/**
 * Which agents of the package resource-agents do the work of rgmanager's own agents, which no
 * distribution ships any more: the type, the agent, and its parameters from rgmanager's attributes.
 * Makes no complaints and runs nothing.
 * Source: the metadata and texts of rgmanager's agents (RHEL 6), and of ClusterLabs resource-agents
 * 4.12.
 * Tested in: test/services/ocf-equivalents.test.ts, test/config/equivalent-agents.test.ts
 * EQUIVALENT1  An attribute that the other agent cannot be told is in `unsaid`, with what that
 *     means; all others are translated.
 */

/** The attributes of a resource by rgmanager's names; an absent one and an empty one are alike. */
type Values = (name: string) => string;

export type OcfEquivalent = {
  /** `provider:type`. */
  readonly agent: string;
  readonly translate: (value: Values) => Readonly<Record<string, string>>;
  /** Its attributes have the agent's names. */
  readonly same?: true;
  /** Attributes without a counterpart: what is different then. */
  readonly unsaid?: Readonly<Record<string, string>>;
  /** rgmanager's agent does nothing by itself that is needed: no action is called. */
  readonly idle?: true;
  /** Whether a stop leaves it as it is; `others`: running uses of it on the node. */
  readonly stays?: (value: Values, others: number) => boolean;
};

const selfFence =
  "a node on which the stop fails is not rebooted; its service becomes failed until it is repaired";
const locks = "locks of NFS clients are not reclaimed by it; <nfsserver> does that";
const shutdownWait = "the stop waits for as long as the time-out of its <action>";

const notMigrated = "it is stopped and started elsewhere, not moved while it runs";
const networkFiles = "the network files are those of the home directory";

const fileSystemUnsaid = { self_fence: selfFence, nfslock: locks, nfsrestart: locks };
const serverUnsaid = { shutdown_wait: shutdownWait, startup_wait: shutdownWait };

export const ocfEquivalents: Readonly<Record<string, OcfEquivalent>> = {
  fs: {
    agent: "heartbeat:Filesystem",
    translate: (value) => ({
      ...mount(value, { device: devicePath(value("device")), fstype: value("fstype") || "auto" }),
      ...(isYes(value("force_fsck")) ? { run_fsck: "force" } : {}),
    }),
    unsaid: fileSystemUnsaid,
  },
  clusterfs: {
    agent: "heartbeat:Filesystem",
    translate: (value) =>
      mount(value, { device: devicePath(value("device")), fstype: value("fstype") || "gfs2" }),
    unsaid: fileSystemUnsaid,
    // It is mounted on several nodes, and others may use it; rgmanager leaves it, too.
    stays: (value, others) => others > 0 || !isYes(value("force_unmount")),
  },
  netfs: {
    agent: "heartbeat:Filesystem",
    translate: (value) => mount(value, networkSource(value)),
    unsaid: { nfslock: locks },
    stays: (value, others) => others > 0 || isYes(value("no_unmount")),
  },
  "bind-mount": {
    agent: "heartbeat:Filesystem",
    translate: (value) => ({
      ...mount(value, { device: value("source"), fstype: "none" }),
      options: "bind",
    }),
  },
  lvm: {
    agent: "heartbeat:LVM-activate",
    // The tag of rgmanager's HA-LVM; lvm.conf keeps its volume_list.
    translate: (value) => ({
      vgname: value("vg_name"),
      ...given("lvname", value("lv_name")),
      vg_access_mode: "tagging",
    }),
    unsaid: { self_fence: selfFence, nfslock: locks },
  },
  nfsserver: {
    agent: "heartbeat:nfsserver",
    translate: (value) =>
      value("path") === ""
        ? {}
        : { nfs_shared_infodir: `${value("path")}/${value("nfspath") || ".clumanager/nfs"}` },
  },
  // What it exports, its nfsclient children say.
  nfsexport: { agent: "heartbeat:exportfs", translate: () => ({}), idle: true },
  nfsclient: {
    agent: "heartbeat:exportfs",
    translate: (value) => ({
      clientspec: value("target"),
      directory: value("path"),
      fsid: value("fsid"),
      ...given("options", value("options")),
    }),
    unsaid: { use_cache: "the clients of an export are not cached" },
  },
  apache: {
    agent: "heartbeat:apache",
    translate: (value) => ({
      configfile: below(value("server_root") || "/etc/httpd", value("config_file")),
      ...given("options", value("httpd_options")),
    }),
    unsaid: serverUnsaid,
  },
  mysql: {
    agent: "heartbeat:mysql",
    translate: (value) => ({
      config: value("config_file"),
      ...given("additional_parameters", mysqlOptions(value)),
    }),
    unsaid: serverUnsaid,
  },
  "postgres-8": {
    agent: "heartbeat:pgsql",
    translate: (value) => ({
      pgdata: folderOf(value("config_file")),
      config: value("config_file"),
      ...given("pgdba", value("postmaster_user")),
      ...given("start_opt", value("postmaster_options")),
    }),
    unsaid: serverUnsaid,
  },
  "tomcat-5": tomcat(),
  "tomcat-6": tomcat(),
  named: {
    agent: "heartbeat:named",
    translate: (value) => ({
      named_config: value("config_file"),
      ...given("named_options", value("named_options")),
    }),
    unsaid: {
      ...serverUnsaid,
      named_sdb: "the database is configured in named.conf",
      named_working_dir: "the directory is that of named.conf",
    },
  },
  openldap: {
    agent: "heartbeat:slapd",
    translate: (value) => ({
      config: value("config_file"),
      ...given("services", value("url_list")),
      ...given("parameters", value("slapd_options")),
    }),
    unsaid: serverUnsaid,
  },
  oracledb: {
    agent: "heartbeat:oracle",
    translate: oracle,
    unsaid: {
      type: 'the listener is not started with it: add <ocf agent="heartbeat:oralsnr">',
      vhost: "the listener is not started with it",
      tns_admin: networkFiles,
    },
  },
  orainstance: {
    agent: "heartbeat:oracle",
    translate: oracle,
    unsaid: { tns_admin: networkFiles },
  },
  oralistener: {
    agent: "heartbeat:oralsnr",
    translate: (value) => ({
      ...oracle(value),
      listener: value("name"),
      ...given("tns_admin", value("tns_admin")),
    }),
  },
  vm: {
    agent: "heartbeat:VirtualDomain",
    translate: (value) => ({
      // Where libvirt keeps what `virsh define` has told it.
      config: value("xmlfile") || `/etc/libvirt/qemu/${value("name")}.xml`,
      ...given("hypervisor", unlessAuto(value("hypervisor_uri"))),
      ...given("snapshot", value("snapshot")),
    }),
    unsaid: {
      path: "its definition is libvirt's: that in xmlfile, or /etc/libvirt/qemu/NAME.xml",
      migrate: notMigrated,
      migration_mapping: notMigrated,
      migration_uri: notMigrated,
      tunnelled: notMigrated,
      status_program: "name programs that check it in monitor_scripts",
    },
  },
  SAPInstance: { agent: "heartbeat:SAPInstance", translate: () => ({}), same: true },
  SAPDatabase: { agent: "heartbeat:SAPDatabase", translate: () => ({}), same: true },
};

/** Types that nothing of the package replaces: what to use instead. */
export const withoutEquivalent: Readonly<Record<string, string>> = {
  samba: '<systemd unit="smbd"/>, with its configuration in /etc/samba',
  smb: '<systemd unit="smbd"/>, with the shares in /etc/samba/smb.conf',
  drbd: "a DRBD device needs roles, which clusterd does not have: an init script that promotes it",
};

/** The parameters of the agent that replaces the type; `passed`: the names that it knows itself. */
export function equivalentParameters(
  { type, passed }: { readonly type: string; readonly passed: readonly string[] },
  attributes: readonly (readonly [string, string])[],
): readonly (readonly [string, string])[] {
  const values = new Map(attributes);
  const translated = ocfEquivalents[type]?.translate((name) => values.get(name) ?? "") ?? {};
  const own = attributes.filter(([name]) => passed.includes(name));
  return Object.entries({ ...translated, ...Object.fromEntries(own) });
}

/** Whether a stop of this resource leaves it as it is. */
export function staysAtStop(
  type: string,
  attributes: readonly (readonly [string, string])[],
  others: number,
): boolean {
  const values = new Map(attributes);
  return ocfEquivalents[type]?.stays?.((name) => values.get(name) ?? "", others) === true;
}

/** As rgmanager's agents, which take every other word for no. */
export function isYes(value: string): boolean {
  return /^(yes|true|on|1)$/i.test(value);
}

function mount(
  value: Values,
  { device, fstype }: { readonly device: string; readonly fstype: string },
): Readonly<Record<string, string>> {
  return {
    device,
    directory: value("mountpoint"),
    fstype,
    ...given("options", value("options")),
    // Without it rgmanager kills nobody who uses the mount; the agent does by default.
    force_unmount: isYes(value("force_unmount")) ? "true" : "false",
  };
}

function networkSource(value: Values): { readonly device: string; readonly fstype: string } {
  const fstype = value("fstype") || "nfs";
  const [host, path] = [value("host"), value("export")];
  const shared = fstype === "cifs" || fstype === "smbfs";
  return { fstype, device: shared ? `//${host}/${path.replace(/^\/+/, "")}` : `${host}:${path}` };
}

/** `LABEL=x` and `UUID=x`, which mount(8) takes, by udev's links. */
function devicePath(device: string): string {
  const [, kind = "", name = ""] = /^(LABEL|UUID)=(.*)$/.exec(device) ?? [];
  return kind === "" ? device : `/dev/disk/by-${kind.toLowerCase()}/${name}`;
}

function unlessAuto(value: string): string {
  return value === "auto" ? "" : value;
}

function mysqlOptions(value: Values): string {
  const listen = value("listen_address");
  return [listen === "" ? "" : `--bind-address=${listen}`, value("mysqld_options")]
    .filter((word) => word !== "")
    .join(" ");
}

function tomcat(): OcfEquivalent {
  return {
    agent: "heartbeat:tomcat",
    translate: (value) => given("tomcat_user", value("tomcat_user")),
    unsaid: {
      ...serverUnsaid,
      config_file: "it is not read: set catalina_home, java_home and the others here",
    },
  };
}

function oracle(value: Values): Readonly<Record<string, string>> {
  return {
    sid: value("name"),
    ...given("home", value("home")),
    ...given("user", value("user")),
  };
}

function given(name: string, value: string): Readonly<Record<string, string>> {
  return value === "" ? {} : { [name]: value };
}

function below(folder: string, path: string): string {
  const file = path || "conf/httpd.conf";
  return file.startsWith("/") ? file : `${folder}/${file}`;
}

function folderOf(path: string): string {
  return path.replace(/\/[^/]*$/, "");
}
