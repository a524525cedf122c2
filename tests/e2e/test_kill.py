"""Any process of ours may die at any instruction."""

import contextlib
import os
import random
import re
import shutil
import signal
import subprocess
import time

import harness

LINES = 40000

FILE = f"""
name: kill
services:
  web:
    image: host
    command: ["busybox", "httpd", "-f", "-p", "80", "-h", "/www"]
    ports: ["8080:80"]
    volumes: ["./www:/www:ro"]
  counter:
    image: host
    # Pauses now and then, so that the kills fall between its first and last line.
    command:
      - sh
      - -c
      - 'i=0; while [ $$i -lt {LINES} ]; do echo $$i; i=$$((i+1)); [ $$((i % 400)) != 0 ] || sleep 0.05; done; echo end; exec sleep 1000'
    stop_grace_period: 1s
  terminal:
    image: host
    tty: true
    command: ["sleep", "1000"]
    stop_grace_period: 1s
  ends:
    image: host
    command: ["sh", "-c", "while [ ! -e /signal/end ]; do sleep 0.02; done; exit 7"]
    volumes: ["./signal:/signal:ro"]
"""
RUNNING = ["kill-web-1", "kill-counter-1", "kill-terminal-1"]


class Kill(harness.Case):
    def setUp(self):
        super().setUp()
        self.write("compose.yaml", FILE)
        self.write("www/index.html", "served\n")
        (self.machine.work / "signal").mkdir()

    def all_lines(self):
        lines = self.machine.log_lines("counter")
        return lines if lines and lines[-1] == "end" else None

    def check_lines(self):
        lines = harness.wait_until(self.all_lines, "the counter's last line", 120, 0.5)
        expected = [str(i) for i in range(LINES)] + ["end"]
        if lines != expected:
            missing = sorted(set(expected) - set(lines), key=lambda text: (len(text), text))
            self.fail(f"{len(lines)} lines instead of {len(expected)}; missing {missing[:20]}")

    def test_supervisor(self):
        m = self.machine
        self.stack("up", "-d")
        inits = m.inits(*RUNNING)
        load = m.load("--threads", 2, f"http://{harness.HOST_V4}:8080/")
        local = m.load("--threads", 1, "http://127.0.0.1:8080/", inside=None)
        keeper = m.keeper("kill")
        for _ in range(10):
            old = m.supervisor("kill")
            harness.kill(old)
            harness.wait_until(lambda: m.ours("stack-supervisor", "kill") not in ([], [old]), "a new supervisor", 10)
            time.sleep(random.uniform(0, 0.3))
        # A container that ends while there is no supervisor keeps its exit code.
        old = m.supervisor("kill")
        (m.work / "signal/end").touch()
        harness.kill(old)
        row = harness.wait_until(
            lambda: m.container("kill-ends-1")["State"] == "exited" and m.container("kill-ends-1"), "its end", 15)
        self.assertEqual(row["ExitCode"], 7, row)
        self.assertEqual(m.inits(*RUNNING), inits, "no container was restarted")
        self.assertEqual(m.keeper("kill"), keeper)
        for got in (load.finish(), local.finish()):
            self.assertGreater(got["sent"], 20)
            self.assertEqual(got["failed"], 0, got["errors"])
        self.check_lines()
        self.assertEqual(self.stack("exec", "-T", "web", "echo", "on").out.strip(), "on")
        self.stack("down")

    def test_one_that_cannot_be_taken_over(self):
        """It is named, and the supervisor serves all others."""
        m = self.machine
        self.stack("up", "-d", "web", "ends")
        (m.work / "signal/end").touch()
        harness.wait_until(lambda: m.container("kill-ends-1")["State"] == "exited", "its end")
        web = m.init("kill-web-1")
        logs = m.root / "lib/stacks/kill/containers/kill-ends-1/log"
        away = logs.with_name("away")
        logs.rename(away)
        logs.write_text("in its place\n")
        keeper = m.keeper("kill")
        harness.kill(m.supervisor("kill"))
        said = m.root / "lib/stacks/kill/supervisor.log"
        harness.wait_until(lambda: "kill-ends-1: its log cannot be taken over" in harness.read(said), "its name", 10)
        new = m.supervisor("kill")
        self.stack("restart", "-t", "1", "web")
        self.assertNotEqual(m.init("kill-web-1"), web)
        self.assertEqual((m.keeper("kill"), m.supervisor("kill")), (keeper, new), "the first one that came")
        self.assertEqual(m.container("kill-ends-1")["ExitCode"], 7)
        logs.unlink()
        away.rename(logs)
        self.stack("down", "-t", "1")

    def test_names_asked_while_nobody_answers(self):
        """The keeper holds the sockets: a question waits for the next supervisor instead of being refused."""
        m = self.machine
        self.stack("up", "-d")
        for _ in range(3):
            keeper, supervisor = m.keeper("kill"), m.supervisor("kill")
            harness.kill(keeper, signal.SIGSTOP)  # so that no other supervisor is started yet
            harness.kill(supervisor)
            asked = m.spawn("exec", "-T", "web", "getent", "ahostsv4", "counter", stderr=subprocess.PIPE)
            time.sleep(0.3)
            self.assertIsNone(asked.poll(), "refused")
            harness.kill(keeper, signal.SIGCONT)
            out, err = asked.communicate(timeout=30)
            self.assertRegex(out, r"^\d+\.\d+\.\d+\.\d+ ", err)
        # A new keeper gets them too.
        harness.kill(m.keeper("kill"))
        harness.wait_until(lambda: m.ours("stack-keeper", "kill") not in ([], [keeper]), "a new keeper", 10)
        self.assertRegex(self.stack("exec", "-T", "web", "getent", "ahostsv4", "counter").out, r"^\d+\.")
        self.stack("down", "-t", "1")

    def test_keeper_and_supervisor(self):
        m = self.machine
        self.stack("up", "-d")
        inits = m.inits("kill-web-1", "kill-counter-1")
        load = m.load("--threads", 2, f"http://{harness.HOST_V4}:8080/")
        for _ in range(3):
            keeper, supervisor = m.keeper("kill"), m.supervisor("kill")
            harness.kill(keeper)
            for pid in {supervisor, *m.ours("stack-supervisor", "kill")}:
                harness.kill_if_there(pid)
            self.assertEqual(m.inits(*inits), inits, "containers outlive us")
            self.assertIn("kill-web-1", [row["Name"] for row in m.ps()], "ps needs nobody alive")
            self.stack("up", "-d")
            self.assertNotEqual(m.keeper("kill"), keeper)
            time.sleep(0.5)  # requests between the kills too
        self.assertEqual(m.inits(*inits), inits, "no container was restarted")
        got = load.finish()
        self.assertGreater(got["sent"], 20)
        self.assertEqual(got["failed"], 0, got["errors"])
        self.check_lines()
        self.stack("down")

    def test_up_right_after_both_were_killed(self):
        """They hold lock and socket until the kernel has taken them down: `up` must not take that for life."""
        m = self.machine
        self.stack("up", "-d")
        inits = m.inits("kill-web-1", "kill-counter-1")
        for number in range(20):
            keeper, supervisor = m.keeper("kill"), m.supervisor("kill")
            assert min(keeper, supervisor) > 2
            for pid in (keeper, supervisor):
                with contextlib.suppress(ProcessLookupError):  # one that has lost its keeper goes by itself
                    os.kill(pid, signal.SIGKILL)  # and no waiting until it has gone
            self.stack("up", "-d")
            self.assertNotEqual(m.keeper("kill"), keeper, f"a new pair, time {number}")
            self.assertNotEqual(m.supervisor("kill"), supervisor)
        self.assertEqual(m.inits(*inits), inits, "no container was restarted")
        self.stack("down", "-t", "1")

    def test_down_right_after_an_up_was_killed(self):
        """What it had asked for may be about to begin: `down` sees to it, and nothing comes after it."""
        m = self.machine
        for number in range(40):
            up = m.spawn("up", "-d", stdout=subprocess.DEVNULL)
            time.sleep(0.004 + 0.0005 * number)
            up.kill()
            up.wait()
            self.stack("down", "-t", "0")
            harness.wait_until(lambda: not m.ours("stack-keeper", "kill"), "the end of the keeper")
            self.assertEqual(m.ps("-a"), [], f"time {number}")

    def test_keeper_alone(self):
        m = self.machine
        self.stack("up", "-d")
        inits = m.inits("kill-web-1", "kill-counter-1")
        harness.kill(m.keeper("kill"))
        self.stack("up", "-d")
        self.assertEqual(m.inits(*inits), inits)
        self.check_lines()
        self.assertEqual(self.stack("plan", "--detailed-exitcode").code, 0)
        self.stack("down")

    def test_down_with_nobody_left(self):
        m = self.machine
        self.stack("up", "-d")
        keeper, supervisor = m.keeper("kill"), m.supervisor("kill")
        harness.kill(keeper)
        for pid in {supervisor, *m.ours("stack-supervisor", "kill")}:
            harness.kill_if_there(pid)
        self.stack("down", "-t", "1")

    def kill_both(self):
        m = self.machine
        keeper, supervisor = m.keeper("kill"), m.supervisor("kill")
        harness.kill(keeper)
        for pid in {supervisor, *m.ours("stack-supervisor", "kill")}:
            harness.kill_if_there(pid)

    def test_ends_while_both_are_dead(self):
        """The kernel keeps the exit of what is pinned (6.15); below that it is unknown, said at once and aloud."""
        m = self.machine
        self.stack("up", "-d")
        pinned = tuple(int(part) for part in re.findall(r"\d+", os.uname().release)[:2]) >= (6, 15)
        pid, _ = m.init("kill-ends-1")
        self.kill_both()
        (m.work / "signal/end").touch()
        harness.wait_until(lambda: not harness.is_alive(pid), "its end")
        row = m.container("kill-ends-1")
        self.assertEqual(row["State"], "exited")
        if pinned:
            harness.wait_until(lambda: m.container("kill-ends-1")["ExitCode"] == 7, "the kernel's word")
        else:
            self.assertEqual((row["ExitCode"], row["ExitCodeKnown"]), (-1, False))
        inits = m.inits(*RUNNING)
        self.stack("start", "web")  # a new pair
        self.stack("up", "-d", "web")
        row = m.container("kill-ends-1")
        self.assertEqual(row["ExitCode"], 7 if pinned else -1, row)
        self.assertEqual(m.inits(*RUNNING), inits)
        # Killed from outside, with nobody of ours alive.
        pid, _ = m.init("kill-counter-1")
        self.kill_both()
        harness.kill(pid)
        if pinned:
            harness.wait_until(lambda: m.container("kill-counter-1")["Signal"] == "SIGKILL", "how it ended")
        self.stack("down", "-t", "1")

    def test_a_new_program_takes_over(self):
        """`stack` was upgraded: the next command has keeper and supervisor run it; no container notices."""
        m = self.machine
        copy = m.base / "stack-new"
        shutil.copy(harness.STACK, copy)

        def new(*args):
            return subprocess.run([copy, *args], cwd=m.work, env=m.env, capture_output=True, text=True, timeout=120,
                                  check=True, stdin=subprocess.DEVNULL)

        self.stack("up", "-d")
        inits = m.inits(*RUNNING)
        keeper, supervisor = m.keeper("kill"), m.supervisor("kill")
        load = m.load("--threads", 2, f"http://{harness.HOST_V4}:8080/")
        new("up", "-d")  # nothing to do, but for that
        for role in ("stack-keeper", "stack-supervisor"):
            running = [os.readlink(f"/proc/{pid}/exe") for pid in m.ours(role, "kill")]
            self.assertEqual(running, [str(copy)], role)
        self.assertEqual(m.keeper("kill"), keeper, "the containers keep their parent")
        self.assertNotEqual(m.supervisor("kill"), supervisor)
        self.assertEqual(m.inits(*RUNNING), inits)
        (m.work / "signal/end").touch()
        harness.wait_until(lambda: m.container("kill-ends-1")["ExitCode"] == 7, "an end seen by the new one", 15)
        # The same program again replaces nothing; a dead supervisor is started as the new program.
        supervisor = m.supervisor("kill")
        new("up", "-d", "web")
        self.assertEqual(m.supervisor("kill"), supervisor)
        harness.kill(supervisor)
        other = harness.wait_until(lambda: m.ours("stack-supervisor", "kill") not in ([], [supervisor])
                                   and m.supervisor("kill"), "a new supervisor", 10)
        harness.wait_until(lambda: os.readlink(f"/proc/{other}/exe") == str(copy), "the new program", 10)
        got = load.finish()
        self.assertEqual(got["failed"], 0, got["errors"])
        self.check_lines()
        new("down", "-t", "1")

    def test_container_killed_from_outside(self):
        m = self.machine
        self.stack("up", "-d")
        pid, _ = m.init("kill-web-1")
        harness.kill(pid)
        row = harness.wait_until(
            lambda: m.container("kill-web-1")["State"] == "exited" and m.container("kill-web-1"), "its end", 10)
        self.assertEqual(row["ExitCode"], 137, row)
        self.assertEqual(self.stack("plan", "--detailed-exitcode", check=False).code, 2)
        self.stack("up", "-d")
        self.assertEqual(harness.get_soon("http://127.0.0.1:8080/"), "served\n")
        self.stack("down", "-t", "1")

    def test_up_killed_at_any_moment(self):
        m = self.machine
        random.seed(1)
        for turn in range(12):
            child = m.spawn("up", "-d", stdout=subprocess.DEVNULL)
            try:
                child.wait(timeout=random.uniform(0, 0.25))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            if turn % 2 == 0:
                self.stack("up", "-d")
                self.assertEqual(self.stack("plan", "--detailed-exitcode").code, 0)
                self.assertEqual(harness.get_soon("http://127.0.0.1:8080/"), "served\n")
            self.stack("down", "-t", "1")
            self.assert_no_leaks()

    def test_down_killed_at_any_moment(self):
        m = self.machine
        random.seed(2)
        for _ in range(6):
            self.stack("up", "-d")
            child = m.spawn("down", "-t", "1", stdout=subprocess.DEVNULL)
            try:
                child.wait(timeout=random.uniform(0, 0.2))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            self.stack("down", "-t", "1")
            self.assert_no_leaks()


if __name__ == "__main__":
    harness.main()
