"""What is wrong is named, with its place, by one error; nothing is changed by it."""

import os
import signal
import socket
import subprocess

import harness

GOOD = """
  good:
    image: host
    command: ["sleep", "1000"]
    stop_grace_period: 1s
"""

# (what, the file from `services:` on, what the error must say). All are found before anything is made.
BEFORE = {
    "missing image": ("  a: {image: 'dir:./nowhere', command: [x]}\n", [r"compose\.yaml:\d+:\d+", "nowhere"]),
    "registry image": ("  a: {image: 'nginx:1.27', command: [x]}\n", [r"compose\.yaml:\d+:\d+", "nginx"]),
    "missing env_file": ("  a: {image: host, command: [x], env_file: none.env}\n", [r"compose\.yaml:\d+:\d+", r"none\.env"]),
    "undefined network": ("  a: {image: host, command: [x], networks: [nowhere]}\n", [r"compose\.yaml:\d+:\d+", "nowhere"]),
    "undefined volume": ("  a: {image: host, command: [x], volumes: ['nothing:/data']}\n", [r"compose\.yaml:\d+:\d+", "nothing"]),
    "undefined service": ("  a: {image: host, command: [x], depends_on: [nobody]}\n", [r"compose\.yaml:\d+:\d+", "nobody"]),
    "cycle": ("  a: {image: host, command: [x], depends_on: [b]}\n  b: {image: host, command: [x], depends_on: [a]}\n",
              [r"compose\.yaml:\d+:\d+", r"a\b.*b\b|b\b.*a\b"]),
    "duplicate key": ("  a:\n    image: host\n    command: [x]\n    image: host\n", [r"compose\.yaml:\d+:\d+", "image"]),
    "bad port": ("  a: {image: host, command: [x], ports: ['80:99999']}\n", [r"compose\.yaml:\d+:\d+", "99999"]),
    "not YAML": ("  a: {image: host\n", [r"compose\.yaml:\d+:\d+"]),
    "bad duration": ("  a: {image: host, command: [x], stop_grace_period: soon}\n", [r"compose\.yaml:\d+:\d+", "soon"]),
    "unset required variable": ("  a: {image: host, command: ['${MUST_BE_SET:?say it}']}\n", [r"compose\.yaml:\d+:\d+", "say it"]),
}

# Found only when the container starts: the others run, this one is named.
AT_START = {
    "no such program": ("command: [no-such-program]", ["no-such-program"]),
    "no such user": ("command: [sleep, '1']\n    user: nobody-we-know", ["nobody-we-know"]),
    "no such folder": ("command: [sleep, '1']\n    working_dir: /proc/nowhere", ["/proc/nowhere"]),
}


class BadInput(harness.Case):
    def test_before_anything_is_made(self):
        before = self.machine.snapshot()
        for what, (services, patterns) in BEFORE.items():
            with self.subTest(what):
                self.write("compose.yaml", "name: bad\nservices:\n" + GOOD.lstrip("\n") + services)
                self.assert_fails("up", "-d", match=patterns)
                self.machine.unchanged(before)

    def test_unreadable_and_missing_files(self):
        self.assert_fails("up", "-d", match="compose.yaml|no .*file")
        self.assert_fails("-f", "none.yaml", "config", match=r"none\.yaml")
        (self.machine.work / "folder.yaml").mkdir()
        self.assert_fails("-f", "folder.yaml", "config", match=r"folder\.yaml")

    def test_keys_without_effect(self):
        """A key of Compose that has no effect here yet warns once; a key that nobody has is an error."""
        self.write("compose.yaml", "name: odd\nservices:\n" + GOOD + "    pid: host\n")
        result = self.stack("up", "-d")
        self.assertEqual(result.err.count("pid has no effect"), 1, str(result))
        self.assertRegex(result.err, r"compose\.yaml:\d+:\d+: warning")
        self.stack("down")
        self.write("compose.yaml", "name: odd\nservices:\n" + GOOD + "    no_such_key: 1\n")
        self.assert_fails("up", "-d", match=r"compose\.yaml:\d+:\d+: error: .*no_such_key")

    def test_half_made_and_half_removed(self):
        """What got no further than its network, and what an interrupted `down` left, is found by the next `down`."""
        self.write("compose.yaml", f"""
name: half
services:
{GOOD}
  sick: {{image: host, command: [sleep, "1000"], stop_grace_period: 0s,
         healthcheck: {{test: ["CMD", "false"], interval: 100ms, retries: 1}}}}
  a: {{image: host, command: [sleep, "1000"], depends_on: {{sick: {{condition: service_healthy}}}}}}
  b: {{image: host, command: [sleep, "1000"], depends_on: {{sick: {{condition: service_healthy}}}}}}
""")
        self.assert_fails("up", "-d", match=["half-a-1, half-b-1", "half-sick-1 is unhealthy"])
        self.assert_fails("up", "-d", "a", match="half-sick-1 is unhealthy")  # knows nothing of b
        self.stack("down")
        self.assert_no_leaks()
        self.write("compose.yaml", "name: half\nservices:\n" + GOOD.replace("1s", "600s").replace(
            '["sleep", "1000"]', '["sh", "-c", "trap : TERM; while :; do sleep 0.05; done"]'))
        self.stack("up", "-d")
        down = self.machine.spawn("down", "-t", "2")
        harness.wait_until(lambda: "Stopping" in down.stdout.readline(), "the stop")
        down.send_signal(signal.SIGINT)
        self.assertEqual(down.wait(60), 130)
        self.assertIn("Network half_default", self.stack("down").err)

    def test_output_that_cannot_be_written(self):
        self.write("compose.yaml", "name: full\nservices:\n" + GOOD)
        with open("/dev/full", "w") as full:
            config = self.machine.spawn("config", stdout=full, stderr=subprocess.PIPE)
            self.assertIn("standard output", config.communicate(timeout=30)[1])
        self.assertEqual(config.returncode, 1)
        closed = subprocess.run(["sh", "-c", f"{harness.STACK} up -d <&- >&- 2>&-"], cwd=self.machine.work,
                                env=self.machine.env, check=False, timeout=60)
        self.assertEqual(closed.returncode, 0)
        self.assertEqual(len(self.machine.ps()), 1)
        self.stack("down")

    def test_at_start(self):
        m = self.machine
        for what, (setting, patterns) in AT_START.items():
            with self.subTest(what):
                self.write("compose.yaml", f"name: bad\nservices:\n{GOOD}  a:\n    image: host\n    {setting}\n")
                result = self.assert_fails("up", "-d", match=patterns)
                self.assertRegex(result.err, r"\ba\b|bad-a-1")
                self.assertEqual([row["Service"] for row in m.ps()], ["good"], "the others run")
                init = m.init("bad-good-1")
                # Mended, the same command converges and leaves the others alone.
                self.write("compose.yaml", f"name: bad\nservices:\n{GOOD}  a:\n    image: host\n"
                           "    command: [sleep, '1000']\n    stop_grace_period: 1s\n")
                self.stack("up", "-d")
                self.assertEqual(sorted(row["Service"] for row in m.ps()), ["a", "good"])
                self.assertEqual(m.init("bad-good-1"), init)
                self.stack("down")
                self.assert_no_leaks()

    def test_read_only_root(self):
        """A program that writes to its read-only root fails, and its last lines say why."""
        self.write("compose.yaml", f"""
name: ro
services:
{GOOD}
  writer:
    image: host
    read_only: true
    command: ["sh", "-c", "echo trying; echo x > /data"]
""")
        result = self.stack("up", "-d", "--wait", check=False)
        self.assertEqual(result.code, 1, str(result))
        self.assertIn("Read-only file system", result.err)
        self.assertEqual([row["Service"] for row in self.machine.ps()], ["good"])
        self.stack("down")

    def test_dependants_of_a_failure_do_not_start(self):
        self.write("compose.yaml", f"""
name: chain
services:
{GOOD}
  first:
    image: host
    command: ["sh", "-c", "echo giving up >&2; exit 3"]
  second:
    image: host
    command: ["sleep", "1000"]
    depends_on: {{first: {{condition: service_completed_successfully}}}}
""")
        result = self.assert_fails("up", "-d", match=["first", "3"])
        self.assertIn("giving up", result.err)
        self.assertEqual([row["Service"] for row in self.machine.ps()], ["good"])
        self.stack("down")

    def test_port_taken(self):
        before = self.machine.snapshot()
        self.write("compose.yaml", "name: taken\nservices:\n  web: {image: host, command: [sleep, '1'], ports: ['8080:80']}\n")
        with socket.create_server(("0.0.0.0", 8080)):
            result = self.assert_fails("up", "-d", match=["8080", "python"])
            self.assertIn(str(os.getpid()), result.err)
        self.machine.unchanged(before)
        self.write("other.yaml", "name: holder\nservices:\n  web: {image: host, command: [sleep, '1000'],"
                   " ports: ['8080:80'], stop_grace_period: 1s}\n")
        self.stack("-f", "other.yaml", "up", "-d")
        self.assert_fails("up", "-d", match=["8080", "holder"])
        self.stack("-f", "other.yaml", "down")

    def test_forward_policy_of_somebody_else(self):
        nft = lambda text: harness.run("nft", *text.split())
        nft("add table ip filter")
        nft("add chain ip filter FORWARD { type filter hook forward priority 0 ; policy drop ; }")
        self.addCleanup(harness.run, "nft", "delete", "table", "ip", "filter", check=False)
        before = self.machine.snapshot()
        self.write("compose.yaml", "name: fw\nservices:\n  web: {image: host, command: [sleep, '1000'], ports: ['8080:80']}\n")
        self.assert_fails("up", "-d", match=["FORWARD"])
        self.machine.unchanged(before)
        nft("delete table ip filter")

    def test_usage(self):
        for arguments in (["no-such-command"], ["up", "--no-such-flag"], ["exec", "web"]):
            result = self.stack(*arguments, check=False)
            self.assertNotEqual(result.code, 0, str(result))
            self.assertTrue(result.err.strip())


if __name__ == "__main__":
    harness.main()
