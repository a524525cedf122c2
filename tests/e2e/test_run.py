"""`run`: one command in a container of its own, in every way that it can end."""

import os
import pty
import select
import signal
import time

import harness

FILE = """
name: shop
services:
  db:
    image: host
    command: ["sleep", "1000"]
    init: true
    healthcheck:
      test: ["CMD", "true"]
      interval: 1s
  web:
    image: host
    container_name: the-web
    command: ["sh", "-c", "echo the service itself"]
    restart: always
    ports: ["8080:80"]
    environment: {FROM: file, KEPT: "yes"}
    volumes: ["./www:/www:ro"]
    depends_on:
      db: {condition: service_healthy}
  tool:
    image: host
    command: ["sh", "-c", "echo tool $$0 $$1", "a", "b"]
    profiles: [tools]
"""


class Run(harness.Case):
    def setUp(self):
        super().setUp()
        self.write("compose.yaml", FILE)
        self.write("www/index.html", "served\n")

    def run_web(self, *args, **options):
        return self.stack("run", "-T", "--rm", "--no-deps", *args, **options)

    def names(self):
        return sorted(row["Name"] for row in self.machine.ps("-a"))

    def one_off(self):
        """The name of the one container that `run` made, once it runs."""
        found = [row["Name"] for row in self.machine.ps("-a") if "-run-" in row["Name"] and row["State"] == "running"]
        return found[0] if found else None

    def test_streams_and_exit_code(self):
        done = self.run_web("web", "sh", "-c", "echo out; echo err >&2; exit 7", check=False)
        self.assertEqual((done.code, done.out), (7, "out\n"), str(done))
        self.assertIn("err\n", done.err)
        self.assertEqual(self.names(), [], "removed by the time it returns")
        done = self.run_web("-q", "web", "cat", input="x" * 300_000)
        self.assertEqual((len(done.out), done.err), (300_000, ""))
        # Not by lines, not through a log of bounded size: as it is.
        done = self.run_web("web", "sh", "-c", "head -c 30000000 /dev/zero | tr '\\0' z; printf end")
        self.assertEqual((len(done.out), done.out[-4:]), (30_000_003, "zend"))
        self.assertEqual(self.run_web("--interactive=false", "web", "cat", input="unread").out, "")
        self.assertEqual(self.run_web("web").out, "the service itself\n", "the service's command")
        self.assertEqual(self.run_web("web", "/no/such", check=False).code, 127)
        self.assertEqual(self.run_web("web", "/etc/passwd", check=False).code, 126)
        self.assertEqual(self.names(), [])
        self.stack("down")

    def test_options(self):
        self.write("more.env", "FROM=env-file\nTHIRD=3\n")
        show = 'echo "$FROM $KEPT $THIRD $OURS $(id -u) $(pwd) $(cat /mnt/x)"'
        self.write("mount/x", "mounted")
        done = self.run_web("--env-from-file", "more.env", "-e", "THIRD=4", "-e", "OURS", "-u", "33", "-w", "/usr",
                            "-v", "./mount:/mnt:ro", "web", "sh", "-c", show, env={"OURS": "ours"})
        self.assertEqual(done.out, "env-file yes 4 ours 33 /usr mounted\n")
        done = self.run_web("--entrypoint", "echo 'one word'", "web")
        self.assertEqual(done.out, "one word\n")
        self.assertEqual(self.stack("run", "-T", "--rm", "tool").out, "tool a b\n", "its profile comes along")
        self.stack("run", "-d", "--no-deps", "--name", "mine", "-l", "a=b", "web", "sleep", "1000")
        row = self.machine.container("mine")
        self.assertIn("com.docker.compose.oneoff=True", row["Labels"])
        self.assertIn("a=b", row["Labels"])
        self.assertEqual(row["Ports"], "")
        self.assert_fails("run", "-d", "--name", "mine", "web", match="there is a container mine already")
        self.assert_fails("run", "nothing", match="no such service: nothing")
        self.assert_fails("run", "-v", "vol:/x", "web", match="vol.* is not defined")
        self.assert_fails("run", "-p", "80:x", "web", match="--publish")
        self.assert_fails("run", match="run needs a service")
        self.assertIn("create", self.stack("run", "--dry-run", "web", "true").out)
        self.stack("down", "-t", "0")

    def test_beside_the_service(self):
        m = self.machine
        self.write("compose.yaml", FILE.replace("echo the service itself", "sleep 1000"))
        done = self.stack("run", "-T", "--rm", "web", "true")
        self.assertRegex(done.err, r"shop-db-1  Started\n Container shop-web-run-\w+  Waiting\n", "for its health")
        self.assertEqual(self.names(), ["shop-db-1"], "what it depends on stays up; the service was not started")
        self.stack("up", "-d", "-t", "0")
        before = m.inits("shop-db-1", "the-web")
        name = self.stack("run", "-d", "web", "sleep", "1000").out.strip()
        self.assertRegex(name, r"^shop-web-run-[0-9a-f]{12}$")
        self.assertEqual(sorted(row["Name"] for row in m.ps()), ["shop-db-1", "the-web"], "no replica")
        self.assertIn(name, self.names())
        # Neither drift nor an orphan, and it outlives changes of the others.
        self.assertEqual(self.stack("plan", "--detailed-exitcode").code, 0)
        up = self.stack("up", "-d", "--remove-orphans", "--wait")
        self.assertNotIn("warning", up.err)
        one_off = m.init(name)
        self.stack("stop", "-t", "0")
        self.assertEqual(m.init(name), one_off, "stop is about the service's own")
        self.stack("up", "-d")
        self.assertEqual(m.init(name), one_off)
        self.assertNotEqual(m.inits("shop-db-1", "the-web"), before)
        self.assert_fails("run", "-P", "--rm", "-T", "web", "true", match="port 8080 is published by the-web")
        self.stack("kill", "web")
        harness.wait_until(lambda: m.container(name)["State"] == "exited", "its end")
        self.assertEqual(self.stack("reconcile").out, "")
        self.assertEqual(m.container(name)["State"], "exited", "never started again")
        self.stack("up", "-d", "--remove-orphans", "-t", "0")
        self.assertNotIn(name, self.names())
        self.stack("down", "-t", "0")

    def test_published(self):
        child = self.machine.spawn("run", "-T", "--rm", "--no-deps", "-P", "-p", "8081:80", "web", "busybox", "httpd",
                                   "-f", "-p", "80", "-h", "/www")
        self.assertEqual(harness.get_soon("http://127.0.0.1:8081/"), "served\n")
        self.assertEqual(harness.get_soon("http://127.0.0.1:8080/"), "served\n")
        # An `up` meanwhile leaves its ports alone.
        self.stack("up", "-d", "db")
        self.assertEqual(harness.get("http://127.0.0.1:8081/"), "served\n")
        self.stack("kill", "web")
        self.assertEqual(child.wait(30), 137)
        self.assertNotIn("8081", harness.run("nft", "list", "ruleset"))
        self.stack("down", "-t", "0")

    def test_signals(self):
        m = self.machine
        trap = "trap 'echo got it; exit 5' TERM; echo ready; while :; do sleep 0.05; done"
        child = m.spawn("run", "-T", "--rm", "--no-deps", "-q", "web", "sh", "-c", trap)
        self.assertEqual(child.stdout.readline(), "ready\n")
        child.send_signal(signal.SIGTERM)
        out, _ = child.communicate(timeout=30)
        self.assertEqual((child.returncode, out), (5, "got it\n"))
        # One who hears nothing is killed by the third. (A shell hears SIGINT, and may end of it with 130.)
        deaf = "trap '' INT; echo ready; exec sleep 1000"
        child = m.spawn("run", "-T", "--rm", "--no-deps", "-q", "web", "sh", "-c", deaf)
        self.assertEqual(child.stdout.readline(), "ready\n")

        def again():
            if child.poll() is None:
                child.send_signal(signal.SIGINT)
            return child.poll() is not None

        harness.wait_until(again, "its end", interval=0.2)
        self.assertEqual(child.returncode, 137)
        # Nobody reads any more.
        child = m.spawn("run", "-T", "--rm", "--no-deps", "-q", "web", "yes")
        self.assertEqual(child.stdout.readline(), "y\n")
        child.stdout.close()
        child.wait(30)
        self.assertEqual(self.names(), [])
        self.stack("down")

    def test_killed(self):
        """SIGKILL of the command, of the supervisor, of both: it goes on, and is removed when it has ended."""
        m = self.machine
        (m.work / "signal").mkdir()
        wait = "echo begun; while [ ! -e /signal/end ]; do sleep 0.02; done; echo over; exit 3"
        args = ("run", "-T", "--rm", "--no-deps", "-q", "-v", "./signal:/signal", "web", "sh", "-c", wait)
        child = m.spawn(*args)
        self.assertEqual(child.stdout.readline(), "begun\n")
        harness.kill(m.supervisor("shop"))
        name = harness.wait_until(self.one_off, "the one-off")
        m.supervisor("shop")
        (m.work / "signal/end").touch()
        out, _ = child.communicate(timeout=30)
        self.assertEqual((child.returncode, out), (3, "over\n"), "the supervisor's death went unnoticed")
        self.assertEqual(self.names(), [])

        (m.work / "signal/end").unlink()
        child = m.spawn(*args)
        self.assertEqual(child.stdout.readline(), "begun\n")
        name = harness.wait_until(self.one_off, "the one-off")
        child.kill()
        child.wait()
        self.assertEqual(m.container(name)["State"], "running")
        (m.work / "signal/end").touch()
        harness.wait_until(lambda: not self.names(), "its removal")

        (m.work / "signal/end").unlink()
        child = m.spawn(*args)
        self.assertEqual(child.stdout.readline(), "begun\n")
        harness.wait_until(self.one_off, "the one-off")
        keeper, supervisor = m.keeper("shop"), m.supervisor("shop")
        harness.kill(keeper, signal.SIGSTOP)
        harness.kill(supervisor)
        harness.kill(keeper)
        child.kill()
        child.wait()
        (m.work / "signal/end").touch()
        harness.wait_until(lambda: self.one_off() is None, "its end")
        self.stack("up", "-d", "db")
        harness.wait_until(lambda: self.names() == ["shop-db-1"], "its removal by the next supervisor")
        self.stack("down", "-t", "0")

    def terminal(self, *args):
        """A run with a terminal: (pid, master)."""
        pid, master = pty.fork()
        if pid == 0:
            os.chdir(self.machine.work)
            os.execve(harness.STACK, [harness.STACK, *args], {**self.machine.env, "TERM": "xterm"})
        self.addCleanup(os.close, master)
        return pid, master

    def read_until(self, master, text):
        seen = b""
        deadline = time.monotonic() + 30
        while text not in seen:
            self.assertLess(time.monotonic(), deadline, seen)
            if select.select([master], [], [], 0.5)[0]:
                try:
                    piece = os.read(master, 65536)
                except OSError:
                    piece = b""
                if not piece:
                    break
                seen += piece
        self.assertIn(text, seen)

    def test_terminal(self):
        pid, master = self.terminal("run", "--rm", "--no-deps", "web", "sh", "-c",
                                    "tty; stty size; read line; echo \"<$line>\"; exit 9")
        self.read_until(master, b"/dev/")
        os.write(master, b"typed\n")
        self.read_until(master, b"<typed>")
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 9)
        self.assertEqual(self.names(), [])
        # ctrl-p ctrl-q leaves it running; the supervisor removes it then.
        pid, master = self.terminal("run", "--rm", "--no-deps", "web", "sh", "-c",
                                    "echo begun; while [ ! -e /tmp/end ]; do sleep 0.02; done")
        self.read_until(master, b"begun")
        os.write(master, b"\x10\x11")
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)
        name = self.one_off()
        self.assertIsNotNone(name)
        self.stack("exec", "-T", "web", "touch", "/tmp/end")
        harness.wait_until(lambda: not self.names(), "its removal")
        self.stack("down")


if __name__ == "__main__":
    harness.main()
