"""Death at any system call, from outside: tests/e2e/killat.c lets the command, the supervisor, the keeper or several of
them die when a random call is about to be made by any of them, in every command of a round and in `image load`.

CRASH_SEED=N plays the same choices again (what the machine does between them is its own); CRASH_DEATHS=N another number.
"""

import json
import os
import pathlib
import random
import subprocess
import time

import harness
from crash_support import PROJECT, STAGES, CrashCase, Parts, part, say_counts
from image_support import Layout, base_entries, layer

KILLAT = os.environ.get("CRASH_KILLAT") or str(pathlib.Path(harness.STACK).parent / "tests/e2e/killat")
DEATHS = int(os.environ.get("CRASH_DEATHS", "500"))

# Letters as killat.c has them; x is who makes the call, also what is on its way to be a container.
WHO = ("c", "s", "cs", "sk", "k", "csk", "x")


class CrashSyscalls(CrashCase):
    def setUp(self):
        super().setUp()
        Layout(self.machine.work / "layout").image([layer(base_entries())])
        self.deaths = 0
        self.said = []

    def killat(self, argv, call, who):
        """What the tracer says; it ends when the command has."""
        watched = [word for pids in self.ours_now().values() for pid in pids for word in ("-p", str(pid))]
        try:
            done = subprocess.run(
                [KILLAT, str(call), who, *watched, "--", harness.STACK, *argv], cwd=self.machine.work,
                env=self.machine.env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still there after 60 s: {who} was to die at call {call} of {' '.join(argv)}\n"
                                 + self.where_all_are()) from None
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout.splitlines()[-1])

    @staticmethod
    def where_all_are():
        lines = []
        for pid in harness.all_pids():
            status = harness.read(f"/proc/{pid}/status")
            facts = [line for line in status.splitlines() if line.startswith(("State", "TracerPid", "PPid"))]
            lines.append(f"{pid} {' '.join(harness.command_line(pid))[:60]} {facts} "
                         f"{harness.read(f'/proc/{pid}/wchan')} {harness.read(f'/proc/{pid}/syscall')[:80].strip()}")
        return "\n".join(lines)

    def die(self, argv, calls, rng, who):
        said = self.killat(argv, rng.randint(1, calls), who)
        self.said.append(f"{' '.join(argv)}: {who} died: {said}")
        self.deaths += said["fired"]

    LOAD = ("image", "load", "-i", "layout")

    def load(self, rng, calls):
        self.die(self.LOAD, calls, rng, rng.choice(("c", "i", "ci", "x")))
        self.stack(*self.LOAD)
        self.assertEqual(self.stack("image", "verify").code, 0)
        self.stack("image", "prune", "-a", "-f")

    def test_random_calls(self):
        which, parts = part()
        seed = int(os.environ["CRASH_SEED"])
        rng = random.Random(seed * parts + which)
        calls = {}
        for stage in STAGES:
            calls[stage.name] = self.killat(stage.argv, 0, "-")["calls"]
        loads = self.killat(self.LOAD, 0, "-")["calls"]
        self.nothing_left()
        began = time.monotonic()
        rounds = 0
        while self.deaths < DEATHS / parts:
            self.said = []
            rounds += 1
            try:
                for stage in STAGES:
                    self.before(stage)
                    self.die(stage.argv, calls[stage.name], rng, rng.choice(WHO))
                    if rounds % 3 == 0 and stage is STAGES[0]:
                        self.down_instead()
                    self.again(stage)
                self.nothing_left()
                if rounds % 4 == 0:
                    self.load(rng, loads)
            except AssertionError as error:
                log = harness.read(str(self.machine.root / f"lib/stacks/{PROJECT}/supervisor.log"))
                raise AssertionError("\n".join([str(error), f"seed {seed}, round {rounds}", *self.said, log])) from None
        say_counts(deaths=self.deaths, rounds=rounds, seconds=round(time.monotonic() - began), calls=calls, load=loads)


class RandomCalls(Parts):
    file = __file__

    def test_random_calls(self):
        seed = os.environ.setdefault("CRASH_SEED", str(random.randrange(1_000_000)))
        print(f"CRASH_SEED={seed}", flush=True)
        counts = self.run_parts()
        print(f"{sum(each['deaths'] for each in counts)} deaths in {sum(each['rounds'] for each in counts)} rounds; "
              f"system calls: {counts[0]['calls']}, load {counts[0]['load']}")
        self.assertGreaterEqual(sum(each["deaths"] for each in counts), DEATHS)


if part():
    del RandomCalls, Parts
else:
    del CrashSyscalls, CrashCase

if __name__ == "__main__":
    harness.main()
