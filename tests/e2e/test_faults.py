"""The fault table: something is broken from outside, `plan` says what was seen, `reconcile` mends it.

Prints one row a fault: what plan said, how long the repair took (until a neighbour is served through the published
port), and whether a container was restarted. Times are printed, never asserted.
"""

import dataclasses
import json
import os
import re
import shutil
import signal
import subprocess
import time
from typing import Callable

import harness

FILE = """
name: faults
services:
  db:
    image: host
    command: ["sleep", "1000"]
    init: true
    mem_limit: 64m
    pids_limit: 50
  web:
    image: host
    command: ["busybox", "httpd", "-f", "-p", "80", "-h", "/www"]
    init: true
    ports: ["8080:80"]
    volumes: ["./www:/www:ro"]
    depends_on: [db]
    restart: unless-stopped
    mem_limit: 64m
    cpus: 0.5
    sysctls: {net.ipv4.tcp_fin_timeout: "30"}
    extra_hosts: ["elsewhere=198.51.100.7"]
  job:
    image: host
    command: ["sleep", "1000"]
    init: true
    healthcheck: {test: ["CMD", "true"], interval: 100ms}
"""
DB, WEB, JOB = "faults-db-1", "faults-web-1", "faults-job-1"
ALL = [DB, WEB, JOB]

# How the stack's own processes are when the fault comes.
ALIVE, STOPPED, DEAD = "alive", "supervisor stopped", "both dead"


@dataclasses.dataclass
class Fault:
    name: str
    breaks: Callable
    says: str  # what plan says, when nobody mended it before: a regular expression
    when: tuple = (ALIVE,)
    by_itself: bool = False  # by a living supervisor
    restarts: tuple = ()
    names: bool = False  # names inside are asked for at the end, too


class Faults(harness.Case):
    rows = []

    def setUp(self):
        super().setUp()
        self.write("compose.yaml", FILE)
        self.write("www/index.html", "served\n")

    # -- what can be broken

    def device(self, container):
        return next(
            link["ifname"] for link in json.loads(harness.run("ip", "-j", "link"))
            if link.get("ifalias", "").startswith(f"faults/{container}/"))

    def bridge(self):
        return next(link["ifname"] for link in json.loads(harness.run("ip", "-j", "link"))
                    if link["ifname"].startswith("st-"))

    def inside(self, container, *argv):
        pid, _ = self.machine.init(container)
        return harness.run("nsenter", f"--net=/proc/{pid}/ns/net", *argv)

    def unmount_inside(self, path):
        pid, _ = self.machine.init(WEB)
        harness.run("nsenter", "--target", str(pid), "--mount", "--root", "--pid", "umount", "-l", path)

    def address(self, container):
        found = json.loads(self.inside(container, "ip", "-j", "-4", "addr", "show", "eth0"))
        return "{local}/{prefixlen}".format(**found[0]["addr_info"][0])

    def bridge_address(self):
        found = json.loads(harness.run("ip", "-j", "-4", "addr", "show", self.bridge()))
        return "{local}/{prefixlen}".format(**found[0]["addr_info"][0])

    def tables(self, start="stack-"):
        return [line.split() for line in harness.run("nft", "list", "tables").splitlines()
                if line.split()[2].startswith(start)]

    def flush_tables(self):
        for table in self.tables():
            harness.run("nft", "flush", *table)

    def delete_tables(self):
        for table in self.tables():
            harness.run("nft", "delete", *table)

    def remove_element(self):
        _, family, name = self.tables("stack-ports-")[0]
        listed = harness.run("nft", "list", "map", family, name, "v4-any")
        element = re.search(r"(tcp \. 8080) : ", listed).group(1)
        harness.run("nft", "delete", "element", family, name, "v4-any", "{ " + element + " }")

    def change_limit(self, container, v1, v2, value):
        path = self.machine.cgroup_with(container, v1) or self.machine.cgroup_with(container, v2)
        path.write_text(value)

    def freeze(self, container):
        path = self.machine.cgroup_with(container, "cgroup.freeze")
        if path:
            path.write_text("1")
        else:
            self.machine.cgroup_with(container, "freezer.state").write_text("FROZEN")

    def freeze_checked(self):
        """Until a health check has been due: what it would start is frozen as soon as it is there."""
        self.freeze(JOB)
        time.sleep(1)
        self.assert_fails("exec", "-T", "job", "true", match="container faults-job-1 is frozen", timeout=60)

    def run_dir(self):
        return self.machine.root / "run/stacks/faults"

    def empty_hosts(self):
        (self.run_dir() / "containers" / WEB / "etc/hosts").write_text("")

    def unpin(self, container):
        harness.run("umount", "-l", str(self.run_dir() / "containers" / container / "netns"))

    def delete_run_dir(self):
        for container in ALL:
            self.unpin(container)
            pin = self.run_dir() / "containers" / container / "pidfd"
            if os.path.exists(pin):
                subprocess.run(["umount", "-l", str(pin)], capture_output=True, check=False)
        shutil.rmtree(self.run_dir())

    def end_dns_sockets(self):
        self.inside(WEB, "ss", "-K", "-t", "-a", "src", "127.0.0.11")
        self.inside(WEB, "ss", "-K", "-u", "-a", "src", "127.0.0.11")
        left = self.inside(WEB, "ss", "-H", "-t", "-u", "-a", "src", "127.0.0.11")
        if left.strip() and not self.machine.ours("stack-supervisor", "faults"):
            self.skipTest("this kernel cannot end sockets from outside")

    def signal_init(self, container, number):
        harness.kill(self.machine.init(container)[0], number)

    def kill_init(self, container):
        pid, started = self.machine.init(container)
        os.kill(pid, signal.SIGKILL)
        harness.wait_until(lambda: not harness.is_alive(pid) or harness.start_time(pid) != started, "its end")

    # -- the course of one fault

    def kill_both(self):
        m = self.machine
        keeper, supervisor = m.keeper("faults"), m.supervisor("faults")
        harness.kill(keeper, signal.SIGSTOP)  # or one of them would start the other again
        harness.kill(supervisor)
        harness.kill(keeper)

    def plan(self):
        """(exit code, text with single blanks)"""
        result = self.stack("plan", "--detailed-exitcode", check=False)
        self.assertIn(result.code, (0, 2), str(result))
        return result.code, " ".join(result.out.split())

    def is_served(self):
        got = self.machine.requests("--timeout", 2, f"http://{harness.HOST_V4}:8080/")
        return got["answers"] == {"served\n": 1}

    def knows_names(self):
        done = self.stack("exec", "-T", "web", "getent", "ahostsv4", "db", check=False)
        return done.code == 0 and re.match(r"\d+\.", done.out)

    def settle(self):
        harness.wait_until(lambda: self.plan()[0] == 0, "nothing to do", 15)
        harness.wait_until(self.is_served, "service", 15)
        self.assertEqual(self.stack("reconcile").out, "", "silent when nothing is to do")

    def one(self, fault, when):
        m = self.machine
        self.settle()
        before = m.inits(*ALL)
        if when == STOPPED:
            stopped = m.supervisor("faults")
            harness.kill(stopped, signal.SIGSTOP)
            harness.wait_until(lambda: harness.stat_fields(stopped)[0] == "T", "the supervisor to stop")
        elif when == DEAD:
            self.kill_both()
        began = time.monotonic()
        fault.breaks()
        if fault.by_itself and when == ALIVE:
            harness.wait_until(lambda: self.plan()[0] == 0, "nothing to do any more")
            said, repairs = "mended by itself", ""
        else:
            code, said = self.plan()
            self.assertEqual(code, 2, f"plan names it: {said}")
            self.assertRegex(said, fault.says)
            said = re.search(fault.says, said).group(0)
            began = time.monotonic()
            result = self.stack("reconcile")
            repairs = result.out
            self.assertTrue(repairs, "a line a repair")
            self.assertTrue(all(line.startswith("faults: ") for line in repairs.splitlines()), repairs)
            self.assertEqual(self.plan()[0], 0, f"mended: {self.plan()[1]}\n{repairs}")
        harness.wait_until(self.is_served, f"service after: {fault.name}\n{repairs}")
        if fault.names:
            harness.wait_until(self.knows_names, "names")
        took = time.monotonic() - began
        after = m.inits(*ALL)
        restarted = [name for name in ALL if before[name] != after[name]]
        self.assertEqual(sorted(restarted), sorted(fault.restarts), f"{fault.name}\n{repairs}")
        name = fault.name if when == ALIVE else f"{fault.name} ({when})"
        self.rows.append((name, said, f"{took * 1000:.0f} ms", ", ".join(restarted) or "nothing"))

    def run_faults(self, faults):
        self.stack("up", "-d")
        self.settle()
        for fault in faults:
            for when in fault.when:
                with self.subTest(fault=fault.name, when=when):
                    self.one(fault, when)
        self.stack("down", "-t", "1")

    @classmethod
    def tearDownClass(cls):
        header = ("fault", "what plan said", "service again after", "restarted")
        print()
        for row in (header, ("---",) * 4, *cls.rows):
            print("| " + " | ".join(row) + " |", flush=True)

    # -- the faults

    def test_links(self):
        def ip(*argv):
            return lambda: harness.run("ip", *[word() if callable(word) else word for word in argv])

        def web():
            return self.device(WEB)

        self.run_faults([
            Fault("veth deleted", ip("link", "del", web), r"device sv-\w+ has gone"),
            Fault("veth taken off its bridge", ip("link", "set", web, "nomaster"),
                  r"device sv-\w+ is not on bridge st-\w+"),
            Fault("veth down", ip("link", "set", web, "down"), r"device sv-\w+ is down"),
            Fault("bridge deleted", ip("link", "del", self.bridge), r"network faults_default create not there"),
            Fault("bridge down", ip("link", "set", self.bridge, "down"), r"device st-\w+ is down"),
            Fault("address of the bridge removed",
                  lambda: harness.run("ip", "addr", "del", self.bridge_address(), "dev", self.bridge()),
                  r"addresses changed: \S+"),
            Fault("address in the container removed",
                  lambda: self.inside(WEB, "ip", "addr", "del", self.address(WEB), "dev", "eth0"),
                  r"eth0: address \S+ is missing"),
            Fault("default route in the container removed",
                  lambda: self.inside(WEB, "ip", "route", "del", "default"),
                  r"eth0: default route via \S+ is missing"),
            Fault("interface in the container down",
                  lambda: self.inside(WEB, "ip", "link", "set", "eth0", "down"),
                  r"interface eth0 is down inside"),
            Fault("IP forwarding of the host switched off",
                  lambda: harness.run("sysctl", "-qw", "net.ipv4.ip_forward=0"),
                  r'sysctl net/ipv4/ip_forward is not as it was set: "0" → "1"'),
            Fault("pinned network namespace unmounted", lambda: self.unpin(WEB),
                  r"its network namespace is not pinned any more", when=(ALIVE, DEAD)),
        ])

    def test_firewall(self):
        both = {"when": (ALIVE, STOPPED), "by_itself": True}
        self.run_faults([
            Fault("own nft tables flushed", self.flush_tables,
                  r"nft table stack-ports-\w+ has not the rules it was made with", **both),
            Fault("own nft tables deleted", self.delete_tables, r"nft table stack-net-\w+ has gone", **both),
            Fault("whole ruleset flushed", lambda: harness.run("nft", "flush", "ruleset"),
                  r"nft table stack-ports-\w+ has gone", **both),
            Fault("one port element removed", self.remove_element,
                  r"published port 0\.0\.0\.0:8080/tcp → \S+ is missing in nft table", **both),
        ])

    def test_container(self):
        self.run_faults([
            Fault("memory limit changed",
                  lambda: self.change_limit(WEB, "memory.limit_in_bytes", "memory.max", str(48 << 20)),
                  r'limit mem_limit is not as it was set: "50331648" → "67108864"'),
            Fault("CPU limit taken away",
                  lambda: self.change_limit(WEB, "cpu.cfs_quota_us", "cpu.max", "-1"),
                  r'limit cpus is not as it was set: "-1" → "50000"'),
            Fault("a limit nobody asked for", lambda: self.change_limit(JOB, "pids.max", "pids.max", "7"),
                  r'limit pids_limit is not as it was set: "7" → "max"'),
            Fault("hosts file emptied", self.empty_hosts, r"/etc/hosts is empty"),
            Fault("sysctl inside changed",
                  lambda: self.inside(WEB, "sysctl", "-qw", "net.ipv4.tcp_fin_timeout=60"),
                  r'sysctl net.ipv4.tcp_fin_timeout is not as it was set: "60" → "30"'),
            Fault("process stopped", lambda: self.signal_init(WEB, signal.SIGSTOP),
                  r"process \d+ is stopped \(SIGSTOP\)"),
            Fault("control group frozen", lambda: self.freeze(WEB), r"its control group is frozen"),
            Fault("control group of one with a health check frozen", self.freeze_checked,
                  r"its control group is frozen", names=True),
            Fault("volume unmounted inside", lambda: self.unmount_inside("/www"),
                  r"nothing is mounted at /www any more", restarts=(WEB,)),
            Fault("hosts file unmounted inside",
                  lambda: self.unmount_inside("/etc/hosts"),
                  r"nothing is mounted at /etc/hosts any more", restarts=(WEB,)),
            Fault("redirection of names flushed", lambda: self.inside(WEB, "nft", "flush", "ruleset"),
                  r"names are not answered: the redirection of 127.0.0.11 inside has gone", names=True),
            Fault("DNS sockets gone", self.end_dns_sockets,
                  r"names are not answered: the sockets behind 127.0.0.11 have gone",
                  when=(ALIVE, STOPPED), by_itself=True, names=True),
            Fault("container killed", lambda: self.kill_init(WEB), r"has ended \(exit code 137\)",
                  when=(ALIVE, STOPPED), by_itself=True, restarts=(WEB,)),
        ])

    def test_own_processes(self):
        m = self.machine

        def stop_supervisor():
            pid = m.supervisor("faults")
            harness.kill(pid, signal.SIGSTOP)
            harness.wait_until(lambda: harness.stat_fields(pid)[0] == "T", "the supervisor to stop")

        def stop_keeper_kill_supervisor():
            keeper = m.keeper("faults")
            harness.kill(keeper, signal.SIGSTOP)
            harness.wait_until(lambda: harness.stat_fields(keeper)[0] == "T", "the keeper to stop")
            harness.kill(m.supervisor("faults"))

        self.run_faults([
            Fault("supervisor killed", lambda: harness.kill(m.supervisor("faults")), "", by_itself=True, names=True),
            Fault("supervisor killed, keeper stopped", stop_keeper_kill_supervisor,
                  r"the keeper, process \d+, is stopped \(SIGSTOP\)", names=True),
            Fault("supervisor stopped", stop_supervisor, r"the supervisor, process \d+, is stopped \(SIGSTOP\)",
                  names=True),
            Fault("keeper killed", lambda: harness.kill(m.keeper("faults")), r"the keeper has gone",
                  when=(ALIVE, STOPPED), by_itself=True, names=True),
            Fault("both killed", self.kill_both, r"no supervisor is there: nobody watches over the stack",
                  names=True),
            Fault("runtime folder deleted", self.delete_run_dir,
                  r"its record in the runtime folder has gone", when=(ALIVE, DEAD), names=True),
        ])

    def test_killed_while_nobody_looks(self):
        """A container ends while its supervisor is dead: its exit code is right, its restart policy is honoured."""
        m = self.machine
        self.stack("up", "-d")
        before = m.inits(*ALL)
        keeper = m.keeper("faults")
        harness.kill(keeper, signal.SIGSTOP)
        harness.wait_until(lambda: harness.stat_fields(keeper)[0] == "T", "the keeper to stop")
        harness.kill(m.supervisor("faults"))
        os.kill(before[WEB][0], signal.SIGKILL)
        os.kill(before[JOB][0], signal.SIGTERM)  # tini passes it on, and ends with 128 + 15
        harness.wait_until(lambda: not harness.is_alive(before[JOB][0]) and not harness.is_alive(before[WEB][0]),
                           "their end")
        code, said = self.plan()
        self.assertEqual(code, 2, said)
        self.assertRegex(said, r"container faults-web-1 start has ended")
        began = time.monotonic()
        mended = self.stack("reconcile").out
        harness.wait_until(self.is_served, "service")
        took = time.monotonic() - began
        row = harness.wait_until(
            lambda: m.container(JOB)["State"] == "exited" and m.container(JOB), "the end of job")
        self.assertEqual(row["ExitCode"], 143, row)
        self.assertEqual(m.init(DB), before[DB], "nobody else was restarted")
        self.assertIn("faults: ", mended)
        self.rows.append(("container killed while the supervisor is dead",
                          re.search(r"has ended[^+~-]*", said).group(0).strip(), f"{took * 1000:.0f} ms", WEB))
        self.stack("down", "-t", "1")

    def test_unhealthy_is_named(self):
        self.write("sick.yaml", """
name: sick
services:
  patient:
    image: host
    command: ["sleep", "1000"]
    init: true
    healthcheck: {test: ["CMD", "false"], interval: 100ms, retries: 1}
""")
        self.stack("-f", "sick.yaml", "up", "-d")
        harness.wait_until(
            lambda: re.search(r"Note: container sick-patient-1 is unhealthy: \d+ checks failed in a row",
                              self.stack("-f", "sick.yaml", "plan").out), "the note")
        self.stack("-f", "sick.yaml", "down", "-t", "1")


if __name__ == "__main__":
    harness.main()
