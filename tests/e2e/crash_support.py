"""What the tests of death at any instruction share: a stack of four services whose programs notice a second copy of
themselves, its four commands as stages of one round, and what must hold after each.

A round is `up`, a changed `up`, `scale`, `down`: each is killed somewhere, run again, and looked at; after the last one
nothing may be left.
"""

import json
import os
import pathlib
import subprocess
import sys
import time
import unittest

import harness

ONCE = os.environ.get("CRASH_ONCE") or str(pathlib.Path(harness.STACK).parent / "tests/e2e/once")
PROJECT = "crash"

SERVICE = """
    image: host
    command: ["/t/once", "/marks"]
    hostname: {name}
    stop_grace_period: 2s
    networks: [{networks}]
    volumes: ["./bin:/t:ro", "./marks:/marks"{volume}]"""


def compose(changed):
    """Four services on two networks. Changed: api is another one, web gets another port and limit in place, aux two."""
    text = "name: crash\nservices:\n"
    text += "  db:" + SERVICE.format(name="db", networks="back", volume=', "data:/data"') + "\n"
    text += "  api:" + SERVICE.format(name="api", networks="back, front", volume="") + "\n    depends_on: [db]\n"
    if changed:
        text += "    environment: {CHANGED: '1'}\n"
    text += "  web:" + SERVICE.format(name="web", networks="front", volume="") + "\n    depends_on: [api]\n"
    text += f"    ports: ['{18081 if changed else 18080}:80', '18082:82']\n"
    if changed:
        text += "    pids_limit: 64\n"
    # No name of its own: its containers would share one.
    text += "  aux:" + SERVICE.format(name="", networks="front", volume="").replace("    hostname: \n", "") + "\n"
    if changed:
        text += "    scale: 2\n"
    return text + "networks: {back: {}, front: {}}\nvolumes: {data: {}}\n"


class Stage:
    """One command. `keeps`: containers whose pid must be the same before and after; `there`: all that run after it."""

    def __init__(self, name, argv, file, there, keeps):
        self.name, self.argv, self.file = name, argv, file
        self.there = [f"{PROJECT}-{each}" for each in there]
        self.keeps = [f"{PROJECT}-{each}" for each in keeps]


FIRST = ["db-1", "api-1", "web-1", "aux-1"]
STAGES = [
    Stage("up", ["up", "-d"], "compose.yaml", FIRST, []),
    Stage("changed up", ["-f", "changed.yaml", "up", "-d"], "changed.yaml", [*FIRST, "aux-2"],
          ["db-1", "web-1", "aux-1"]),
    Stage("scale", ["-f", "changed.yaml", "scale", "aux=3"], "changed.yaml", [*FIRST, "aux-2", "aux-3"],
          [*FIRST, "aux-2"]),
    Stage("down", ["-f", "changed.yaml", "down"], "changed.yaml", [], []),
]


class CrashCase(harness.Case):
    def setUp(self):
        super().setUp()
        m = self.machine
        self.write("compose.yaml", compose(changed=False))
        self.write("changed.yaml", compose(changed=True))
        (m.work / "bin").mkdir()
        (m.work / "bin/once").write_bytes(pathlib.Path(ONCE).read_bytes())
        (m.work / "bin/once").chmod(0o755)
        self.marks = m.work / "marks"
        self.marks.mkdir()
        self.kept = {}

    # -- before and after a command

    def before(self, stage):
        self.kept = self.machine.inits(*stage.keeps)

    def again(self, stage):
        """The same command once more: this one must succeed, and leave what it promises."""
        m = self.machine
        self.stack(*stage.argv, timeout=60)
        twice = [path.name for path in self.marks.glob("*.twice")]
        self.assertEqual(twice, [], "a second copy ran")
        if not stage.there:
            return
        for name in stage.there:
            m.init(name)
        self.assertEqual(m.inits(*stage.keeps), self.kept, "other containers keep their pid")
        plan = self.stack("-f", stage.file, "plan", "--detailed-exitcode", check=False) if stage.name != "scale" else None
        if plan:
            self.assertEqual(plan.code, 0, str(plan))

    def down_instead(self):
        """Whoever gives up after a death takes down what there is, known to us or not."""
        self.stack("-f", "changed.yaml", "down", timeout=60)
        self.nothing_left()

    def ours_now(self):
        """Keepers and supervisors that live now: {role: pids}; not what is on its way to be a container."""
        return {role: [pid for pid in self.machine.ours(role, PROJECT) if not self.is_inside(pid)]
                for role in ("stack-keeper", "stack-supervisor")}

    @staticmethod
    def is_inside(pid):
        own = harness.read("/proc/self/status").partition("\nNSpid:")[2].partition("\n")[0].split()
        its = harness.read(f"/proc/{pid}/status").partition("\nNSpid:")[2].partition("\n")[0].split()
        return len(its) > len(own)

    def nothing_left(self):
        self.assert_no_leaks()
        for path in self.marks.iterdir():
            path.unlink()

    def end_child(self, child, limit=60):
        """Waits for a command that was not killed: one that hangs is an error of its own."""
        try:
            return child.wait(timeout=limit)
        except Exception:
            raise AssertionError(f"still there after {limit} s: {' '.join(child.args)}") from None
        finally:
            self.machine.children.remove(child)

    def assert_no_leaks(self, before=None):
        deadline = time.monotonic() + 5
        while report := self.machine.leaks(before):
            if time.monotonic() > deadline:
                self.fail("\n".join(report))
            time.sleep(0.01)


class Parts(unittest.TestCase):
    """Runs its file again, once a processor, each in namespaces of its own: rounds mostly wait."""

    file = None

    def run_parts(self, parts=2):
        began = time.monotonic()
        children = [subprocess.Popen(
            [str(harness.TOP / "tests/run-isolated"), sys.executable, "-B", self.file],
            env={**os.environ, "CRASH_PART": f"{part}/{parts}"}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True) for part in range(parts)]
        outputs = [child.communicate()[0] for child in children]
        for child, output in zip(children, outputs):
            self.assertEqual(child.returncode, 0, output)
        counts = [json.loads(line[7:]) for output in outputs for line in output.splitlines()
                  if line.startswith("COUNTS ")]
        self.assertEqual(len(counts), parts)
        print(f"{time.monotonic() - began:.0f} s")
        return counts


def part():
    """(which, of how many) in a part, nothing in the whole."""
    text = os.environ.get("CRASH_PART")
    return tuple(int(word) for word in text.split("/")) if text else None


def say_counts(**counts):
    print("\nCOUNTS " + json.dumps(counts))  # a line of its own also behind the dots of other tests
