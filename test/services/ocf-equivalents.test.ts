/** Attributes of rgmanager's resource types become parameters of the agents that replace theirs. */
import { test } from "tap";
import { equivalentParameters, staysAtStop } from "../../src/model/ocf-equivalents.ts";

function of(type: string, values: Readonly<Record<string, string>>, passed: string[] = []) {
  return Object.fromEntries(equivalentParameters({ type, passed }, Object.entries(values)));
}

test("file systems", async (t) => {
  t.same(of("fs", { name: "d", device: "/dev/a", mountpoint: "/m", fstype: "", options: "" }), {
    ...{ device: "/dev/a", directory: "/m", fstype: "auto", force_unmount: "false" },
  });
  t.same(
    of("fs", {
      ...{ device: "UUID=ab-12", mountpoint: "/m", fstype: "xfs", options: "noatime" },
      ...{ force_unmount: "YES", force_fsck: "1", quick_status: "0" },
    }),
    {
      ...{ device: "/dev/disk/by-uuid/ab-12", directory: "/m", fstype: "xfs" },
      ...{ options: "noatime", force_unmount: "true", run_fsck: "force" },
    },
  );
  t.match(of("fs", { device: "LABEL=data" }), { device: "/dev/disk/by-label/data" });
  t.match(of("clusterfs", { device: "/dev/a", mountpoint: "/m" }), { fstype: "gfs2" });
  t.match(of("bind-mount", { source: "/a", mountpoint: "/b" }), {
    ...{ device: "/a", directory: "/b", fstype: "none", options: "bind" },
  });
});

test("file systems of servers", async (t) => {
  t.match(of("netfs", { host: "nas", export: "/home", mountpoint: "/home" }), {
    ...{ device: "nas:/home", fstype: "nfs" },
  });
  t.match(of("netfs", { host: "win", export: "/share", fstype: "cifs" }), {
    device: "//win/share",
  });
});

test("what others use, or is to stay mounted, stays at a stop", async (t) => {
  const stays = (type: string, values: Readonly<Record<string, string>>, others = 0) =>
    staysAtStop(type, Object.entries(values), others);
  t.equal(stays("clusterfs", {}), true);
  t.equal(stays("clusterfs", { force_unmount: "1" }), false);
  t.equal(stays("clusterfs", { force_unmount: "1" }, 1), true);
  t.equal(stays("netfs", {}), false);
  t.equal(stays("netfs", { no_unmount: "1" }), true);
  t.equal(stays("netfs", {}, 2), true);
  t.equal(stays("fs", {}, 1), false);
  t.equal(stays("script", {}, 1), false);
});

test("virtual machines", async (t) => {
  const usual = { migrate: "live", hypervisor: "auto", hypervisor_uri: "auto" };
  t.same(of("vm", { name: "guest", ...usual, path: "/etc/xen", domain: "d" }), {
    config: "/etc/libvirt/qemu/guest.xml",
  });
  t.same(of("vm", { name: "guest", xmlfile: "/srv/g.xml", hypervisor_uri: "xen:///" }), {
    ...{ config: "/srv/g.xml", hypervisor: "xen:///" },
  });
});

test("volumes and exports", async (t) => {
  t.same(of("lvm", { name: "v", vg_name: "data", lv_name: "" }), {
    ...{ vgname: "data", vg_access_mode: "tagging" },
  });
  t.same(of("lvm", { vg_name: "data", vg_access_mode: "system_id" }, ["vg_access_mode"]), {
    ...{ vgname: "data", vg_access_mode: "system_id" },
  });
  t.same(of("nfsclient", { name: "c", target: "*", path: "/srv", fsid: "3", options: "rw" }), {
    ...{ clientspec: "*", directory: "/srv", fsid: "3", options: "rw" },
  });
  t.same(of("nfsserver", { name: "n", path: "/srv" }), {
    nfs_shared_infodir: "/srv/.clumanager/nfs",
  });
  t.same(of("nfsserver", { name: "n" }), {});
});

test("servers", async (t) => {
  t.same(of("apache", { server_root: "/etc/httpd", config_file: "conf/a.conf" }), {
    configfile: "/etc/httpd/conf/a.conf",
  });
  t.match(of("apache", { config_file: "/x/a.conf", httpd_options: "-DX" }), {
    ...{ configfile: "/x/a.conf", options: "-DX" },
  });
  t.same(of("mysql", { config_file: "/etc/my.cnf", listen_address: "10.0.0.1" }), {
    ...{ config: "/etc/my.cnf", additional_parameters: "--bind-address=10.0.0.1" },
  });
  t.match(of("postgres-8", { config_file: "/data/postgresql.conf", postmaster_user: "pg" }), {
    ...{ pgdata: "/data", config: "/data/postgresql.conf", pgdba: "pg" },
  });
  t.same(of("openldap", { config_file: "/l.conf", url_list: "ldap:///" }), {
    ...{ config: "/l.conf", services: "ldap:///" },
  });
  t.match(of("oralistener", { name: "L", home: "/o", user: "ora" }), { listener: "L", home: "/o" });
  t.same(of("SAPInstance", { InstanceName: "X_Y_Z" }, ["InstanceName"]), { InstanceName: "X_Y_Z" });
});
