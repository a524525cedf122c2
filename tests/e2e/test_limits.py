"""Limits bite, and what they did is told."""

import time

import harness


class Limits(harness.Case):
    def up(self, text, **options):
        self.write("compose.yaml", "name: limits\nservices:\n" + text)
        return self.stack("up", "-d", **options)

    def test_memory(self):
        self.up("""
  hog:
    image: host
    command: ["tail", "/dev/zero"]
    mem_limit: 24m
  small:
    image: host
    command: ["sleep", "1000"]
    mem_limit: 24m
""")
        row = harness.wait_until(
            lambda: [r for r in self.machine.ps("-a") if r["Service"] == "hog" and r["State"] == "exited"],
            "the hog's end", 60)[0]
        self.assertEqual(row["ExitCode"], 137, row)
        self.assertRegex(self.stack("ps", "-a").out.lower(), r"out of memory|oom")
        self.assertEqual([r["Service"] for r in self.machine.ps()], ["small"], "the neighbour lives")
        self.stack("down", "-t", "1")

    def test_pids(self):
        self.up("""
  forks:
    image: host
    # A shell that cannot fork ends: not the one that is pid 1.
    command: ["sh", "-c", "sh -c 'for i in $$(seq 60); do sleep 1000 & done; wait'; exec sleep 1000"]
    pids_limit: 20
    memswap_limit: -1  # no bound on swap: says nothing of memory
""")
        m = self.machine
        harness.wait_until(lambda: len(m.pids("limits-forks-1")) >= 10, "some processes")
        harness.wait_until(
            lambda: int(harness.read(m.cgroup_with("limits-forks-1", "pids.max")) or 0) == 20, "the limit")
        time.sleep(0.5)  # time in which a limit that does not hold would be passed
        self.assertLessEqual(len(m.pids("limits-forks-1")), 20)
        self.stack("down", "-t", "1")

    def cpu_seconds(self, container):
        usage = self.machine.cgroup_with(container, "cpuacct.usage")
        if usage:
            return int(harness.read(usage)) / 1e9
        text = harness.read(self.machine.cgroup_with(container, "cpu.stat"))
        return int(dict(line.split() for line in text.splitlines())["usage_usec"]) / 1e6

    def test_cpu(self):
        self.up("""
  spin:
    image: host
    command: ["sh", "-c", "while :; do :; done"]
    cpus: 0.25
    stop_grace_period: 1s
""")
        shares = []
        for _ in range(5):  # a machine busy with other things gives less than the quota: the best of five counts
            began, used = time.monotonic(), self.cpu_seconds("limits-spin-1")
            time.sleep(2)
            shares.append((self.cpu_seconds("limits-spin-1") - used) / (time.monotonic() - began))
            if abs(shares[-1] - 0.25) < 0.025:
                break
        self.assertLess(max(shares), 0.275, shares)
        self.assertGreater(max(shares), 0.225, shares)
        self.stack("down")

    def test_ulimits(self):
        self.up("""
  box:
    image: host
    command: ["sh", "-c", "ulimit -n; ulimit -Hn; ulimit -c; exec sleep 1000"]
    ulimits:
      nofile: {soft: 100, hard: 200}
      core: 0
""")
        harness.wait_until(lambda: self.machine.log_lines("box") == ["100", "200", "0"], "the limits in the log")
        self.assertEqual(self.stack("exec", "-T", "box", "sh", "-c", "ulimit -n").out.strip(), "100")
        self.stack("down", "-t", "1")

    def test_shm_and_tmpfs_size(self):
        self.up("""
  box:
    image: host
    command: ["sleep", "1000"]
    shm_size: 1m
    tmpfs: ["/small:size=64k"]
""")
        for path in ("/dev/shm/a", "/small/a"):
            full = self.stack("exec", "-T", "box", "dd", "if=/dev/zero", f"of={path}", "bs=64k", "count=40", check=False)
            self.assertNotEqual(full.code, 0, str(full))
            self.assertIn("No space left", full.err)
        self.stack("down", "-t", "1")

    def test_above_what_the_machine_allows(self):
        for what, setting in {
            "nofile": "ulimits: {nofile: 2000000000}",
            "cpuset": 'cpuset: "0-4000"',
        }.items():
            with self.subTest(what):
                result = self.up(f"""
  ok:
    image: host
    command: ["sleep", "1000"]
  box:
    image: host
    command: ["sleep", "1000"]
    {setting}
""", check=False)
                self.assertEqual(result.code, 1, str(result))
                self.assertIn(what, result.err)
                self.stack("down", "-t", "1")
                self.assert_no_leaks()


if __name__ == "__main__":
    harness.main()
