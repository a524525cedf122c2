"""post_start, pre_stop, restart policies, unhealthy containers, and how an end is told."""

import signal

import harness

FILE = """
name: hooks
services:
  web:
    image: host
    init: true
    command: ["sleep", "1000"]
    environment: {GREETING: hello}
    user: "1234"
    volumes: ["./out:/out"]
    post_start:
      - command: ["sh", "-c", "echo post $$GREETING $$EXTRA $$(id -u) $$(pwd) >> /out/log"]
        user: root
        working_dir: /tmp
        environment: {EXTRA: more}
      - command: sh -c "echo second >> /out/second"
        user: "0"
    pre_stop:
      - command: ["sh", "-c", "echo stopping >> /out/log"]
        user: root
"""


class Hooks(harness.Case):
    def setUp(self):
        super().setUp()
        (self.machine.work / "out").mkdir(mode=0o777)

    def lines(self, name="log"):
        return harness.read(self.machine.work / "out" / name).splitlines()

    def test_hooks_run_inside(self):
        self.write("compose.yaml", FILE)
        shown = self.stack("up", "-d")
        self.assertNotIn("no effect", shown.err)
        self.assertEqual(self.lines(), ["post hello more 0 /tmp"])
        self.assertEqual(self.lines("second"), ["second"])
        self.stack("restart", "-t", "20")
        self.assertEqual(self.lines(), ["post hello more 0 /tmp", "stopping", "post hello more 0 /tmp"])
        self.stack("down")
        self.assertEqual(self.lines()[-1], "stopping")

    def test_a_failing_post_start_is_a_failed_start(self):
        self.write("compose.yaml", """
name: hooks
services:
  web:
    image: host
    init: true
    command: ["sleep", "1000"]
    post_start:
      - command: ["sh", "-c", "echo no luck; exit 9"]
""")
        self.assert_fails("up", "-d", match=['post_start hook "sh -c echo no luck; exit 9": exited with 9', "no luck"])
        self.assertEqual(self.machine.container("hooks-web-1")["State"], "running", "as docker compose leaves it")
        self.stack("down")

    def test_a_pre_stop_that_hangs_ends_with_the_grace(self):
        self.write("compose.yaml", """
name: hooks
services:
  web:
    image: host
    init: true
    stop_grace_period: 1s
    command: ["sleep", "1000"]
    pre_stop:
      - command: ["sleep", "500"]
""")
        self.stack("up", "-d")
        shown = self.stack("down", "--progress", "plain")
        self.assertIn("Removed, killed after 1.0s", shown.err)

    def test_names_are_answered_until_it_has_ended(self):
        """Of pre_stop hooks and of what handles the stop signal, whatever takes the container away."""
        self.write("compose.yaml", """
name: hooks
services:
  db:
    image: host
    init: true
    command: ["sleep", "1000"]
  web:
    image: host
    depends_on: [db]
    scale: 2
    command: ["sh", "-c", "trap 'getent ahostsv4 db >> /out/second; exit 0' TERM; while true; do sleep 0.05; done"]
    volumes: ["./out:/out"]
    pre_stop:
      - command: ["sh", "-c", "getent ahostsv4 db >> /out/log || echo none >> /out/log"]
""")
        for commands in (["scale", "web=1"], ["rm", "-s", "-f", "web"], ["down"]):
            with self.subTest(commands=commands):
                self.stack("up", "-d")
                for name in ("log", "second"):
                    (self.machine.work / "out" / name).unlink(missing_ok=True)
                self.stack(*commands)
                for name in ("log", "second"):
                    self.assertTrue(self.lines(name), f"an answer in {name}")
                    self.assertNotIn("none", self.lines(name))

    def test_the_supervisor_dies_during_post_start(self):
        self.write("compose.yaml", """
name: hooks
services:
  web:
    image: host
    init: true
    command: ["sleep", "1000"]
    volumes: ["./out:/out"]
    post_start:
      - command: ["sh", "-c", "echo begun >> /out/log; while [ ! -e /out/go ]; do sleep 0.05; done; echo ended >> /out/log"]
""")
        m = self.machine
        up = m.spawn("up", "-d")
        harness.wait_until(lambda: self.lines() == ["begun"], "the hook")
        harness.kill(m.supervisor("hooks"))
        harness.wait_until(lambda: self.lines() == ["begun", "begun"], "the hook, again")
        (m.work / "out/go").touch()
        harness.wait_until(lambda: "ended" in self.lines(), "its end")
        up.communicate(timeout=60)
        self.assertEqual(m.container("hooks-web-1")["State"], "running")
        self.stack("down")

    def test_deploy_restart_policy(self):
        self.write("compose.yaml", """
name: hooks
services:
  tries:
    image: host
    command: ["sh", "-c", "echo run >> /out/log; exit 3"]
    volumes: ["./out:/out"]
    deploy:
      restart_policy: {condition: on-failure, delay: 0s, max_attempts: 2, window: 1h}
  once:
    image: host
    command: ["sh", "-c", "echo run >> /out/second; exit 3"]
    volumes: ["./out:/out"]
    restart: always
    deploy:
      restart_policy: {condition: none}
""")
        self.assertNotIn("no effect", self.stack("up", "-d").err)
        harness.wait_until(lambda: len(self.lines()) == 3, "three runs")
        row = harness.wait_until(
            lambda: self.machine.container("hooks-tries-1")["State"] == "exited"
            and self.machine.container("hooks-tries-1"), "its end")
        self.assertEqual((row["ExitCode"], row["Restarts"], row["Signal"]), (3, 2, ""))
        self.assertEqual(len(self.lines()), 3)
        self.assertEqual(len(self.lines("second")), 1)
        self.assertEqual(self.stack("reconcile").out, "", "it has used up its tries: no drift")
        self.stack("down")

    def test_unhealthy_is_restarted(self):
        self.write("compose.yaml", """
name: hooks
services:
  web:
    image: host
    init: true
    stop_grace_period: 2s
    command: ["sh", "-c", "echo run >> /out/log; exec sleep 1000"]
    volumes: ["./out:/out"]
    x-stack: {on-unhealthy: restart}
    healthcheck:
      test: ["CMD-SHELL", "echo looked; test ! -e /out/sick"]
      interval: 100ms
      retries: 2
""")
        m = self.machine
        self.stack("up", "-d", "--wait")
        before = m.init("hooks-web-1")
        (m.work / "out/sick").touch()
        harness.wait_until(lambda: len(self.lines()) >= 2, "a second run")
        (m.work / "out/sick").unlink()
        harness.wait_until(lambda: m.container("hooks-web-1")["Health"] == "healthy", "health")
        self.assertNotEqual(m.init("hooks-web-1"), before)
        self.assertGreaterEqual(m.container("hooks-web-1")["Restarts"], 1)
        self.assertIn("unhealthy, is restarted", harness.read(m.root / "lib/stacks/hooks/supervisor.log"))
        self.stack("down")

    def test_a_check_that_hangs_goes_with_its_children(self):
        self.write("compose.yaml", """
name: hooks
services:
  web:
    image: host
    init: true
    command: ["sleep", "1000"]
    healthcheck:
      test: ["CMD-SHELL", "echo waiting; sleep 7654 & wait"]
      interval: 100ms
      timeout: 300ms
      retries: 1
""")
        m = self.machine
        self.stack("up", "-d")
        row = harness.wait_until(
            lambda: m.container("hooks-web-1")["Health"] == "unhealthy" and m.container("hooks-web-1"), "unhealthy")
        self.assertIn("did not end within 300ms", row["HealthOutput"])
        self.stack("pause")  # no further checks from here on
        harness.wait_until(
            lambda: not [pid for pid in m.pids("hooks-web-1") if "7654" in harness.command_line(pid)], "its children")
        self.stack("down", "-t", "1")

    def test_ends_are_told_apart(self):
        self.write("compose.yaml", """
name: hooks
services:
  stubborn:
    image: host
    command: ["sh", "-c", "trap '' TERM; while :; do sleep 1; done"]
  signalled:
    image: host
    command: ["sh", "-c", "echo up; exec sleep 1000"]
""")
        m = self.machine
        self.stack("up", "-d")
        self.stack("kill", "-s", "KILL", "signalled")
        row = m.container("hooks-signalled-1")
        self.assertEqual((row["ExitCode"], row["Signal"], row["OOMKilled"]), (137, "SIGKILL", False))
        self.assertRegex(row["Status"], r"^Exited \(137\) .* \(SIGKILL\)$")
        shown = self.stack("stop", "-t", "1", "--progress", "plain", "stubborn")
        self.assertIn("Stopped, killed after 1.0s", shown.err)
        self.assertIn("hooks-stubborn-1: used up its grace period of 1.0s",
                      harness.read(m.root / "lib/stacks/hooks/supervisor.log"))
        self.stack("down")


if __name__ == "__main__":
    harness.main()
