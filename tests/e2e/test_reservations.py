"""A published port is held: whoever else wants it is told so, while traffic goes the kernel's way all the same."""

import json
import socket
import subprocess
import sys

import harness

FILE = """
name: held
services:
  web:
    image: host
    init: true
    command: ["busybox", "httpd", "-f", "-p", "80", "-h", "/www"]
    volumes: ["./www:/www:ro"]
    ports: [{ports}]
"""
# Binds tcp 0.0.0.0:PORT without a pause; says once that it is at work, and how often it got the port.
SIEGE = """
import select, socket, sys
port, got, told = int(sys.argv[1]), 0, False
while not select.select([sys.stdin], [], [], 0)[0]:
    s = socket.socket()
    try:
        s.bind(("0.0.0.0", port)); got += 1
    except OSError:
        pass
    s.close()
    if not told:
        print("at work", flush=True); told = True
print(got, flush=True)
"""


def can_bind(port, address="0.0.0.0", kind=socket.SOCK_STREAM, reuse=False, listen=False):
    with socket.socket(socket.AF_INET, kind) as fd:
        if reuse:
            fd.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            fd.bind((address, port))
            if listen:
                fd.listen()
        except OSError:
            return False
        return True


def becomes_free(port, **options):
    harness.wait_until(lambda: can_bind(port, **options), f"port {port} is free", 5)


class Reservations(harness.Case):
    def up(self, *ports):
        self.write("www/index.html", "page")
        self.write("compose.yaml", FILE.format(ports=", ".join(f'"{port}"' for port in ports)))
        return self.stack("up", "-d")

    def steps(self):
        return json.loads(self.stack("plan", "--format", "json").out)["steps"]

    def answers(self, url):
        self.assertEqual(harness.get_soon(url), "page")

    def neighbour_gets(self, url):
        shown = harness.wait_until(
            lambda: self.machine.neighbour("busybox", "wget", "-q", "-O", "-", url, check=False), f"an answer from {url}", 10)
        self.assertEqual(shown, "page")

    def test_nobody_else_gets_it(self):
        self.up("8080:80", f"{harness.HOST_V4}:8081:80", "127.0.0.1:8082:80", "5300:53/udp")
        for reuse in (False, True):
            for address in ("0.0.0.0", "127.0.0.1", harness.HOST_V4):
                self.assertFalse(can_bind(8080, address, reuse=reuse, listen=True), address)
                self.assertFalse(can_bind(5300, address, socket.SOCK_DGRAM, reuse), address)
            self.assertFalse(can_bind(8081, harness.HOST_V4, reuse=reuse))
            self.assertFalse(can_bind(8082, "127.0.0.1", reuse=reuse))
        self.assertTrue(can_bind(8081, "127.0.0.1"), "another address")
        self.assertTrue(can_bind(8082, harness.HOST_V4))
        # Both ways lead to the container all the same.
        self.answers("http://127.0.0.1:8080/")
        self.answers(f"http://{harness.HOST_V4}:8080/")
        self.answers(f"http://{harness.HOST_V4}:8081/")
        self.answers("http://127.0.0.1:8082/")
        self.neighbour_gets(f"http://{harness.HOST_V4}:8080/")
        self.neighbour_gets(f"http://{harness.HOST_V4}:8081/")
        self.assertEqual(self.steps(), [])
        # Another stack is told whose it is.
        self.write("other/compose.yaml", FILE.format(ports='"8080:80", "5300:53/udp"').replace("held", "other")
                   .replace("./www", str(self.machine.work / "www")))
        self.assert_fails("up", "-d", cwd=self.machine.work / "other",
                          match=["port 8080/tcp is taken by stack held", "port 5300/udp is taken by stack held"])
        self.stack("down", "-t", "1")
        becomes_free(8080, listen=True)
        becomes_free(5300, kind=socket.SOCK_DGRAM)

    def test_a_changed_port_moves_in_place(self):
        self.up("8080:80")
        before = self.machine.init("held-web-1")
        self.up("127.0.0.1:8080:80", "8090:80")
        self.assertEqual(self.machine.init("held-web-1"), before)
        self.assertFalse(can_bind(8080, "127.0.0.1"))
        self.assertTrue(can_bind(8080, harness.HOST_V4))
        self.assertFalse(can_bind(8090))
        self.up("8080:80")
        self.assertFalse(can_bind(8080, harness.HOST_V4))
        becomes_free(8090)
        self.assertEqual(self.machine.init("held-web-1"), before)
        self.stack("down", "-t", "1")

    def test_held_while_supervisors_come_and_go(self):
        self.up("8080:80")
        m = self.machine
        siege = subprocess.Popen([sys.executable, "-c", SIEGE, "8080"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        m.children.append(siege)
        self.assertEqual(siege.stdout.readline(), "at work\n")
        for role in ("supervisor", "supervisor", "keeper", "supervisor"):
            old = getattr(m, role)("held")
            harness.kill(old)
            harness.wait_until(lambda: getattr(m, role)("held") != old, f"another {role}")
            harness.wait_until(lambda: self.stack("ps", check=False).code == 0 and self.stack("up", "-d", check=False).code == 0, "it serves")
        out, _ = siege.communicate("\n", timeout=30)
        self.assertEqual(out, "0\n", "how often somebody else got it")
        # Both at once: the next command brings them back.
        keeper, supervisor = m.keeper("held"), m.supervisor("held")
        harness.kill(keeper, harness.signal.SIGSTOP)
        harness.kill(supervisor)
        harness.kill(keeper)
        becomes_free(8080)
        self.stack("reconcile")
        self.assertFalse(can_bind(8080))
        self.stack("down", "-t", "1")

    def test_one_that_could_not_be_had_is_had_later(self):
        # Bound and silent: nothing lists it, and the kernel leads callers on in spite of it.
        with socket.socket() as thief:
            thief.bind(("0.0.0.0", 8080))
            self.up("8080:80")
            self.answers("http://127.0.0.1:8080/")
            log = self.machine.root / "lib/stacks/held/supervisor.log"
            harness.wait_until(lambda: "0.0.0.0:8080/tcp" in harness.read(log), "it to be given up", 30)
        before = self.machine.init("held-web-1")
        self.assertIn("0.0.0.0:8080/tcp", self.stack("plan").out)
        self.assertIn("0.0.0.0:8080/tcp", self.stack("reconcile").out)
        self.assertFalse(can_bind(8080))
        self.assertEqual(self.steps(), [])
        self.assertEqual(self.machine.init("held-web-1"), before)
        self.stack("down", "-t", "1")

    def test_a_range_of_hundreds(self):
        self.up("20000-20599:1000-1599", "8080:80")
        m = self.machine
        for port in (20000, 20300, 20599, 8080):
            self.assertFalse(can_bind(port), port)
        old = m.supervisor("held")
        harness.kill(old)
        harness.wait_until(lambda: m.supervisor("held") != old, "another supervisor")
        self.assertEqual(self.steps(), [])
        self.assertFalse(can_bind(20599))
        self.answers("http://127.0.0.1:8080/")
        self.up("8080:80")
        becomes_free(20300)
        self.stack("down", "-t", "1")


if __name__ == "__main__":
    harness.main()
