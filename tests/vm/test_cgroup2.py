"""What only a machine with cgroup v2 shows, with a kernel older than the newest: run inside the guest of tests/vm/run."""

import os
import pathlib
import re
import shutil
import stat
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
import harness  # noqa: E402

TOP = pathlib.Path("/sys/fs/cgroup")
KERNEL = tuple(int(part) for part in os.uname().release.split(".")[:2])
# A device that every machine has, that is harmless to open, and that no container has a right to.
DEVICE = "/dev/cpu_dma_latency"


def make_rootfs(root):
    """A root file system of busybox alone, with a device node that no container has a right to."""
    busybox = shutil.which("busybox")
    for name in ("bin", "etc", "tmp", "www"):
        (root / name).mkdir(parents=True)
    libraries = re.findall(r"(/\S+) \(0x", harness.run("ldd", busybox))
    for library in libraries:
        (root / library.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, root / library.lstrip("/"))
    shutil.copy(busybox, root / "bin/busybox")
    for tool in ("sh", "cat", "dd", "sleep", "tail", "httpd", "wget", "seq", "mknod", "echo", "touch", "true"):
        (root / "bin" / tool).symlink_to("busybox")
    (root / "www/index.html").write_text("served\n")
    os.mknod(root / "node", stat.S_IFCHR | 0o666, os.stat(DEVICE).st_rdev)
    os.chmod(root / "node", 0o666)


class Case(harness.Case):
    def setUp(self):
        super().setUp()
        make_rootfs(self.machine.work / "rootfs")

    def up(self, services, check=True, **options):
        """Services in short: name → settings; each sleeps unless told what to do."""
        text = "name: vm\nservices:\n"
        for name, settings in services.items():
            settings = {"image": "dir:./rootfs", "command": '["sleep", "1000"]', "stop_grace_period": "1s", **settings}
            text += f"  {name}:\n" + "".join(f"    {key}: {value}\n" for key, value in settings.items())
        self.write("compose.yaml", text)
        return self.stack("up", "-d", check=check, **options)

    def value(self, service, file):
        return harness.read(self.machine.cgroup_with(f"vm-{service}-1", file)).strip()

    def keyed(self, service, file, key):
        return int(dict(line.split() for line in self.value(service, file).splitlines())[key])

    def sh(self, service, script, check=True):
        return self.stack("exec", "-T", service, "sh", "-c", script, check=check)

    def ended(self, service, timeout=60):
        name = f"vm-{service}-1"
        return harness.wait_until(
            lambda: self.machine.container(name)["State"] == "exited" and self.machine.container(name),
            f"the end of {name}", timeout)

    def assert_settled(self):
        result = self.stack("plan", "--detailed-exitcode", check=False)
        self.assertEqual(result.code, 0, str(result))

    def down(self):
        self.stack("down", "-t", "1")
        self.assert_no_leaks()  # groups among them


class Limits(Case):
    def test_values(self):
        self.up({
            "all": {
                "mem_limit": "100m", "memswap_limit": "150m", "mem_reservation": "30m", "pids_limit": 77,
                "cpus": 0.5, "cpu_shares": 512, "cpuset": '"1"', "ulimits": "{nofile: {soft: 100, hard: 200}}",
            },
            "period": {"cpu_period": 50000, "cpu_quota": 20000, "mem_limit": "64m", "memswap_limit": -1},
            "bare": {},
        })
        for file, wanted in {
            "memory.max": str(100 << 20), "memory.swap.max": str(50 << 20), "memory.low": str(30 << 20),
            "pids.max": "77", "cpu.max": "50000 100000", "cpu.weight": "20", "cpuset.cpus": "1",
            "cpuset.cpus.effective": "1",
        }.items():
            self.assertEqual(self.value("all", file), wanted, file)
        self.assertEqual(self.value("period", "cpu.max"), "20000 50000")
        self.assertEqual(self.value("period", "memory.swap.max"), "max")
        for file, wanted in {
            "memory.max": "max", "memory.swap.max": "max", "memory.low": "0", "cpu.max": "max 100000",
            "cpu.weight": "100", "cpuset.cpus": "",
        }.items():
            self.assertEqual(self.value("bare", file), wanted, file)
        self.assertEqual(self.sh("all", "ulimit -n; ulimit -Hn").out.split(), ["100", "200"])
        allowed = self.sh("all", "cat /proc/self/status").out
        self.assertRegex(allowed, r"Cpus_allowed_list:\s*1\n")
        self.assertEqual(self.sh("all", "cat /proc/self/cgroup").out.strip(), "0::/", "exec is in the group")
        self.assert_settled()
        # In place: other values, then none.
        before = self.machine.inits("vm-all-1")
        self.up({"all": {"mem_limit": "80m", "pids_limit": 50, "cpus": 0.3, "cpu_shares": 2048, "cpuset": '"0"',
                         "ulimits": "{nofile: {soft: 100, hard: 200}}"}, "bare": {}, "period": {}})
        for file, wanted in {"memory.max": str(80 << 20), "memory.swap.max": str(80 << 20), "memory.low": "0",
                             "pids.max": "50", "cpu.max": "30000 100000", "cpu.weight": "79",
                             "cpuset.cpus": "0"}.items():
            self.assertEqual(self.value("all", file), wanted, file)
        self.assertEqual(self.value("period", "cpu.max"), "max 100000")
        self.up({"all": {"ulimits": "{nofile: {soft: 100, hard: 200}}"}, "bare": {}, "period": {}})
        for file in ("memory.max", "memory.swap.max", "memory.low", "pids.max", "cpu.weight", "cpuset.cpus.effective"):
            self.assertEqual(self.value("all", file), self.value("bare", file), file)
        self.assertEqual(self.value("all", "cpu.max").split()[0], "max")
        self.assertEqual(self.machine.inits("vm-all-1"), before, "limits change in place")
        self.assert_settled()
        self.down()

    def test_memory(self):
        hold = "dd if=/dev/zero bs=40M count=1 2>/dev/null | sleep 1000"
        self.up({
            "hog": {"command": '["tail", "/dev/zero"]', "mem_limit": "24m", "memswap_limit": "24m"},
            "swapping": {"command": f'["sh", "-c", "{hold}"]', "mem_limit": "24m", "memswap_limit": "120m"},
            # A child is killed, pid 1 goes on: not the container's end.
            "child": {"command": '["sh", "-c", "tail /dev/zero; echo survived; exec sleep 1000"]', "mem_limit": "24m",
                      "memswap_limit": "24m"},
        })
        row = self.ended("hog")
        self.assertEqual(row["ExitCode"], 137, row)
        self.assertRegex(self.stack("ps", "-a").out.lower(), r"hog.*(out of memory|oom)")
        harness.wait_until(lambda: self.value("swapping", "memory.swap.current") and
                           int(self.value("swapping", "memory.swap.current")) > 10 << 20, "swapped pages", 60)
        self.assertLessEqual(int(self.value("swapping", "memory.current")), 24 << 20)
        self.assertEqual(self.keyed("swapping", "memory.events", "oom_kill"), 0)
        harness.wait_until(lambda: "survived" in self.machine.log_lines("child"), "the child's end", 60)
        self.assertEqual(self.machine.container("vm-child-1")["State"], "running")
        self.down()

    def test_pids(self):
        forks = "sh -c 'for i in $$(seq 40); do sleep 1000 & done; wait'; echo over; exec sleep 1000"
        self.up({"forks": {"command": f'["sh", "-c", "{forks}"]', "pids_limit": 12}})
        harness.wait_until(lambda: "over" in self.machine.log_lines("forks"), "a fork that fails", 60)
        self.assertGreater(self.keyed("forks", "pids.events", "max"), 0)
        self.assertLessEqual(int(self.value("forks", "pids.current")), 12)
        self.down()

    def test_cpu(self):
        self.up({"spin": {"command": '["sh", "-c", "while :; do :; done"]', "cpus": 0.3}})
        shares = []
        for _ in range(5):  # a machine busy with other things gives less than the quota: the best of five counts
            began, used = time.monotonic(), self.keyed("spin", "cpu.stat", "usage_usec")
            time.sleep(3)
            passed = time.monotonic() - began
            shares.append((self.keyed("spin", "cpu.stat", "usage_usec") - used) / 1e6 / passed)
            if abs(shares[-1] - 0.3) < 0.03:
                break
        self.assertLess(max(shares), 0.33, shares)
        self.assertGreater(max(shares), 0.27, shares)
        self.assertGreater(self.keyed("spin", "cpu.stat", "nr_throttled"), 0)
        self.down()

    def test_above_what_the_machine_has(self):
        for cpus in ("0-4000", "0-7", "9"):
            result = self.up({"box": {"cpuset": f'"{cpus}"'}}, check=False)
            self.assertEqual(result.code, 1, str(result))
            self.assertIn("cpuset", result.err)
            self.down()


class Devices(Case):
    def opens(self, service, path, how="<"):
        return self.sh(service, f": {how} {path}", check=False)

    def make_node(self, service, path="/dev/node"):
        device = os.stat(DEVICE).st_rdev
        self.sh(service, f"mknod {path} c {os.major(device)} {os.minor(device)}")

    def assert_refused(self, result, why="Operation not permitted"):
        self.assertNotEqual(result.code, 0, str(result))
        self.assertIn(why, result.err)

    def test_filter(self):
        services = {
            "box": {"cap_add": "[MKNOD]", "devices": f'["{DEVICE}:/dev/latency:r"]'},
            "plain": {"cap_add": "[MKNOD]"},
            "all": {"privileged": "true"},
        }
        self.up(services)
        for path in ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/full"):
            self.assertEqual(self.opens("plain", path).code, 0, path)
        self.assertEqual(self.opens("plain", "/dev/null", ">").code, 0)
        # Named in the file, for reading: under the name given there and under any other.
        self.make_node("box")
        for path in ("/dev/latency", "/dev/node"):
            self.assertEqual(self.opens("box", path).code, 0, path)
            self.assert_refused(self.opens("box", path, ">"))
        # Making a node is allowed, opening it is not: EPERM is the filter's answer. Outside /dev no node opens at all.
        self.make_node("plain")
        for how in ("<", ">"):
            self.assert_refused(self.opens("plain", "/dev/node", how))
        self.assert_refused(self.opens("plain", "/node"), "Permission denied")
        self.assertEqual(self.opens("all", DEVICE, ">").code, 0)
        self.assert_settled()
        # Other rules for the same containers.
        self.up({"box": {"cap_add": "[MKNOD]"}, "plain": {"cap_add": "[MKNOD]", "devices": f'["{DEVICE}"]'},
                 "all": {"cap_add": "[MKNOD]"}})
        for service in ("box", "all"):
            self.make_node(service)
            self.assert_refused(self.opens(service, "/dev/node"))
        self.assertEqual(self.opens("plain", DEVICE, ">").code, 0)
        self.assert_settled()
        self.down()


class Groups(Case):
    """Whose group processes are in, as on a machine that systemd runs."""

    def group_of(self, pid):
        return harness.read(f"/proc/{pid}/cgroup").strip().removeprefix("0::")

    def test_nobody_stays_with_the_caller(self):
        m = self.machine
        self.assertRegex(self.group_of("self"), r"/session-1\.scope$", "the test is where a person would be")
        self.up({"box": {}})
        for pid in (m.keeper("vm"), m.supervisor("vm"), m.init("vm-box-1")[0]):
            self.assertNotIn("session-1.scope", self.group_of(pid))
            self.assertNotEqual(self.group_of(pid), "/")
        self.assertIn(m.cgroup, self.group_of(m.init("vm-box-1")[0]))
        self.assertEqual(self.sh("box", "cat /proc/self/cgroup").out.strip(), "0::/")
        self.down()

    def test_parent(self):
        """Groups below a group of systemd's: fine as long as no process is directly in it."""
        m = self.machine
        parent = TOP / "system.slice" / m.cgroup.lstrip("/")
        parent.mkdir()
        self.addCleanup(lambda: parent.exists() and parent.rmdir())
        m.cgroup = "/" + str(parent.relative_to(TOP))
        m.env["STACK_CGROUP_PARENT"] = m.cgroup
        sleeper = subprocess.Popen(["sleep", "1000"])
        m.children.append(sleeper)  # ended below; after a failure, by the clean-up
        (parent / "cgroup.procs").write_text(str(sleeper.pid))
        result = self.up({"box": {"pids_limit": 50}}, check=False)
        self.assertEqual(result.code, 1, str(result))
        self.assertIn(m.cgroup, result.err)
        self.assertIn("STACK_CGROUP_PARENT", result.err)
        self.stack("down", "-t", "1")
        harness.wait_until(lambda: harness.cgroup_tree(m.cgroup) == [parent], "nothing of ours below it", 10)
        (TOP / "init.scope/cgroup.procs").write_text(str(sleeper.pid))
        self.up({"box": {"pids_limit": 50, "cpuset": '"1"'}})
        self.assertEqual(self.value("box", "pids.max"), "50")
        self.assertEqual(self.value("box", "cpuset.cpus"), "1")
        self.assert_settled()
        self.stack("down", "-t", "1")
        sleeper.kill()
        sleeper.wait()


class Faults(Case):
    def both_killed(self):
        keeper, supervisor = self.machine.keeper("vm"), self.machine.supervisor("vm")
        harness.kill(keeper)
        for pid in {supervisor, *self.machine.ours("stack-supervisor", "vm")}:
            harness.kill_if_there(pid)

    def served(self):
        page = f"http://{harness.HOST_V4}:8080/"
        got = self.machine.requests("--threads", 1, "--count", 3, page)
        return got["failed"] == 0 and got["sent"] > 0

    def test_faults(self):
        m = self.machine
        (m.work / "signal").mkdir()
        ends = "while [ ! -e /signal/$$HOSTNAME ]; do sleep 0.2; done; exit 7"
        waits = {"command": f'["sh", "-c", "{ends}"]', "volumes": '["./signal:/signal:ro"]'}
        services = {
            "web": {"command": '["httpd", "-f", "-p", "80", "-h", "/www"]', "ports": '["8080:80"]', "mem_limit": "64m"},
            "first": {**waits, "hostname": "first"},
            "second": {**waits, "hostname": "second"},
        }
        self.up(services)
        harness.wait_until(self.served, "the page", 20)
        inits = m.inits("vm-web-1", "vm-second-1")
        harness.kill(m.supervisor("vm"))
        (m.work / "signal/first").touch()
        self.assertEqual(self.ended("first")["ExitCode"], 7)
        self.both_killed()
        self.assertTrue(self.served(), "ports need nobody alive")
        (m.work / "signal/second").touch()
        harness.wait_until(lambda: not m.pids("vm-second-1"), "its end")
        plan = self.stack("plan", "--detailed-exitcode", check=False)
        self.assertEqual(plan.code, 2, str(plan))
        self.assertIn("unknown", self.stack("ps", "-a").out, "nobody saw it end, and this kernel does not keep it")
        (m.work / "signal/first").unlink()
        (m.work / "signal/second").unlink()
        self.up(services)
        self.assert_settled()
        self.assertEqual(m.init("vm-web-1"), inits["vm-web-1"], "not restarted")
        self.assertTrue(self.served())
        # A flushed firewall.
        harness.run("nft", "flush", "ruleset")
        harness.wait_until(self.served, "the page after a flush", 20)
        self.assert_settled()
        self.both_killed()
        harness.run("nft", "flush", "ruleset")
        self.assertEqual(self.stack("plan", "--detailed-exitcode", check=False).code, 2)
        self.up(services)
        self.assertTrue(self.served())
        self.assert_settled()
        self.assertEqual(m.init("vm-web-1"), inits["vm-web-1"], "not restarted")
        # No process of ours is its parent any more: below 6.15 the kernel tells nobody else the exit code.
        harness.kill(m.init("vm-web-1")[0])
        code = self.ended("web")["ExitCode"]
        if KERNEL >= (6, 15):
            self.assertEqual(code, 137)
        else:
            self.assertRegex(self.stack("ps", "-a").out, r"vm-web-1.*unknown")
        self.down()

    def test_doctor(self):
        result = self.stack("doctor")
        print(result.out)
        lines = {re.split(r"\s{2,}", line)[0]: line for line in result.out.splitlines()}
        self.assertRegex(lines["cgroups"], r"ok\s+v2$")
        for controller in ("memory", "cpu", "cpuset", "pids"):
            self.assertRegex(lines[f"controller {controller}"], r"ok\s+v2, /sys/fs/cgroup")
        self.assertRegex(lines["cgroup.kill"], r"ok\s")
        for what, since in {"pidfd pin": (6, 14), "PIDFD_GET_INFO": (6, 15), "nft table owner": (6, 9)}.items():
            has = KERNEL >= since
            self.assertRegex(lines[what], r"ok\s" if has else rf"fallback\s+.*Linux {since[0]}\.{since[1]}")


if __name__ == "__main__":
    harness.main()
