"""create, attach, stats, events, volumes, and what ps and ls select."""

import json
import os
import pty
import select
import signal
import time

import harness

FILE = """
name: show
services:
  web:
    image: host
    command: ["sh", "-c", "while read line; do echo \\"<$$line>\\"; [ \\"$$line\\" = end ] && exit 4; done"]
    stdin_open: true
    labels: {tier: front}
    mem_limit: 256m
  db:
    image: host
    command: ["sleep", "1000"]
    init: true
    volumes: ["data:/data"]
volumes:
  data:
    labels: {kept: "yes"}
"""


class Commands(harness.Case):
    def setUp(self):
        super().setUp()
        self.write("compose.yaml", FILE)

    def state(self, name):
        return self.machine.container(name)["State"]

    def test_create(self):
        m = self.machine
        self.stack("create", "--scale", "db=2")
        self.assertEqual({row["Name"]: row["State"] for row in m.ps("-a")},
                         {"show-web-1": "created", "show-db-1": "created", "show-db-2": "created"})
        self.assertEqual(m.ps(), [])
        self.assertEqual(self.stack("reconcile").out, "", "what was never started is no drift")
        self.stack("start", "db")
        self.assertEqual((self.state("show-db-1"), self.state("show-web-1")), ("running", "created"))
        before = m.init("show-db-1")
        self.stack("create", "--scale", "db=2", "--no-recreate")
        self.assertEqual(m.init("show-db-1"), before)
        self.stack("down", "-v", "-t", "0")

    def test_attach(self):
        m = self.machine
        self.stack("up", "-d")
        child = m.spawn("attach", "web", stdin=-1)
        child.stdin.write("one\n")
        child.stdin.flush()
        self.assertEqual(child.stdout.readline(), "<one>\n")
        child.stdin.write("end\n")
        child.stdin.flush()
        self.assertEqual(child.wait(30), 4, "its exit code")
        self.assertIn("<end>", child.stdout.read())
        self.assert_fails("attach", "web", match="does not run")
        self.assert_fails("attach", "nothing", match="no such service")
        self.assert_fails("attach", "--detach-keys", "nonsense", "db", match="detach-keys")
        child = m.spawn("attach", "--no-stdin", "db")
        harness.wait_until(lambda: "attach" in " ".join(harness.command_line(child.pid)), "its start")
        self.stack("stop", "-t", "5", "db")
        self.assertEqual(child.wait(30), 143)
        self.stack("down", "-v", "-t", "0")

    def test_attach_a_terminal(self):
        self.write("compose.yaml", FILE.replace("stdin_open: true", "stdin_open: true\n    tty: true"))
        self.stack("up", "-d", "web")
        pid, master = pty.fork()
        if pid == 0:
            os.chdir(self.machine.work)
            os.execve(harness.STACK, [harness.STACK, "attach", "web"], {**self.machine.env, "TERM": "xterm"})
        self.addCleanup(os.close, master)
        seen = b""
        deadline = time.monotonic() + 30
        while b"<typed>" not in seen:
            self.assertLess(time.monotonic(), deadline, seen)
            os.write(master, b"typed\n")
            while select.select([master], [], [], 0.3)[0]:
                seen += os.read(master, 65536)
        os.write(master, b"\x10\x11")
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)
        self.assertEqual(self.state("show-web-1"), "running", "let go of, not ended")
        self.stack("down", "-v", "-t", "0")

    def test_stats(self):
        self.stack("up", "-d")
        self.stack("exec", "-d", "db", "sh", "-c", "while :; do :; done")
        lines = self.stack("stats", "--no-stream").out.splitlines()
        self.assertRegex(lines[0], r"^CONTAINER ID +NAME +CPU % +MEM USAGE / LIMIT +MEM % +NET I/O +BLOCK I/O +PIDS$")
        self.assertEqual(len(lines), 3)
        web = json.loads(self.stack("stats", "--no-stream", "--format", "json", "web").out)
        self.assertEqual(web["Name"], "show-web-1")
        self.assertRegex(web["MemUsage"], r"^[0-9.]+(B|[KM]iB) / 256MiB$")
        self.assertEqual(web["PIDs"], "1")
        cpu = self.stack("stats", "--no-stream", "--format", "{{.CPUPerc}}", "db").out.strip()
        self.assertGreater(float(cpu.rstrip("%")), 1.0)
        before = self.stack("stats", "--no-stream", "--format", "{{.NetIO}}", "db").out
        self.stack("exec", "-T", "db", "sh", "-c", "for i in 1 2 3; do busybox nc -w 1 show-web-1 9 </dev/null; done; true")
        self.assertNotEqual(self.stack("stats", "--no-stream", "--format", "{{.NetIO}}", "db").out, before)
        self.stack("stop", "-t", "0", "web")
        self.assertEqual(len(self.stack("stats", "--no-stream", "--no-trunc").out.splitlines()), 2)
        self.assertEqual(len(self.stack("stats", "--no-stream", "-a").out.splitlines()), 3)
        self.assert_fails("stats", "--no-stream", "--format", "{{.Nonsense}}", match="Nonsense.*\n.*\\.Name")
        child = self.machine.spawn("stats", "--format", "json", "db")
        self.assertIn("show-db-1", child.stdout.readline())
        self.assertIn("show-db-1", child.stdout.readline())
        child.send_signal(signal.SIGINT)
        self.assertEqual(child.wait(30), 0)
        self.stack("down", "-v", "-t", "0")

    def events(self, *args):
        out = self.stack("events", "--json", "--since", "1h", "--until", "0s", *args).out
        return [json.loads(line) for line in out.splitlines()]

    def actions(self, name):
        return [each["action"] for each in self.events() if each["id"] == name]

    def test_events(self):
        m = self.machine
        follower = m.spawn("events")  # nothing is there yet
        self.stack("up", "-d")
        self.stack("pause", "db")
        self.stack("unpause", "db")
        self.stack("kill", "-s", "HUP", "db")
        harness.wait_until(lambda: self.state("show-db-1") == "exited", "its end")
        harness.kill(m.supervisor("show"))
        m.supervisor("show")
        self.stack("start", "db")
        self.stack("stop", "-t", "5", "db")
        self.stack("exec", "-T", "web", "true")
        self.stack("kill", "web")
        self.assertEqual(self.actions("show-db-1"), ["create", "start", "pause", "unpause", "kill", "die", "start",
                                                     "kill", "die", "stop"])
        died = [each for each in self.events("web") if each["action"] == "die"]
        self.assertEqual(len(died), 1)
        self.assertEqual((died[0]["service"], died[0]["type"]), ("web", "container"))
        self.assertEqual(died[0]["attributes"], {"exitCode": "137", "signal": "9", "image": "host",
                                                 "name": "show-web-1", "tier": "front"})
        hup = [each for each in self.events("db") if each["action"] == "die"][0]
        self.assertEqual(hup["attributes"]["exitCode"], "129")
        # A torn last line, as a full disk leaves it, is nobody's event and hides none.
        journal = m.root / "lib/stacks/show/events"
        with journal.open("a") as file:
            file.write('{"time":17,"action":"torn","conta')
        count = len(self.events())
        harness.kill(m.supervisor("show")) if m.ours("stack-supervisor", "show") else None
        self.stack("start", "db")
        self.assertEqual([each["action"] for each in self.events()][count:], ["start"])
        self.stack("down", "-v", "-t", "0")
        harness.wait_until(lambda: not (m.root / "lib/stacks/show").exists(), "the end of all")
        self.stack("up", "-d", "db")
        seen = ""
        deadline = time.monotonic() + 30
        while "destroy show-db-1" not in seen or "create show-db-1" not in seen.split("destroy show-db-1")[1]:
            self.assertLess(time.monotonic(), deadline, seen)
            if select.select([follower.stdout], [], [], 0.5)[0]:
                seen += os.read(follower.stdout.fileno(), 65536).decode()
        follower.send_signal(signal.SIGINT)
        self.assertEqual(follower.wait(30), 130)
        self.assertRegex(seen, r"(?m)^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6} container create show-web-1 "
                               r"\(image=host, name=show-web-1, tier=front\)$")
        self.assert_fails("events", "--since", "soonish", match="soonish")
        self.stack("down", "-v", "-t", "0")

    def test_volumes(self):
        self.stack("up", "-d")
        self.assertEqual(self.stack("volumes").out, "DRIVER    VOLUME NAME\nlocal     show_data\n")
        self.assertEqual(self.stack("volumes", "-q", "db").out, "show_data\n")
        self.assertEqual(self.stack("volumes", "-q", "web").out, "")
        row = json.loads(self.stack("volumes", "--format", "json").out)
        self.assertEqual((row["Name"], row["Labels"]), ("show_data", "kept=yes"))
        self.assertEqual(self.stack("volumes", "--format", "{{.Mountpoint}}").out.strip(),
                         str(self.machine.root / "lib/volumes/show_data/_data"))
        self.stack("volume", "create", "--label", "a=b", "loose")
        self.assertEqual(json.loads(self.stack("volume", "inspect", "loose").out)[0]["Labels"], {"a": "b"})
        self.assertEqual(json.loads(self.stack("volume", "inspect", "show_data").out)[0]["Labels"], {"kept": "yes"})
        self.stack("volume", "rm", "loose")
        for noun in ("network", "volume", "image"):
            result = self.stack(noun, check=False)
            self.assertIn("Usage", result.err + result.out)
        self.stack("down", "-v", "-t", "0")

    def test_ps_and_ls(self):
        self.stack("up", "-d")
        self.stack("stop", "-t", "0", "web")
        names = lambda *args: self.stack("ps", "-q", *args).out.split()
        self.assertEqual(names(), ["show-db-1"])
        self.assertEqual(names("--status", "exited"), ["show-web-1"])
        self.assertEqual(names("--filter", "status=running"), ["show-db-1"])
        self.assertEqual(names("--status", "running", "--status", "exited"), ["show-db-1", "show-web-1"])
        self.assert_fails("ps", "--status", "nonsense", match="nonsense")
        self.assert_fails("ps", "--filter", "name=x", match="name=x")
        self.assertEqual(self.stack("ls", "-q", "--filter", "name=ho").out, "show\n")
        self.assertEqual(self.stack("ls", "-q", "--filter", "name=other").out, "")
        self.assert_fails("ls", "--filter", "x=y", match="x=y")
        self.stack("kill", "--remove-orphans", "db")
        done = self.stack("wait", "--down-project", "db", check=False)
        self.assertIn("exited with status code 137", done.out)
        self.assertEqual(self.stack("ls", "-a", "-q").out, "")
        self.stack("down", "-v")


if __name__ == "__main__":
    harness.main()
