"""A plan as a file: `apply` carries out exactly what `plan -o` wrote, or refuses and changes nothing."""

import copy
import json
import os
import pathlib
import socket
import subprocess

import harness

FILE = """
name: planfile
services:
  web:
    image: host
    init: true
    command: ["sleep", "1000"]
    environment: {{MODE: "{mode}", API_TOKEN: "s3cret-{mode}"}}
    ports: ["8080:80"]
    stop_grace_period: 1s
  worker:
    image: host
    init: true
    command: ["sleep", "1000"]
    mem_limit: {memory}
    stop_grace_period: 1s
"""
NAMES = ["planfile-web-1", "planfile-worker-1"]


def checksum(plan):
    """As the program computes it, so that a test can change a plan and still be believed."""
    text = json.dumps({**plan, "checksum": ""}, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    value = 14695981039346656037
    for byte in text.encode():
        value = (value ^ byte) * 1099511628211 % 2**64
    value ^= value >> 29
    value = value * 0xBF58476D1CE4E5B9 % 2**64
    value ^= value >> 32
    return f"{value:016x}"


class PlanFile(harness.Case):
    def file(self, mode="one", memory="64m"):
        self.write("compose.yaml", FILE.format(mode=mode, memory=memory))

    def plan(self, *args, name="plan.json"):
        result = self.stack("plan", "-o", name, *args)
        return self.machine.work / name, result

    def pending(self):
        return json.loads(self.stack("plan", "--format", "json").out)["steps"]

    def mode(self):
        """Of what runs: the variable as the program itself has it."""
        words = [word for pid in self.machine.pids("planfile-web-1")
                 for word in harness.read(f"/proc/{pid}/environ").split("\0")]
        return ",".join(sorted({word.partition("=")[2] for word in words if word.startswith("MODE=")}))

    def assert_refused(self, *args, match, **options):
        """One error, exit status 1, and nothing was made, ended or recorded."""
        trash = self.machine.root / "lib/stacks/planfile/trash"
        harness.wait_until(lambda: not trash.exists(), "the end of what was removed before")
        before, inits = self.machine.snapshot(), self.running()
        intent = harness.read(self.machine.root / "lib/stacks/planfile/desired.json")
        result = self.assert_fails("apply", *args, match=match, **options)
        self.assertEqual(result.err.count("error:"), 1, str(result))
        self.assertEqual(result.out, "")
        self.machine.unchanged(before)
        self.assertEqual(self.running(), inits)
        self.assertEqual(harness.read(self.machine.root / "lib/stacks/planfile/desired.json"), intent)

    def running(self):
        return {name: self.machine.pids(name) for name in NAMES}

    def down(self):
        self.stack("down")

    def test_planned_looked_at_and_carried_out(self):
        m = self.machine
        self.file()
        path, result = self.plan()
        self.assertEqual(path.stat().st_mode & 0o7777, 0o600)
        self.assertEqual(sorted(os.listdir(m.work)), ["compose.yaml", "plan.json"], "nothing half-written is left")
        self.assertIn("Plan: 2 to create; networks: 1 to create; ports: to create.", result.out)
        shown = self.stack("apply", "--dry-run", path)
        self.assertEqual(shown.out, result.out)
        self.assert_no_leaks()

        self.stack("apply", "--wait", path)
        self.assertEqual({row["State"] for row in m.ps()}, {"running"})
        self.assertEqual(self.mode(), "one")
        # As after `up`: neither the file nor what was recorded asks for anything more.
        self.assertEqual(self.pending(), [])
        self.assertEqual(self.stack("reconcile").out, "")

        # What was planned is done, whatever the file says by now.
        before = m.inits(*NAMES)
        self.file(mode="two")
        path, result = self.plan()
        self.assertNotIn("s3cret", result.out)
        self.file(mode="three", memory="96m")
        self.stack("apply", path)
        self.assertEqual(self.mode(), "two")
        self.assertEqual(m.init("planfile-worker-1"), before["planfile-worker-1"])
        self.assertNotEqual(m.init("planfile-web-1"), before["planfile-web-1"])
        self.assertEqual({step["target"] for step in self.pending()}, set(NAMES))
        # It has been carried out: what it was made from is no more.
        self.assert_refused(path, match=r"stale.*since 20\d\d-.*: something else was brought up since; "
                                        r"container planfile-web-1 has changed")
        self.down()

    def test_what_it_says_is_done_to_whom(self):
        self.file()
        self.stack("up", "-d")
        self.file(mode="two", memory="96m")
        plan = json.loads(self.stack("plan", "--format", "json").out)
        self.assertEqual([(each["container"], each["service"], each["fate"], each["fields"])
                          for each in plan["outcomes"]],
                         [(NAMES[0], "web", "replaced", ["environment.API_TOKEN", "environment.MODE"]),
                          (NAMES[1], "worker", "in place", ["mem_limit"])])
        self.assertEqual(plan["summary"], {"replaced": 1, "in place": 1})
        reasons = {reason["field"]: (reason["before"], reason["after"])
                   for step in plan["steps"] for reason in step["reasons"]}
        self.assertEqual(reasons, {"environment.API_TOKEN": ("", ""), "environment.MODE": ("one", "two"),
                                   "mem_limit": ("64m", "96m")})
        text = self.stack("plan").out
        self.assertIn('mem_limit changed: "64m" → "96m"', text)
        self.assertIn("\nPlan: 1 to replace, 1 changed in place.\n", text)
        self.assertIn("  replaced     planfile-web-1\n  in place     planfile-worker-1\n", text)
        # A published port is its container's, although the stack's table is what changes.
        self.write("compose.yaml", FILE.format(mode="one", memory="64m").replace("8080", "8081"))
        plan = json.loads(self.stack("plan", "--format", "json").out)
        self.assertEqual([(each["fate"], each["fields"]) for each in plan["outcomes"]],
                         [("in place", ["ports"]), ("untouched", [])])
        self.down()

    def test_nothing_to_do(self):
        self.file()
        self.stack("up", "-d")
        path, _ = self.plan()
        before = self.machine.inits(*NAMES)
        self.assertIn("Nothing to do: planfile is up to date.", self.stack("apply", path).out)
        self.assertEqual(self.machine.inits(*NAMES), before)
        self.down()

    def test_through_pipes(self):
        self.file()
        text = self.stack("plan", "-o", "-").out
        self.assertEqual(json.loads(text)["stack_plan"], 1)
        self.stack("apply", "-", input=text)
        self.assertEqual(len(self.machine.ps()), 2)
        # Only one of the services.
        self.file(mode="two", memory="96m")
        self.stack("apply", "-", input=self.stack("plan", "-o", "-", "worker").out)
        self.assertEqual(self.mode(), "one")
        self.assertEqual([step["target"] for step in self.pending()], [NAMES[0]])
        self.down()

    def test_stale(self):
        m = self.machine
        self.file()
        self.stack("up", "-d")
        self.file(mode="two")
        path, _ = self.plan()
        again = "nothing was done; make the plan again"
        self.file(mode="three")
        self.stack("up", "-d")
        self.assert_refused(path, match=["stale: the state of stack planfile has changed since", again])
        self.assert_refused("--dry-run", path, match="stale")

        self.file(mode="four")
        path, _ = self.plan()
        harness.kill(m.init("planfile-worker-1")[0])
        harness.wait_until(lambda: m.container("planfile-worker-1")["State"] == "exited", "its end")
        self.assert_refused(path, match=["container planfile-worker-1 has changed", again])
        self.stack("up", "-d", "worker")

        path, _ = self.plan()
        bridge = [link["ifname"] for link in json.loads(harness.run("ip", "-j", "link"))
                  if link["ifname"].startswith("st-")][0]
        harness.run("ip", "link", "del", bridge)
        self.assert_refused(path, match=f"bridge {bridge} has gone")
        self.stack("up", "-d")
        self.assertEqual(self.mode(), "four")

        # Down and up again looks the same and is another.
        self.file(mode="five")
        path, _ = self.plan()
        self.stack("down")
        self.file(mode="four")
        self.stack("up", "-d")
        self.assert_refused(path, match="stale")
        self.down()

    def test_damaged(self):
        self.file()
        self.stack("up", "-d")
        self.file(mode="two")
        path, _ = self.plan()
        text = path.read_text()
        bad = self.machine.work / "bad.json"
        for end in (0, 1, len(text) // 3, len(text) // 2, len(text) - 3):
            bad.write_text(text[:end])
            self.assert_refused(bad, match=r"bad\.json:\d+:\d+: error: the plan is (cut off|damaged)")
        for old, new, match in [
            ('"two"', '"tw0"', "checksum does not fit"),
            ("MODE=two", "MODE=tvo", "checksum does not fit"),
            ('"steps": [', '"steps": [,', r"bad\.json:\d+:\d+: error: the plan is damaged"),
            ('"stack_plan": 1', '"stack_plan": 2', "written by a newer stack: version 2"),
            ('"stack_plan": 1', '"stack_plan": 0', "stack_plan: should be 1 or more"),
            ('"stack_plan": 1', '"stack_plan": "1"', "stack_plan: should be a number from"),
            ('"stack_plan": 1', '"other": 1', "is no plan of stack"),
        ]:
            self.assertIn(old, text)
            bad.write_text(text.replace(old, new, 1))
            self.assert_refused(bad, match=match)
        bad.write_text("[" * 100000)
        self.assert_refused(bad, match="nested deeper than any plan")
        bad.write_bytes(b"\xff\xfe\x00" * 10)
        self.assert_refused(bad, match="damaged")
        os.truncate(bad, 64 << 20)
        self.assert_refused(bad, match="bad.json")
        self.assert_refused("missing.json", match="missing.json: No such file")
        self.assert_refused(self.machine.work, match="directory")
        self.down()

    def test_changed_by_hand(self):
        """With a checksum that fits: what does not hold together is named by its path."""
        self.file()
        self.stack("up", "-d")
        self.file(mode="two")
        path, _ = self.plan()
        good = json.loads(path.read_text())
        self.assertEqual(good["checksum"], checksum(good))
        bad = self.machine.work / "bad.json"
        container = ("plan", "desired", "containers", 0)
        for where, value, match in [
            (("boot",), "0" * 36, "another machine, or before this one was restarted"),
            (("root",), "/elsewhere/lib", "for stacks under /elsewhere/lib, not for those under "),
            (("plan", "steps", 0, "kind"), "planet", r"plan\.steps\[0\]\.kind: should be one of supervisor, "),
            (("plan", "steps", 0, "after"), ["container/none"], r"plan\.steps\[0\]\.after\[0\]: is no step before"),
            (("plan", "steps", 0, "target"), "planfile-db-1", r"plan\.steps\[0\]\.id: does not fit its target"),
            (("plan", "steps", 0, "waits"), [{"container": "x", "condition": "service_started", "required": True}],
             r"plan\.steps\[0\]\.waits\[0\]\.container: is described nowhere"),
            (("plan", "signal"), 1 << 40, r"plan\.signal: should be a number from -2147483648 to 2147483647"),
            (("plan", "extra"), 1, r"plan\.extra: is no field"),
            (("plan", "project"), "../x", "bad project name"),
            ((*container, "name"), "../../x", r"plan\.desired\.containers\[0\]\.name: is no name"),
            ((*container, "argv"), "sh", r"plan\.desired\.containers\[0\]\.argv: should be a list"),
            ((*container, "argv", 0), "a\0b", r"containers\[0\]\.argv\[0\]: holds a NUL"),
            ((*container, "endpoints", 0, "link", "device"), "eth0", r"link\.device: is not what this stack has: sv-"),
            ((*container, "endpoints", 0, "link", "addresses", 0), "x", r"addresses\[0\]: should be an address and a"),
            (("plan", "desired", "networks", 0, "bridge", "device"), "nb0", r"bridge\.device: is not what this stack"),
            (("plan", "desired", "networks", 0, "bridge", "table"), "filter", r"bridge\.table: is not what this"),
        ]:
            plan = copy.deepcopy(good)
            at = plan
            for key in where[:-1]:
                at = at[key]
            at[where[-1]] = value
            plan["checksum"] = checksum(plan)
            bad.write_text(json.dumps(plan))
            self.assert_refused(bad, match=match)
        del good["plan"]["steps"][0]["reasons"]
        bad.write_text(json.dumps({**good, "checksum": checksum(good)}))
        self.assert_refused(bad, match=r"plan\.steps\[0\]\.reasons: is missing")
        self.down()

    def test_for_somebody_else(self):
        self.file()
        path, _ = self.plan()
        self.assert_refused("-p", "other", path, match="for project planfile, not for other")
        self.assert_refused("--root", self.machine.work / "root2", path, match="not for those under .*/root2/lib")
        done = subprocess.run([harness.STACK, "apply", "-"], input=path.read_text(), env=self.machine.env,
                              capture_output=True, text=True, user=65534, group=65534, extra_groups=[], cwd="/",
                              check=False)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("must run as root", done.stderr)
        done = subprocess.run([harness.STACK, "apply", str(path)], env=self.machine.env, capture_output=True,
                              text=True, user=65534, group=65534, extra_groups=[], cwd="/", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("Permission denied", done.stderr)

    def test_where_it_cannot_be_written(self):
        self.file()
        os.mkfifo(self.machine.work / "pipe")
        for name, match in [("pipe", "pipe is there and is no plain file"), (".", "is no plain file"),
                            ("none/plan.json", "No such file")]:
            self.assert_fails("plan", "-o", name, match=match)
        self.assertTrue((self.machine.work / "pipe").is_fifo())
        self.assertEqual(sorted(os.listdir(self.machine.work)), ["compose.yaml", "pipe"])
        # An image that is not here cannot be planned with.
        self.write("compose.yaml", "name: planfile\nservices:\n  web: {image: 'nowhere.invalid/web:1', command: [x]}\n")
        self.assert_fails("plan", "-o", "plan.json", match=[r"compose\.yaml:3:\d+", "stack (image )?pull"])
        self.assertFalse((self.machine.work / "plan.json").exists())

    def test_what_stands_in_the_way(self):
        self.file()
        path, _ = self.plan()
        with socket.socket() as taken:
            taken.bind(("0.0.0.0", 8080))
            taken.listen()
            self.assert_refused(path, match="port 8080/tcp is taken by ")
        # An image that has gone, or has become another.
        root = self.machine.work / "rootfs"
        for folder in ("usr", "bin", "etc"):
            (root / folder).mkdir(parents=True)
        self.write("compose.yaml", "name: planfile\nservices:\n  web: {image: 'dir:./rootfs', command: [/bin/x]}\n")
        path, _ = self.plan()
        root.rename(self.machine.work / "elsewhere")
        self.assert_refused(path, match="rootfs")

    def test_beside_reconcile(self):
        """Passes of reconcile at the same time: the plan is carried out, once."""
        m = self.machine
        self.file()
        self.stack("up", "-d")
        for mode in ("two", "three", "four"):
            self.file(mode=mode)
            path, _ = self.plan()
            passes = [m.spawn("reconcile", "--timeout", "60") for _ in range(4)]
            self.stack("apply", path)
            inits = m.inits(*NAMES)
            for each in passes:
                out, _ = each.communicate(timeout=90)
                self.assertEqual(each.returncode, 0, out)
            self.assertEqual(m.inits(*NAMES), inits)
            self.assertEqual(self.mode(), mode)
            self.assertEqual(self.pending(), [])
        self.down()

    def test_a_step_that_fails(self):
        """Told as `up` tells it; what was brought up is on record, and the next plan goes on from there."""
        self.file()
        text = pathlib.Path(self.machine.work / "compose.yaml").read_text()
        self.write("compose.yaml", text.replace('["sleep", "1000"]', '["/no/such/program"]', 1))
        path, _ = self.plan()
        result = self.assert_fails("apply", path, match="planfile-web-1.*/no/such/program")
        self.assertIn("planfile-worker-1", result.err)
        self.assertEqual(self.machine.container("planfile-worker-1")["State"], "running")
        self.assertEqual({step["target"] for step in self.pending()}, {NAMES[0]})
        self.file()
        path, _ = self.plan()
        self.stack("apply", path)
        self.assertEqual(self.pending(), [])
        self.down()


if __name__ == "__main__":
    harness.main()
