"""`up` without -d, on a terminal: follows the logs, Ctrl-C stops, a second one kills."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time

import harness


class Terminal:
    """The program on a pty of its own, as its controlling terminal."""

    def __init__(self, machine, *args, size=(40, 120)):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
        self.text = ""

        def own_terminal():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.child = subprocess.Popen(
            [harness.STACK, *args], stdin=slave, stdout=slave, stderr=slave, cwd=machine.work,
            env={**machine.env, "TERM": "xterm"}, preexec_fn=own_terminal)
        os.close(slave)
        machine.children.append(self.child)

    def pump(self):
        while select.select([self.master], [], [], 0)[0]:
            try:
                data = os.read(self.master, 65536)
            except OSError:
                return
            if not data:
                return
            self.text += data.decode(errors="replace")

    def wait_for(self, text, timeout=30):
        def there():
            self.pump()
            return text in self.text

        try:
            harness.wait_until(there, repr(text), timeout)
        except AssertionError:
            raise AssertionError(f"{text!r} did not come; the terminal shows:\n{self.text}") from None

    def type(self, data):
        os.write(self.master, data)

    def wait(self, timeout=60):
        def ended():
            self.pump()
            return self.child.poll() is not None

        harness.wait_until(ended, "the end of the program", timeout)
        os.close(self.master)
        return self.child.returncode


FILE = """
name: front
services:
  talk:
    image: host
    command: ["sh", "-c", "trap 'echo bye; exit 0' TERM; echo hello from inside; while :; do sleep 0.05; done"]
    ports: ["8080:80"]
  deaf:
    image: host
    command: ["sh", "-c", "trap '' TERM; echo deaf is ready; while :; do sleep 0.05; done"]
    stop_grace_period: {grace}
    scale: {deaf}
"""


class Foreground(harness.Case):
    def test_interrupt_stops(self):
        self.write("compose.yaml", FILE.format(deaf=0, grace="1s"))
        terminal = Terminal(self.machine, "up")
        terminal.wait_for("hello from inside")
        self.assertIn("talk-1", terminal.text)
        terminal.type(b"\x03")
        self.assertIn(terminal.wait(), (0, 130), terminal.text)
        self.assertIn("bye", terminal.text, "the last words are shown")
        self.assertEqual(self.machine.ps(), [])
        self.assertEqual([row["State"] for row in self.machine.ps("-a")], ["exited"], "stopped, not removed")
        self.assertNotIn("8080", harness.run("nft", "list", "ruleset"), "its port is free")
        self.stack("up", "-d")
        self.assertEqual(len(self.machine.ps()), 1)
        self.stack("down", "-t", "1")

    def test_second_interrupt_kills(self):
        self.write("compose.yaml", FILE.format(deaf=1, grace="600s"))
        terminal = Terminal(self.machine, "up")
        terminal.wait_for("deaf is ready")
        terminal.type(b"\x03")
        terminal.wait_for("bye")
        time.sleep(0.3)  # the first one is being carried out
        self.assertIsNone(terminal.child.poll(), "waits for the deaf one")
        terminal.type(b"\x03")
        self.assertNotEqual(terminal.wait(30), None)
        self.assertEqual(self.machine.ps(), [])
        self.stack("down")

    def test_second_interrupt_kills_what_was_named(self):
        """`up SERVICE` stops that service; the others, and what is `run` beside it, are none of its business."""
        self.write("compose.yaml", FILE.format(deaf=1, grace="600s"))
        self.stack("up", "-d")
        self.stack("run", "-d", "--name", "beside", "deaf", "sleep", "1000")
        terminal = Terminal(self.machine, "up", "deaf")
        terminal.wait_for("Attaching to deaf-1")
        terminal.type(b"\x03")
        terminal.wait_for("press Ctrl+C again")
        time.sleep(0.3)
        terminal.type(b"\x03")
        self.assertNotEqual(terminal.wait(30), None)
        states = {row["Name"]: row["State"] for row in self.machine.ps("-a")}
        self.assertEqual(states, {"beside": "running", "front-talk-1": "running", "front-deaf-1": "exited"})
        self.stack("down", "-t", "0")

    def test_a_replaced_container_tells_its_lines_once(self):
        self.write("compose.yaml", FILE.format(deaf=0, grace="1s"))
        self.stack("up", "-d")
        harness.wait_until(lambda: self.machine.log_lines() == ["hello from inside"], "its line")
        self.write("compose.yaml", FILE.format(deaf=0, grace="2s").replace(
            "  talk:\n", "  talk:\n    environment: {ANEW: please}\n"))
        terminal = Terminal(self.machine, "up")
        terminal.wait_for("hello from inside")
        time.sleep(0.5)  # what was in the trash has gone, and whoever reads there looks again
        terminal.type(b"\x03")
        terminal.wait()
        self.assertEqual(terminal.text.count("hello from inside"), 1, terminal.text)
        self.stack("down")

    def test_ends_with_its_last_container(self):
        self.write("compose.yaml", "name: front\nservices:\n  once: {image: host, command: [echo, done]}\n")
        result = self.stack("up", timeout=60)
        self.assertIn("done", result.out)
        self.stack("down")

    def test_killed_terminal_and_down(self):
        """The foreground command is killed hard: the stack can be taken over or down."""
        self.write("compose.yaml", FILE.format(deaf=0, grace="1s"))
        terminal = Terminal(self.machine, "up")
        terminal.wait_for("hello from inside")
        terminal.child.kill()
        terminal.wait()
        self.stack("up", "-d")
        self.assertEqual(len(self.machine.ps()), 1)
        self.stack("down", "-t", "1")

    def test_progress_on_a_terminal(self):
        self.write("compose.yaml", FILE.format(deaf=0, grace="1s"))
        terminal = Terminal(self.machine, "up", "-d")
        self.assertEqual(terminal.wait(), 0, terminal.text)
        self.assertIn("front-talk-1", terminal.text)
        plain = self.stack("down", "-t", "1")
        self.assertNotIn("\x1b[", plain.out + plain.err, "no escapes without a terminal")

    def test_exec_on_a_terminal(self):
        self.write("compose.yaml", FILE.format(deaf=0, grace="1s"))
        self.stack("up", "-d")
        terminal = Terminal(self.machine, "exec", "talk", "sh", "-c", "stty size; tty; read x; echo got $x; exit 9",
                            size=(33, 99))
        terminal.wait_for("33 99")
        terminal.wait_for("/dev/pts/")
        terminal.type(b"words\n")
        terminal.wait_for("got words")
        self.assertEqual(terminal.wait(), 9)
        self.stack("down", "-t", "1")


if __name__ == "__main__":
    harness.main()
