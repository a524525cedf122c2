"""Restart policies, health and conditions."""

import time

import harness


class Restart(harness.Case):
    def up(self, text, *args, **options):
        self.write("compose.yaml", "name: restart\nservices:\n" + text)
        return self.stack("up", "-d", *args, **options)

    def test_policies(self):
        m = self.machine
        self.up("""
  always:
    image: host
    command: ["sh", "-c", "echo start; exit 0"]
    restart: always
  failing:
    image: host
    command: ["sh", "-c", "echo start; exit 3"]
    restart: on-failure:2
  fine:
    image: host
    command: ["sh", "-c", "echo start; exit 0"]
    restart: on-failure
  never:
    image: host
    command: ["sh", "-c", "echo start; exit 4"]
""")
        starts = lambda name: m.log_lines(name).count("start")
        harness.wait_until(lambda: starts("always") >= 3, "three starts")
        harness.wait_until(lambda: starts("failing") == 3, "the first start and two more")
        row = harness.wait_until(
            lambda: m.container("restart-failing-1")["State"] == "exited" and m.container("restart-failing-1"), "its end")
        self.assertEqual(row["ExitCode"], 3)
        self.assertEqual((starts("fine"), starts("never"), starts("failing")), (1, 1, 3))
        self.assertEqual(m.container("restart-never-1")["ExitCode"], 4)
        self.assertEqual(m.container("restart-fine-1")["ExitCode"], 0)
        self.stack("down")

    def test_killed_is_restarted_under_the_same_address(self):
        m = self.machine
        self.write("www/index.html", "page")
        self.up("""
  web:
    image: host
    command: ["busybox", "httpd", "-f", "-p", "80", "-h", "/www"]
    volumes: ["./www:/www:ro"]
    ports: ["8080:80"]
    restart: unless-stopped
    stop_grace_period: 1s
""")
        address = self.stack("exec", "-T", "web", "hostname", "-i").out
        first = m.init("restart-web-1")
        harness.kill(first[0])
        harness.wait_until(lambda: m.pids("restart-web-1") and m.init("restart-web-1") != first, "a new pid 1")
        harness.wait_until(page, "the page")
        self.assertEqual(self.stack("exec", "-T", "web", "hostname", "-i").out, address)
        self.assertEqual(self.stack("plan", "--detailed-exitcode").code, 0)
        self.stack("down")

    def test_a_restart_that_fails_is_tried_again(self):
        """Whatever keeps it from being started goes away by itself, or by somebody's hand: it is said, and tried again."""
        m = self.machine
        flag = m.work / "flag"
        flag.mkdir()
        self.up("""
  web:
    image: host
    init: true
    command: ["sh", "-c", "until [ -e /flag/end ]; do sleep 0.05; done; rm /flag/end; exit 1"]
    volumes: ["./flag:/flag"]
    restart: always
""")
        logs = m.root / "lib/stacks/restart/containers/restart-web-1/log"
        said = self.machine.root / "lib/stacks/restart/supervisor.log"
        # What fails once there is a process already, and what the process itself meets on its way.
        for folder in (logs, flag):
            with self.subTest(folder=folder.name):
                before = harness.read(said).count("cannot be started")
                first = m.init("restart-web-1")
                away = folder.with_name("away")
                folder.rename(away)
                folder.write_text("in its place\n")
                (away if folder == flag else flag).joinpath("end").touch()
                harness.wait_until(lambda: harness.read(said).count("cannot be started") > before + 1, "two tries")
                self.assertIn(m.container("restart-web-1")["State"], ("restarting", "created"))
                folder.unlink()
                away.rename(folder)
                harness.wait_until(lambda: m.container("restart-web-1")["State"] == "running", "another start")
                self.assertNotEqual(m.init("restart-web-1"), first)
        self.stack("down", "-t", "1")

    def test_a_start_that_fails_leaves_no_process(self):
        m = self.machine
        self.up("""
  web:
    image: host
    init: true
    command: ["sleep", "1000"]
    restart: always
""")
        self.stack("stop", "-t", "1")
        logs = m.root / "lib/stacks/restart/containers/restart-web-1/log"
        away = logs.with_name("away")
        logs.rename(away)
        logs.write_text("in its place\n")
        self.assert_fails("start", match="restart-web-1")
        harness.wait_until(lambda: not m.pids("restart-web-1"), "the end of what was begun")
        self.assertEqual(m.container("restart-web-1")["State"], "exited")
        logs.unlink()
        away.rename(logs)
        self.stack("start")
        self.assertEqual(m.container("restart-web-1")["State"], "running")
        self.stack("down", "-t", "1")

    def test_a_check_counts_by_when_it_began(self):
        """One that began within the start period does not count, however long it took to fail."""
        (self.machine.work / "flag").mkdir()
        self.up("""
  slow:
    image: host
    init: true
    command: ["sleep", "1000"]
    volumes: ["./flag:/flag"]
    healthcheck:
      test: ["CMD-SHELL", "[ ! -e /flag/seen ] || exit 0; touch /flag/seen; sleep 4; exit 1"]
      interval: 200ms
      timeout: 60s
      retries: 1
      start_period: 3s
      start_interval: 100ms
""", "--wait")
        self.assertEqual(self.machine.container("restart-slow-1")["Health"], "healthy")
        self.stack("down", "-t", "1")

    def test_health_and_conditions(self):
        m = self.machine
        (m.work / "flag").mkdir()
        self.write("compose.yaml", """
name: restart
services:
  base:
    image: host
    command: ["sleep", "1000"]
    stop_grace_period: 1s
    volumes: ["./flag:/flag:ro"]
    healthcheck:
      test: ["CMD-SHELL", "test -e /flag/up"]
      interval: 200ms
      timeout: 2s
      retries: 3
      start_period: 60s
      start_interval: 100ms
  init:
    image: host
    command: ["sh", "-c", "echo prepared"]
  user:
    image: host
    command: ["sleep", "1000"]
    stop_grace_period: 1s
    depends_on:
      base: {condition: service_healthy}
      init: {condition: service_completed_successfully}
""")
        child = m.spawn("up", "-d")
        harness.wait_until(lambda: [r for r in m.ps() if r["Name"] == "restart-base-1"], "the base")
        self.assertEqual(m.container("restart-base-1")["Health"], "starting")
        time.sleep(0.5)  # the dependant must not have started by now
        self.assertEqual(m.pids("restart-user-1"), [])
        (m.work / "flag/up").touch()
        out, _ = child.communicate(timeout=30)
        self.assertEqual(child.returncode, 0, out)
        self.assertEqual(m.container("restart-base-1")["Health"], "healthy")
        self.assertEqual(m.container("restart-user-1")["State"], "running")
        base, user = m.init("restart-base-1"), m.init("restart-user-1")
        self.assertGreaterEqual(user[1], base[1])
        (m.work / "flag/up").unlink()
        harness.wait_until(lambda: m.container("restart-base-1")["Health"] == "unhealthy", "the failures")
        self.assertIn("unhealthy", self.stack("ps").out)
        self.assertEqual(m.init("restart-base-1"), base, "unhealthy is told, not restarted")
        (m.work / "flag/up").touch()
        harness.wait_until(lambda: m.container("restart-base-1")["Health"] == "healthy", "health again")
        self.stack("down")

    def test_never_healthy(self):
        result = self.up("""
  sick:
    image: host
    command: ["sh", "-c", "echo I am ill; exec sleep 1000"]
    stop_grace_period: 1s
    healthcheck: {test: ["CMD", "false"], interval: 100ms, timeout: 1s, retries: 2}
  other:
    image: host
    command: ["sleep", "1000"]
    stop_grace_period: 1s
""", "--wait", check=False)
        self.assertEqual(result.code, 1, str(result))
        self.assertIn("sick", result.err)
        self.assertEqual(len(self.machine.ps()), 2, "nothing is stopped because of it")
        self.stack("down")

    def test_a_check_that_hangs(self):
        """A check beyond its timeout is killed and counts as failed; it leaves no process behind."""
        m = self.machine
        self.up("""
  box:
    image: host
    command: ["sleep", "1000"]
    stop_grace_period: 1s
    healthcheck: {test: ["CMD", "sleep", "900"], interval: 100ms, timeout: 300ms, retries: 2}
""")
        harness.wait_until(lambda: m.container("restart-box-1")["Health"] == "unhealthy", "the verdict")
        checks = [pid for pid in m.pids("restart-box-1") if harness.command_line(pid)[-1:] == ["900"]]
        self.assertLessEqual(len(checks), 1)
        self.stack("down")

    def test_stop_signal_and_grace(self):
        m = self.machine
        self.up("""
  polite:
    image: host
    command: ["sh", "-c", "trap 'echo got INT; exit 0' INT; echo ready; while :; do sleep 0.05; done"]
    stop_signal: SIGINT
  deaf:
    image: host
    command: ["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done"]
    stop_grace_period: 500ms
""")
        for name in ("polite", "deaf"):
            harness.wait_until(lambda name=name: "ready" in m.log_lines(name), name)
        follow = m.spawn("logs", "-f", "polite")
        harness.wait_until(lambda: harness.is_alive(follow.pid), "logs")
        self.stack("down", timeout=30)
        out, _ = follow.communicate(timeout=30)
        self.assertIn("got INT", out)


def page():
    try:
        return harness.get("http://127.0.0.1:8080/")
    except OSError:
        return None


if __name__ == "__main__":
    harness.main()
