"""Death at every injection point (src/base/crash_point.hpp): before and after each side effect of the execution of a
plan. What points there are is learnt from a run that dies nowhere, so that none is forgotten here.
"""

import collections
import os
import signal
import subprocess
import time

import harness
from crash_support import STAGES, CrashCase, Parts, part, say_counts

# Who dies while the process that has reached the point stands still there.
WHO = ("itself", "supervisor and keeper", "command and supervisor", "keeper")


class CrashPoints(CrashCase):
    def setUp(self):
        super().setUp()
        self.folder = self.machine.base / "crash"
        self.folder.mkdir()
        self.trace = self.folder / "trace"
        self.machine.env["STACK_CRASH_DIR"] = str(self.folder)
        self.deaths = collections.Counter()

    # -- learning

    def points_of(self, action):
        """How often each point is passed while action() runs, background work included."""
        self.trace.touch()
        action()
        size = -1
        while size != self.trace.stat().st_size:  # what goes on behind the command's back
            size = self.trace.stat().st_size
            time.sleep(0.1)
        counts = collections.Counter(self.trace.read_text().splitlines())
        self.trace.unlink()
        return counts

    def learn(self):
        counts = {}
        for stage in STAGES:
            counts[stage.name] = self.points_of(lambda stage=stage: self.stack(*stage.argv))
            for name in stage.there:
                pid, _ = self.machine.init(name)
                self.assertNotIn("STACK_CRASH", harness.read(f"/proc/{pid}/environ"), "a container is none of ours")
        return counts

    # -- dying

    def die(self, argv, point, count, who):
        """Runs the command; kills `who` when the point is reached. False when it never was."""
        m = self.machine
        fired = self.folder / "fired"
        (self.folder / "at").write_text(f"{point} {count} stop")
        child = m.spawn(*argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while not fired.exists() and (child.poll() is None or self.waits_for(point)):
            self.assertLess(time.monotonic(), deadline, "neither ended nor reached")
            time.sleep(0.0005)
        if not fired.exists():
            (self.folder / "at").unlink(missing_ok=True)
            self.end_child(child)
            return False
        pid = int(fired.read_text())
        fired.unlink()
        while (fields := harness.stat_fields(pid)) and fields[0] not in "TZX":
            time.sleep(0.0002)
        victims = set()
        if who == "itself":
            victims.add(pid)
        ours = self.ours_now()
        if "keeper" in who:
            victims.update(ours["stack-keeper"])
        if "supervisor" in who:
            victims.update(ours["stack-supervisor"])
        if "command" in who:
            victims.add(child.pid)
        for each in victims:
            try:
                os.kill(each, signal.SIGKILL)
            except ProcessLookupError:
                pass
        for each in victims:  # one that is still dying has its locks
            while harness.is_alive(each):
                time.sleep(0.0002)
        if pid not in victims:
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                pass
        self.end_child(child)
        self.deaths[who] += 1
        return True

    def waits_for(self, point):
        """A point of the supervisor or keeper may come after the command's end."""
        if point.startswith("stack:"):
            return False
        self.ended_at = self.ended_at or time.monotonic()
        return time.monotonic() - self.ended_at < 0.3

    def round(self, jobs, turn):
        """One round: `jobs` has for each stage (point, count, who) or nothing."""
        said = []
        try:
            for stage in STAGES:
                self.before(stage)
                job = jobs.get(stage.name)
                if job:
                    self.ended_at = None
                    reached = self.die(stage.argv, *job)
                    said.append(f"{stage.name}: {job}{'' if reached else ' (not reached)'}")
                if turn % 3 == 0 and stage is STAGES[0]:
                    self.down_instead()
                self.again(stage)
            self.nothing_left()
        except AssertionError as error:
            raise AssertionError("\n".join([str(error), "deaths of this round:", *said, f"last job: {job}"])) from None

    def choose(self, counts, again):
        """Jobs by stage: each point twice, the process itself and one more choice in turn, at its first and its last
        passing; with CRASH_FULL=1 every choice of who dies at both."""
        full = bool(os.environ.get("CRASH_FULL"))
        queues = {}
        for stage, passed in counts.items():
            queue = queues[stage] = []
            for turn, point in enumerate(sorted(passed)):
                last = min(passed[point], again[stage].get(point, passed[point]))
                if full:
                    queue += [(point, count, who) for count in sorted({1, last}) for who in WHO]
                else:
                    queue += [(point, 1, WHO[0]), (point, last, WHO[1 + turn % 3])]
        return queues

    def test_every_point(self):
        which, parts = part()
        counts, again = self.learn(), self.learn()
        self.nothing_left()
        queues = self.choose(counts, again)
        queues = {stage: queue[which::parts] for stage, queue in queues.items()}
        rounds = max(len(queue) for queue in queues.values())
        for turn in range(rounds):
            self.round({stage: queue[turn] for stage, queue in queues.items() if turn < len(queue)}, turn)
        points = sum(len(passed) for passed in counts.values())
        say_counts(points=points, deaths=sum(self.deaths.values()), rounds=rounds)

    def test_down_finds_a_namespace_without_a_link(self):
        argv = STAGES[0].argv
        passed = self.points_of(lambda: self.stack(*argv))
        self.down_instead()
        [point] = [name for name in passed if name.endswith(":netns/pinned")]
        self.ended_at = None
        self.assertTrue(self.die(argv, point, 1, "command, supervisor and keeper"))
        self.down_instead()


class EveryPoint(Parts):
    file = __file__

    def test_every_point(self):
        counts = self.run_parts()
        print(f"{counts[0]['points']} points, {sum(each['deaths'] for each in counts)} deaths in "
              f"{sum(each['rounds'] for each in counts)} rounds of {', '.join(stage.name for stage in STAGES)}")
        self.assertGreater(sum(each["deaths"] for each in counts), counts[0]["points"])


if part():
    del EveryPoint, Parts
else:
    del CrashPoints, CrashCase

if __name__ == "__main__":
    harness.main()
