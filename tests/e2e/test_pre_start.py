"""pre_start: steps that run to their end before a service's containers start, each in a container of its own."""

import json

import harness
import image_support as images

FILE = """
name: steps
services:
  db:
    image: host
    init: true
    command: ["sleep", "1000"]
    healthcheck: {test: ["CMD", "true"], interval: 100ms}
  web:
    image: host
    init: true
    user: "1234"
    working_dir: /tmp
    command: ["sh", "-c", "cat /data/made > /out/served; echo start >> /out/log; exec sleep 1000"]
    environment: {GREETING: hello}
    volumes: ["./out:/out", "data:/data"]
    depends_on: {db: {condition: service_healthy}}
    pre_start:
      - command: ["sh", "-c", "echo one $$GREETING $$(id -u) $$(pwd) >> /out/log; echo said by one"]
        user: root
      - command: sh -c "echo two $$EXTRA $$(id -u) >> /out/log; getent hosts db > /out/found; echo made > /data/made"
        user: "0"
        environment: {EXTRA: more}
  quiet:
    image: host
    init: true
    command: ["sleep", "1000"]
volumes: {data: {}}
"""
ROUND = ["one hello 0 /tmp", "two more 0", "start"]

FAILING = """
name: steps
services:
  web:
    image: host
    init: true
    command: ["sleep", "1000"]
    volumes: ["./out:/out"]
    pre_start:
      - command: ["sh", "-c", "echo first >> /out/log"]
      - command: ["sh", "-c", "echo second >> /out/log; echo no luck; test -e /out/go"]
  after: {image: host, init: true, command: ["sleep", "1000"], depends_on: [web]}
  quiet: {image: host, init: true, command: ["sleep", "1000"]}
"""


class PreStart(harness.Case):
    def setUp(self):
        super().setUp()
        (self.machine.work / "out").mkdir(mode=0o777)
        for path in (self.machine.work / "out", self.write("out/log", "")):
            path.chmod(0o777)

    def lines(self, name="log"):
        return harness.read(self.machine.work / "out" / name).splitlines()

    def targets(self):
        """What a plan would do to containers."""
        steps = json.loads(self.stack("plan", "--format", "json").out)["steps"]
        return {step["target"]: step["action"] for step in steps if step["kind"] == "container"}

    def states(self):
        return {row["Name"]: (row["State"], row["ExitCode"]) for row in self.machine.ps("-a")}

    def started(self, count):
        harness.wait_until(lambda: self.lines().count("start") == count, "the program's start")

    def test_steps_run_in_order_and_once(self):
        self.write("compose.yaml", FILE)
        m = self.machine
        shown = self.stack("up", "-d", "--wait")
        self.assertNotIn("no effect", shown.err)
        self.started(1)
        self.assertEqual(self.lines(), ROUND)
        self.assertEqual(self.lines("served"), ["made"], "the volume is the service's")
        self.assertRegex(self.lines("found")[0], r"\bdb\b|steps-db-1")
        self.assertEqual(self.states(), {
            "steps-db-1": ("running", 0), "steps-web-1": ("running", 0), "steps-quiet-1": ("running", 0),
            "steps-web-pre_start-1": ("exited", 0), "steps-web-pre_start-2": ("exited", 0)})
        self.assertEqual(sorted(row["Name"] for row in m.ps()), ["steps-db-1", "steps-quiet-1", "steps-web-1"])
        self.assertEqual(self.stack("ls").out.splitlines()[1].split()[1], "running(3)")
        self.assertRegex(self.stack("logs", "web").out, r"(?m)^web-pre_start-1 +\| said by one$")
        self.assertEqual(self.stack("exec", "-T", "web", "cat", "/data/made").out, "made\n")
        self.assertEqual(self.stack("config", "--services").out.split(), ["db", "quiet", "web"])

        # Nothing of this runs them again.
        self.assertEqual(self.targets(), {})
        self.stack("up", "-d")
        self.stack("restart", "-t", "1", "web")
        self.started(2)
        self.stack("stop", "-t", "1", "web")
        self.stack("up", "-d")
        self.started(3)
        self.stack("stop", "-t", "1", "web")
        self.stack("start", "web")
        self.started(4)
        self.assertEqual(self.stack("reconcile").out, "")
        self.assertEqual(self.stack("run", "--rm", "-T", "web", "cat", "/data/made").out, "made\n")
        self.stack("rm", "-f")
        self.assertEqual(self.targets(), {})
        self.assertEqual(self.lines(), [*ROUND, "start", "start", "start"])
        self.stack("down", "-t", "1", "-v")

    def test_a_service_made_anew_has_its_steps_again(self):
        self.write("compose.yaml", FILE)
        self.stack("up", "-d")
        self.started(1)
        self.write("compose.yaml", FILE.replace("EXTRA: more", "EXTRA: other"))
        self.assertEqual(self.targets(), {"steps-web-pre_start-1": "replace", "steps-web-pre_start-2": "replace",
                                          "steps-web-1": "replace"})
        before = self.machine.inits("steps-db-1", "steps-quiet-1")
        self.stack("up", "-d", "-t", "1")
        self.started(2)
        self.assertEqual(self.lines()[3:], ["one hello 0 /tmp", "two other 0", "start"])
        self.assertEqual(self.machine.inits("steps-db-1", "steps-quiet-1"), before)
        self.write("compose.yaml", FILE.replace("GREETING: hello", "GREETING: hi"))
        self.stack("up", "-d", "-t", "1")
        self.started(3)
        self.assertEqual(self.lines()[6:], ["one hi 0 /tmp", "two more 0", "start"])
        self.stack("up", "-d", "-t", "1", "--force-recreate", "web")
        self.started(4)
        self.assertEqual(self.lines()[9:], ["one hi 0 /tmp", "two more 0", "start"])
        # Without its steps, and then without the service.
        head, tail = FILE.split("    pre_start:\n")
        self.write("compose.yaml", head + "  quiet:" + tail.split("  quiet:")[1])
        self.stack("up", "-d", "-t", "1")
        self.started(5)
        self.assertEqual(sorted(self.states()), ["steps-db-1", "steps-quiet-1", "steps-web-1"])
        self.stack("down", "-t", "1", "-v")

    def test_a_failing_step_fails_the_start(self):
        self.write("compose.yaml", FAILING)
        m = self.machine
        self.assert_fails("up", "-d", match=[
            r"Container steps-web-1: skipped: pre_start step 2 of service web failed: exit code 1", "no luck"])
        self.assertEqual(self.states(), {"steps-quiet-1": ("running", 0), "steps-web-pre_start-1": ("exited", 0),
                                         "steps-web-pre_start-2": ("exited", 1)})
        # Again: what has succeeded does not run again; `reconcile` tries, and ever less often.
        self.assert_fails("up", "-d", match="pre_start step 2 of service web failed")
        self.assertEqual(self.lines(), ["first", "second", "second"])
        self.assert_fails("reconcile", match="pre_start step 2 of service web failed")
        self.assertEqual(self.lines(), ["first", "second", "second", "second"])
        waiting = self.stack("reconcile", check=False)
        self.assertEqual((waiting.code, waiting.out, waiting.err), (2, "", ""), "nor is who depends on it tried in vain")
        self.assertEqual(len(self.lines()), 4, "it waits with the next try")
        (m.work / "out/go").touch()
        self.stack("up", "-d")
        self.assertEqual(self.lines(), ["first", "second", "second", "second", "second"])
        self.assertEqual(self.states()["steps-web-1"], ("running", 0))
        self.assertEqual(self.states()["steps-after-1"], ("running", 0))
        # One that fails before a service is replaced leaves what runs alone.
        before = m.init("steps-web-1")
        (m.work / "out/go").unlink()
        self.assert_fails("up", "-d", "--force-recreate", "--no-deps", "web", match="pre_start step 2")
        self.assertEqual(m.init("steps-web-1"), before)
        self.stack("down", "-t", "1")

    def test_a_step_that_is_no_program(self):
        self.write("compose.yaml", FAILING.replace('["sh", "-c", "echo first >> /out/log"]', "[no-such-program]"))
        self.assert_fails("up", "-d", match=[r"steps-web-pre_start-1: .*no-such-program", "Container.* steps-web-1.*skipped"])
        self.stack("down", "-t", "1")

    def test_once_a_replica(self):
        self.write("compose.yaml", """
name: steps
services:
  web:
    image: host
    init: true
    scale: 2
    command: ["sh", "-c", "cat /own/mine > /out/$$(uname -n); exec sleep 1000"]
    volumes: ["./out:/out", "/own"]
    pre_start:
      - command: ["sh", "-c", "echo once >> /out/log"]
      - command: ["sh", "-c", "echo each >> /out/log; uname -n > /own/mine"]
        per_replica: true
      - command: ["sh", "-c", "echo last >> /out/log"]
""")
        m = self.machine
        self.stack("up", "-d")
        self.assertEqual(self.lines(), ["once", "each", "each", "last"])
        for replica in ("1", "2"):
            harness.wait_until(lambda replica=replica: self.lines(f"steps-web-{replica}")
                               == [f"steps-web-{replica}-pre-start-2"], "what its step left in its own volume")
        before = m.inits("steps-web-1", "steps-web-2")
        self.stack("up", "-d", "--scale", "web=3")
        self.assertEqual(self.lines()[4:], ["each"], "what is for all has run")
        self.assertEqual(m.inits("steps-web-1", "steps-web-2"), before)
        self.stack("up", "-d", "--scale", "web=1", "-t", "1")
        self.assertEqual(sorted(name for name in self.states() if "-2" in name or "-3" in name),
                         ["steps-web-1-pre_start-2", "steps-web-pre_start-3"])
        self.assertEqual(len(self.lines()), 5)
        self.stack("down", "-t", "1", "-v")

    def test_another_image(self):
        m = self.machine
        images.Layout(m.work / "tools").image([images.layer(images.base_entries())], {
            "Entrypoint": ["/bin/sh", "-c"], "Cmd": ["id -un > /data/who; ls / > /data/root"], "User": "app"})
        self.write("compose.yaml", """
name: steps
services:
  web:
    image: host
    init: true
    user: "4321"
    command: ["sh", "-c", "sleep 1000"]
    volumes: ["data:/data"]
    pre_start:
      - {image: "oci:./tools", user: root, command: ["busybox chmod 777 /data"]}
      - image: oci:./tools
volumes: {data: {}}
""")
        self.stack("up", "-d")
        self.assertEqual(self.stack("exec", "-T", "web", "cat", "/data/who").out, "app\n")
        self.assertNotIn("usr", self.stack("exec", "-T", "web", "cat", "/data/root").out.split())
        self.assertIn("oci:./tools", self.stack("config", "--images").out)
        self.stack("down", "-t", "1", "-v")

    def test_a_run_that_is_cut_short(self):
        self.write("compose.yaml", """
name: steps
services:
  web:
    image: host
    init: true
    command: ["sleep", "1000"]
    volumes: ["./out:/out"]
    pre_start:
      - command: ["sh", "-c", "echo first >> /out/log"]
      - command: ["sh", "-c", "echo begun >> /out/log; while [ ! -e /out/go ]; do sleep 0.05; done; echo ended >> /out/log"]
""")
        m = self.machine
        up = m.spawn("up", "-d")
        harness.wait_until(lambda: self.lines()[-1:] == ["begun"], "the step")
        harness.kill(m.supervisor("steps"))
        (m.work / "out/go").touch()
        out, _ = up.communicate(timeout=60)
        self.assertEqual(up.returncode, 0, out)
        self.assertEqual(self.lines(), ["first", "begun", "ended"], "the step went on under another supervisor")
        self.assertEqual(self.states()["steps-web-1"], ("running", 0))
        self.assertEqual(self.targets(), {})

        # Keeper and supervisor at once: nobody sees how it ends.
        (m.work / "out/go").unlink()
        up = m.spawn("up", "-d", "--force-recreate", "-t", "1")
        harness.wait_until(lambda: self.lines()[-1:] == ["begun"], "the step, again")
        up.kill()
        keeper, supervisor = m.keeper("steps"), m.supervisor("steps")
        harness.kill(keeper, harness.signal.SIGSTOP)
        harness.kill(supervisor)
        harness.kill(keeper)
        (m.work / "out/go").touch()
        harness.wait_until(lambda: self.lines()[-1:] == ["ended"], "its end")
        self.stack("up", "-d", "-t", "1")
        self.assertEqual(self.states()["steps-web-1"], ("running", 0))
        self.assertEqual(self.targets(), {})
        self.stack("down", "-t", "1")

    def test_created_first_and_started_later(self):
        self.write("compose.yaml", FILE)
        self.stack("create")
        self.assertEqual(self.lines(), [])
        self.stack("start")
        self.started(1)
        self.assertEqual(self.lines(), ROUND)
        self.assertEqual(self.targets(), {})
        self.stack("down", "-t", "1", "-v")

    def test_foreground_shows_what_they_say(self):
        self.write("compose.yaml", FILE)
        child = self.machine.spawn("up")
        self.started(1)
        harness.wait_until(lambda: self.states().get("steps-web-1") == ("running", 0), "the service")
        child.send_signal(harness.signal.SIGINT)
        out, _ = child.communicate(timeout=60)
        self.assertRegex(out, r"(?m)^web-pre_start-1 +\| said by one$")
        self.stack("down", "-t", "1", "-v")


if __name__ == "__main__":
    harness.main()
