"""Logging drivers: what docker's readers expect, each line once in files whatever dies, and no driver blocks another."""

import json
import pathlib
import socket
import threading

import harness

LINES = 20_000


class Receiver:
    """Datagrams or lines of a stream, collected on a thread."""

    def __init__(self, sock, stream=False):
        self.sock, self.got, self.stream = sock, [], stream
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            while True:
                if self.stream:
                    peer, _ = self.sock.accept()
                    threading.Thread(target=self.read, args=(peer,), daemon=True).start()
                else:
                    self.got.append(self.sock.recv(1 << 20))
        except OSError:
            pass

    def read(self, peer):
        with peer, peer.makefile("rb") as lines:
            for line in lines:
                self.got.append(line)

    def texts(self):
        return [item.decode().rstrip("\n") for item in self.got]


def fields(entry):
    """A native journal entry without binary fields."""
    return dict(line.split("=", 1) for line in entry.decode().splitlines())


class LogDrivers(harness.Case):
    def up(self, logging, command, service="web", more="", **options):
        self.write("compose.yaml", f"""
name: drivers
services:
  {service}:
    image: host
    init: true
    labels: {{tier: front}}
    environment: {{COLOUR: blue}}
    command: ["sh", "-c", {json.dumps(command)}]
    volumes: ["./signal:/signal:ro"]
    logging: {logging}
{more}
""")
        (self.machine.work / "signal").mkdir(exist_ok=True)
        return self.stack("up", "-d", **options)

    def journal_path(self):
        """Where the journal would listen; /run is the tests' own."""
        path = pathlib.Path("/run/systemd/journal/socket")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        self.addCleanup(path.unlink, missing_ok=True)
        return str(path)

    def file(self, number=0):
        path = self.machine.root / "lib/stacks/drivers/containers/drivers-web-1/drivers-web-1-json.log"
        return pathlib.Path(f"{path}.{number}" if number else path)

    def entries(self):
        lines = []
        for number in range(99, -1, -1):
            lines += harness.read(self.file(number)).splitlines(keepends=True)
        if lines and not lines[-1].endswith("\n"):
            lines.pop()  # it is being written
        return [json.loads(line) for line in lines]

    def test_json_file_is_dockers(self):
        self.up("{driver: json-file, options: {labels: tier, env: COLOUR, tag: '{{.Name}}/x'}}",
                "echo 'a <b> \"c\"'; echo error >&2; printf unfinished; exec sleep 1000")
        harness.wait_until(lambda: len(self.entries()) >= 2, "two lines")
        self.stack("stop", "-t", "1")
        by_log = {entry["log"]: entry for entry in harness.wait_until(
            lambda: len(self.entries()) == 3 and self.entries(), "the last line, without an end")}
        self.assertEqual(set(by_log), {'a <b> "c"\n', "error\n", "unfinished"})
        self.assertEqual(by_log["error\n"]["stream"], "stderr")
        self.assertEqual(by_log["unfinished"]["stream"], "stdout")
        self.assertEqual(by_log["error\n"]["attrs"], {"tier": "front", "COLOUR": "blue", "tag": "drivers-web-1/x"})
        self.assertRegex(by_log["error\n"]["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")
        self.assertIn(r'{"log":"a \u003cb\u003e \"c\"\n","stream":"stdout","attrs":', harness.read(self.file()))
        self.assertIn("error", self.machine.log_lines("web"))
        self.stack("down")

    def test_json_file_has_each_line_once(self):
        """The supervisor is killed again and again, over many rotations."""
        m = self.machine
        rounds = 10
        each = LINES // rounds
        self.up("{driver: json-file, options: {max-size: 100k, max-file: '90'}}",
                f"i=0; while [ $$i -lt {LINES} ]; do if [ $$((i % {each})) = 0 ]; then "
                f"while [ ! -e /signal/$$((i / {each})) ]; do sleep 0.02; done; fi; echo $$i; i=$$((i + 1)); done; "
                "echo end; exec sleep 1000")
        for number in range(rounds):
            old = m.supervisor("drivers")
            (m.work / "signal" / str(number)).touch()
            # In the middle of the round's lines, not before the first.
            harness.wait_until(lambda: len(self.entries()) > number * each, "lines of this round")
            harness.kill(old)
            harness.wait_until(lambda: m.ours("stack-supervisor", "drivers") not in ([], [old]), "another supervisor")

        def all_there():
            logs = [entry["log"] for entry in self.entries()]
            return logs if logs and logs[-1] == "end\n" else None

        logs = harness.wait_until(all_there, "the last line", 60)
        self.assertEqual(logs, [f"{i}\n" for i in range(LINES)] + ["end\n"])
        self.assertTrue(self.file(5).exists(), "rotated")
        self.stack("down")

    def test_journald(self):
        path = self.journal_path()
        m = self.machine
        self.up("{driver: journald, options: {labels: tier}}",
                "echo one; echo two >&2; while [ ! -e /signal/go ]; do sleep 0.02; done; echo three; exec sleep 1000",
                more="""
  other:
    image: host
    init: true
    command: ["sh", "-c", "echo mine; exec sleep 1000"]
""")
        # Nobody listens yet: nothing is held up, and nothing is lost.
        harness.wait_until(lambda: m.log_lines("other") == ["mine"], "the other service's log")
        harness.wait_until(lambda: m.log_lines("web") == ["one", "two"], "its own log")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.bind(path)
            journal = Receiver(sock)
            harness.wait_until(lambda: len(journal.got) == 2, "what had been printed before")
            old = m.supervisor("drivers")
            harness.kill(old)
            (m.work / "signal/go").touch()
            harness.wait_until(lambda: len(journal.got) >= 3, "what came later")
            by_text = {fields(entry)["MESSAGE"]: fields(entry) for entry in journal.got}
            self.assertEqual(set(by_text), {"one", "two", "three"})
            self.assertEqual((by_text["one"]["PRIORITY"], by_text["two"]["PRIORITY"]), ("6", "3"))
            for name, value in {"CONTAINER_NAME": "drivers-web-1", "CONTAINER_TAG": "drivers-web-1",
                                "SYSLOG_IDENTIFIER": "drivers-web-1", "IMAGE_NAME": "host", "TIER": "front"}.items():
                self.assertEqual(by_text["one"].get(name), value, by_text["one"])
            self.stack("down")

    def test_syslog_over_udp(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.0.1", 5514))
            server = Receiver(sock)
            self.up("{driver: syslog, options: {syslog-address: 'udp://127.0.0.1:5514', syslog-facility: local3, "
                    "syslog-format: rfc5424micro, tag: '{{.Name}}'}}", "echo one; echo two >&2; exec sleep 1000")
            harness.wait_until(lambda: len(server.got) == 2, "two messages")
            one, two = sorted(server.texts(), key=lambda text: text[-3:])
            self.assertRegex(one, r"^<158>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\S+ \S+ drivers-web-1 \d+ drivers-web-1 - one$")
            self.assertRegex(two, r"^<155>1 .* - two$")
            self.stack("down")

    def test_syslog_over_tcp_survives_its_server(self):
        m = self.machine

        def listen():
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(("127.0.0.1", 5515))
            sock.listen()
            return sock

        with listen() as sock:
            first = Receiver(sock, stream=True)
            self.up("{driver: syslog, options: {syslog-address: 'tcp://localhost:5515', syslog-format: rfc3164}}",
                    "echo one; for n in 1 2; do while [ ! -e /signal/$$n ]; do sleep 0.02; done; echo after $$n; done; "
                    "exec sleep 1000")
            harness.wait_until(lambda: len(first.got) == 1, "the first message")
            self.assertRegex(first.texts()[0], r"^<30>\w{3} [ \d]\d \d\d:\d\d:\d\d \S+ drivers-web-1\[\d+\]: one$")
            old = m.supervisor("drivers")
            harness.kill(old)
            (m.work / "signal/1").touch()
            harness.wait_until(lambda: any("after 1" in text for text in first.texts()), "from the next supervisor")
            self.assertEqual(len([text for text in first.texts() if text.endswith(": one")]), 1)
        self.stack("down")

    def test_none_keeps_nothing(self):
        self.up("{driver: none}", f"i=0; while [ $$i -lt {LINES} ]; do echo $$i; i=$$((i + 1)); done; exit 5")
        harness.wait_until(lambda: self.machine.container("drivers-web-1")["ExitCode"] == 5, "its end")
        self.assertEqual(self.machine.log_lines("web"), [])
        self.stack("down")

    def test_non_blocking_drops_and_counts(self):
        """Nobody takes them: of a driver that does not block, so much waits and no more."""
        m = self.machine
        self.up("{driver: journald, options: {mode: non-blocking, max-buffer-size: 4k, max-size: 16k, max-file: '2'}}",
                f"i=0; while [ $$i -lt {LINES} ]; do echo line $$i; i=$$((i + 1)); done; echo end; exec sleep 1000")
        harness.wait_until(lambda: "end" in m.log_lines("web"), "the last line: the container was not held up", 60)
        row = harness.wait_until(
            lambda: m.container("drivers-web-1")["LogDropped"] > LINES // 2 and m.container("drivers-web-1"), "a count")
        self.assertLess(row["LogDropped"], LINES + 1)
        self.assertRegex(self.stack("logs", "web").err, r"web-1: \d+ lines were not delivered")
        self.stack("down")

    def test_blocking_holds_the_container(self):
        """Nobody takes them, and nothing may be lost: the container waits once the raw files are full."""
        m = self.machine
        self.up("{driver: journald, options: {max-size: 16k, max-file: '2'}}",
                f"i=0; while [ $$i -lt 40000 ]; do echo line $$i; i=$$((i + 1)); done; echo end; exec sleep 1000")
        log = m.root / "lib/stacks/drivers/supervisor.log"
        harness.wait_until(lambda: "the container waits until there is room" in harness.read(log), "that it waits")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.bind(self.journal_path())
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            journal = Receiver(sock)
            harness.wait_until(lambda: journal.got and b"MESSAGE=end\n" in journal.got[-1], "the last line", 120)
            texts = [fields(entry)["MESSAGE"] for entry in journal.got]
            self.assertEqual(texts, [f"line {i}" for i in range(40000)] + ["end"])
            self.stack("down")

    def test_mistakes_are_named_with_their_place(self):
        self.write("compose.yaml", """
name: drivers
services:
  web:
    image: host
    logging:
      driver: jurnald
      options: {max-size: big}
""")
        self.assert_fails("up", "-d", match=[
            r"compose.yaml:7:15: error: service web: logging: there is no driver 'jurnald'", "did you mean 'journald'",
            r"compose.yaml:8:27: error: service web: logging: max-size: 'big' is not a size"])


if __name__ == "__main__":
    harness.main()
