"""The options of `up` and of the commands beside it: whose end ends all, whose logs are shown, what is made anew, what
goes along with `down` and `rm`."""

import json
import time

import harness
import image_support as images

WAIT = "while [ ! -e /signal/{name} ]; do sleep 0.02; done; "


def program(script):
    return ["sh", "-c", script]


class UpFlags(harness.Case):
    def setUp(self):
        super().setUp()
        self.signal = self.machine.work / "signal"
        self.signal.mkdir()

    def file(self, services, name="flags", path="compose.yaml", **more):
        made = {key: {"image": "host", "init": True, "stop_grace_period": "2s", "volumes": ["./signal:/signal:ro"], **value}
                for key, value in services.items()}
        self.write(path, json.dumps({"name": name, "services": made, **more}))

    def foreground(self, *args):
        return self.machine.spawn("up", "--progress", "plain", *args)

    def finish(self, child, timeout=60):
        out, _ = child.communicate(timeout=timeout)
        return child.returncode, out

    def states(self):
        return {row["Service"]: row["State"] for row in self.machine.ps("-a")}

    def volumes(self):
        return self.stack("volume", "ls", "-q").out.split()

    def lines_of(self, out, name):
        return [line for line in out.splitlines() if line.startswith(name) and "|" in line]

    # ---- whose end ends all

    def test_abort_on_container_exit(self):
        self.file({"job": {"command": program("echo job began; " + WAIT.format(name="end") + "exit 3")},
                   "web": {"command": program("trap 'echo web bye; exit 0' TERM; echo web began; while :; do sleep 0.05; done"),
                           "init": False}})
        child = self.foreground("--abort-on-container-exit")
        harness.wait_until(lambda: set(self.states().values()) == {"running"} and len(self.states()) == 2, "its start")
        (self.signal / "end").touch()
        code, out = self.finish(child)
        self.assertEqual(code, 3, out)
        self.assertIn("job-1 exited with code 3", out)
        self.assertIn("Aborting on container exit...", out)
        self.assertIn("web bye", out, "the last words are shown")
        self.assertEqual(self.states(), {"job": "exited", "web": "exited"}, "stopped, not removed")
        self.stack("down")

    def test_exit_code_from(self):
        """The named service's status counts, whoever ends first."""
        self.file({"job": {"command": program(WAIT.format(name="end") + "exit 0")},
                   "tests": {"command": program("trap 'exit 7' TERM; " + WAIT.format(name="tests") + "exit 5"),
                             "init": False}})
        child = self.foreground("--exit-code-from", "tests")
        harness.wait_until(lambda: set(self.states().values()) == {"running"} and len(self.states()) == 2, "its start")
        (self.signal / "end").touch()
        code, out = self.finish(child)
        self.assertEqual(code, 7, out)
        (self.signal / "end").unlink()
        (self.signal / "tests").touch()
        code, out = self.finish(self.foreground("--exit-code-from", "tests"))
        self.assertEqual(code, 5, out)
        self.assertEqual(self.states()["job"], "exited")
        self.assert_fails("up", "--exit-code-from", "nobody", match="no such service: nobody")
        self.stack("down")

    def test_abort_on_container_failure(self):
        self.file({"fine": {"command": ["true"]},
                   "again": {"command": program("echo try >>/tries/log; exit 6"), "restart": "on-failure:2",
                             "volumes": ["./tries:/tries"]},
                   "web": {"command": ["sleep", "1000"]}})
        code, out = self.finish(self.foreground("--abort-on-container-failure"))
        self.assertEqual(code, 6, out)
        self.assertIn("fine-1 exited with code 0", out)
        tries = harness.read(self.machine.work / "tries/log").split()
        self.assertEqual(len(tries), 3, "one that is started again has not ended")
        self.assertEqual(self.states(), {"fine": "exited", "again": "exited", "web": "exited"})
        self.stack("down")

    def test_what_others_wait_for_ends_nothing(self):
        self.file({"migrate": {"command": ["echo", "migrated"]},
                   "app": {"command": program(WAIT.format(name="end") + "exit 4"),
                           "depends_on": {"migrate": {"condition": "service_completed_successfully"}}}})
        child = self.foreground("--abort-on-container-exit")
        harness.wait_until(lambda: self.states().get("app") == "running", "the app")
        time.sleep(1.5)  # longer than it takes to look again
        self.assertIsNone(child.poll())
        (self.signal / "end").touch()
        self.assertEqual(self.finish(child)[0], 4)
        self.stack("down")

    def test_failed_start_stops_the_rest(self):
        self.file({"db": {"command": program("echo no disk; exit 9"), "healthcheck": {"test": ["CMD", "true"], "interval": "60s"}},
                   "app": {"command": ["sleep", "1000"], "depends_on": {"db": {"condition": "service_healthy"}}},
                   "web": {"command": ["sleep", "1000"]}})
        code, out = self.finish(self.foreground("--abort-on-container-exit"))
        self.assertEqual(code, 9, out)
        self.assertEqual(self.states().get("web"), "exited", out)
        # Without the option what has been started runs on.
        code, out = self.finish(self.foreground())
        self.assertEqual((code, self.states()["web"]), (1, "running"), out)
        self.stack("down", "-t", "1")

    def test_what_cannot_stand_together(self):
        self.file({"web": {"command": ["sleep", "1000"]}})
        for args in (["-d", "--abort-on-container-exit"], ["--wait", "--attach", "web"], ["-d", "--exit-code-from", "web"],
                     ["--no-recreate", "-V"], ["--abort-on-container-exit", "--abort-on-container-failure"],
                     ["--attach", "web", "--attach-dependencies"]):
            self.assert_fails("up", *args, match="cannot stand together")
        self.assert_fails("up", "--watch", match="not supported")
        self.assert_fails("up", "--attach", "nobody", match="no such service")
        self.assertEqual(self.machine.ps("-a"), [])
        self.stack("up", "-d", "-y", "--menu=false", "--no-build", "--quiet-build")
        self.stack("down", "-t", "1")

    # ---- whose logs are shown

    def test_attach(self):
        talk = {"command": program("echo here I am; " + WAIT.format(name="end"))}
        self.file({"db": talk, "quiet": {**talk, "attach": False}, "web": {**talk, "depends_on": ["db"]}})
        (self.signal / "end").touch()

        def shown(*args):
            code, out = self.finish(self.foreground("--force-recreate", *args))
            self.assertEqual(code, 0, out)
            return [name for name in ("db", "quiet", "web") if self.lines_of(out, f"{name}-1")]

        self.assertEqual(shown(), ["db", "web"])
        self.assertEqual(shown("web"), ["web"])
        self.assertEqual(shown("--attach-dependencies", "web"), ["db", "web"])
        self.assertEqual(shown("--attach", "quiet"), ["quiet"])
        self.assertEqual(shown("--no-attach", "web"), ["db"])
        self.assertNotIn("has no effect", self.stack("config", "-q").err)
        self.stack("down")

    def test_ends_with_those_that_are_shown(self):
        self.file({"tests": {"command": ["echo", "tested"]}, "web": {"command": ["sleep", "1000"]}})
        code, out = self.finish(self.foreground("--attach", "tests"))
        self.assertEqual((code, self.states()), (0, {"tests": "exited", "web": "running"}), out)
        self.stack("down", "-t", "1")

    # ---- what is made anew

    def test_always_recreate_deps(self):
        self.file({"db": {"command": ["sleep", "1000"]}, "web": {"command": ["sleep", "1000"], "depends_on": ["db"]}})
        names = ["flags-db-1", "flags-web-1"]
        self.stack("up", "-d")

        def changed(*args):
            before = self.machine.inits(*names)
            self.stack("up", "-d", "-t", "1", *args)
            after = self.machine.inits(*names)
            return [before[name] != after[name] for name in names]

        self.assertEqual(changed("--force-recreate", "web"), [False, True])
        self.assertEqual(changed("--always-recreate-deps", "web"), [True, False])
        self.assertEqual(changed("--force-recreate", "--always-recreate-deps", "web"), [True, True])
        self.stack("down", "-t", "1")

    def test_force_recreate_of_a_plan_that_was_refused(self):
        """The state changes between the plan and its turn: it is made again, and recreation is still asked for."""
        m = self.machine
        self.file({"deaf": {"command": program("trap '' TERM; echo ready; while :; do sleep 0.05; done"), "init": False,
                            "stop_grace_period": "4s"},
                   "web": {"command": ["sleep", "1000"]}})
        self.stack("up", "-d", "--wait")
        before = m.inits("flags-deaf-1", "flags-web-1")
        stopping = m.spawn("stop", "--progress", "plain", "deaf")
        self.assertIn("Stopping", stopping.stdout.readline())
        again = self.stack("up", "-d", "--force-recreate", "--progress", "plain")
        stopping.communicate(timeout=30)
        after = m.inits("flags-deaf-1", "flags-web-1")
        for name, was in before.items():
            self.assertNotEqual(after[name], was, f"{name}\n{again}")
        self.assertEqual(again.err.count("Container flags-web-1  Recreated"), 1, str(again))
        self.stack("down", "-t", "1")

    def test_renew_anonymous_volumes(self):
        self.file({"box": {"command": ["sleep", "1000"], "volumes": ["/scratch", "data:/data"]}}, volumes={"data": {}})

        def kept():
            return self.stack("exec", "-T", "box", "sh", "-c", "cat /scratch/x /data/x 2>/dev/null; true").out.split()

        self.stack("up", "-d")
        self.stack("exec", "-T", "box", "sh", "-c", "echo scratch >/scratch/x; echo data >/data/x")
        self.stack("up", "-d", "-t", "1", "--force-recreate")
        self.assertEqual(kept(), ["scratch", "data"], "carried over")
        self.stack("up", "-d", "-V")
        self.assertEqual(kept(), ["scratch", "data"], "nothing was made anew")
        shown = self.stack("up", "--dry-run", "-V", "--force-recreate").out
        self.assertIn("its anonymous volume at /scratch is made anew", shown)
        self.stack("up", "-d", "-t", "1", "-V", "--force-recreate")
        self.assertEqual(kept(), ["data"])
        self.assertEqual(len(self.volumes()), 2)
        self.stack("exec", "-T", "box", "sh", "-c", "echo scratch >/scratch/x")
        self.stack("down", "-t", "1")
        self.stack("up", "-d", "-V")
        self.assertEqual(kept(), ["data"], "nor is one from before")
        self.stack("down", "-t", "1", "-v")
        self.assertEqual(self.volumes(), [])

    def test_rm_volumes(self):
        self.file({"box": {"command": ["true"], "volumes": ["/scratch", "data:/data"]}, "web": {"command": ["sleep", "1000"]}},
                  volumes={"data": {}})
        self.stack("up", "-d", "--wait")
        self.stack("rm", "-f")
        self.assertEqual(len(self.volumes()), 2, "kept")
        self.stack("up", "-d", "--wait")
        self.stack("rm", "-f", "-v")
        self.assertEqual(self.volumes(), ["flags_data"])
        self.stack("stop", "-t", "1")
        self.stack("start")
        self.assertEqual(self.volumes(), ["flags_data"], "nobody mounts it: it does not come back")
        self.stack("rm", "-fsv", "web")
        self.stack("down", "-v")

    # ---- beside `up`

    def test_restart_no_deps(self):
        self.file({"db": {"command": ["sleep", "1000"]},
                   "app": {"command": ["sleep", "1000"],
                           "depends_on": {"db": {"condition": "service_started", "restart": True}}}})
        names = ["flags-db-1", "flags-app-1"]
        self.stack("up", "-d")
        before = self.machine.inits(*names)
        self.stack("restart", "-t", "1", "--no-deps", "db")
        after = self.machine.inits(*names)
        self.assertEqual([before[name] != after[name] for name in names], [True, False])
        self.stack("restart", "-t", "1", "db")
        last = self.machine.inits(*names)
        self.assertEqual([last[name] != after[name] for name in names], [True, True])
        self.stack("down", "-t", "1")

    def test_start_wait(self):
        self.file({"web": {"command": program("sleep 0.3; touch /tmp/well; sleep 1000"),
                           "healthcheck": {"test": ["CMD", "test", "-e", "/tmp/well"], "interval": "1s"}},
                   "bad": {"command": program("test ! -e /signal/fail || exit 3; sleep 1000")}})
        self.stack("create")
        self.stack("start", "--wait", "web")
        self.assertEqual(self.machine.container("flags-web-1")["Health"], "healthy")
        (self.signal / "fail").touch()
        self.assert_fails("start", "--wait", "--wait-timeout", "20", "bad", match="flags-bad-1: exited .3.")
        self.stack("down", "-t", "1")

    def test_build_is_refused(self):
        self.write("compose.yaml", "name: flags\nservices:\n  web:\n    image: host\n    command: [sleep, '1000']\n"
                                   "    build: .\n  db: {image: host, command: [sleep, '1000']}\n")
        for command in (["up", "-d"], ["create"], ["run", "--rm"]):
            self.assert_fails(*command, "--build", "web", match=r"compose.yaml:6:\d+: error: --build: service web")
        self.assertEqual(self.machine.ps("-a"), [])
        self.stack("up", "-d", "--build", "db")
        self.assertEqual([row["Service"] for row in self.machine.ps()], ["db"])
        self.stack("down", "-t", "1")

    # ---- images

    def layout(self):
        layout = images.Layout(self.machine.work / "layout")
        layers = [images.layer(images.base_entries())]
        for tag in ("one", "two"):
            layout.image(layers, {"Cmd": ["/bin/sleep", "1000"], "Env": [f"TAG={tag}"]}, tag=tag)

    def listed(self):
        return sorted(line.rsplit(":", 1)[1] for line in self.stack("image", "ls").out.replace(" ", "\n").splitlines()
                      if "layout:" in line)

    def test_down_rmi(self):
        self.layout()
        self.file({"a": {"image": "oci:./layout:one"}, "b": {"image": "oci:./layout:two"}, "c": {"command": ["sleep", "1000"]}},
                  name="first")
        self.file({"a": {"image": "oci:./layout:one"}}, name="second", path="second.yaml")
        self.stack("up", "-d")
        self.stack("-f", "second.yaml", "up", "-d")
        self.assertEqual(self.listed(), ["one", "two"])
        self.assert_fails("down", "--rmi", "some", match="must be local|all")
        shown = self.stack("down", "--rmi", "all", "--dry-run").out
        self.assertRegex(shown, "image .*layout:two remove")
        self.assertEqual(self.listed(), ["one", "two"])
        self.stack("down", "-t", "1", "--rmi", "local")
        self.assertEqual(self.listed(), ["one", "two"], "each has a name of its own")
        self.stack("up", "-d")
        done = self.stack("down", "-t", "1", "--rmi", "all", "--progress", "plain").err
        self.assertRegex(done, "Image .*layout:one +Resource is still in use")
        self.assertRegex(done, "Image .*layout:two +Removed")
        self.assertEqual(self.listed(), ["one"])
        self.assertEqual(len(self.machine.ps("-a", before=["-f", "second.yaml"])), 1)
        # Down already: the file says which.
        self.stack("-f", "second.yaml", "down", "-t", "1")
        self.stack("-f", "second.yaml", "down", "--rmi", "all")
        self.assertEqual(self.listed(), [])
        self.stack("up", "-d")
        self.stack("down", "-t", "1", "--rmi", "all", "b")
        self.assertEqual(self.listed(), ["one"], "of the service named only")
        self.stack("down", "-t", "1", "--rmi", "all")
        self.assertEqual(self.listed(), [])

    def test_pull_and_push_go_on(self):
        far = {"image": "localhost:1/nobody/nothing:7"}
        self.file({"web": {**far, "build": "."}, "db": {"command": ["sleep", "1000"]}})
        self.assert_fails("pull", match="localhost:1/nobody/nothing")
        self.stack("pull", "--ignore-buildable")
        self.assertIn("localhost:1", self.stack("pull", "--ignore-pull-failures").err)
        self.assert_fails("push", match="localhost:1/nobody/nothing")
        self.assertIn("localhost:1/nobody/nothing", self.stack("push", "--ignore-push-failures").err)
        self.file({"web": {"image": "localhost:1/nobody/other:1", "depends_on": ["db"]}, "db": far})
        both = self.stack("push", "--include-deps", "--ignore-push-failures", "web").err
        self.assertIn("nobody/nothing", both)
        self.assertNotIn("nobody/nothing", self.stack("push", "--ignore-push-failures", "web").err)


if __name__ == "__main__":
    harness.main()
