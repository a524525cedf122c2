"""Names inside containers: 127.0.0.11."""

import collections
import os
import subprocess
import sys

import harness

FILE = """
name: names
services:
  web:
    image: host
    command: ["sleep", "1000"]
    stop_grace_period: 1s
    scale: 3
    networks:
      front: {{aliases: [www, shop.example]}}
  asker:
    image: host
    command: ["sleep", "1000"]
    stop_grace_period: 1s
    networks: [front]
    extra_hosts: ["fixed:192.0.2.7"]
    volumes: ["{here}:/tests:ro"]
  hidden:
    image: host
    command: ["sleep", "1000"]
    stop_grace_period: 1s
    container_name: in-the-dark
    networks: [back]
    volumes: ["{here}:/tests:ro"]
  both:
    image: host
    command: ["sleep", "1000"]
    stop_grace_period: 1s
    networks: [front, back]
  six:
    image: host
    command: ["sleep", "1000"]
    stop_grace_period: 1s
    networks: [modern]
    volumes: ["{here}:/tests:ro"]
  seven:
    image: host
    command: ["sleep", "1000"]
    stop_grace_period: 1s
    networks: [modern]
networks:
  front:
  back: {{internal: true}}
  modern: {{enable_ipv6: true}}
"""


class Dns(harness.Case):
    def setUp(self):
        super().setUp()
        self.write("compose.yaml", FILE.format(here=harness.HERE))

    def ask(self, service, name, *args, check=True):
        """One query to 127.0.0.11 with tests/e2e/query.py: (rcode, [addresses])."""
        out = self.stack("exec", "-T", service, "python3", "-B", "/tests/query.py", *args, name, check=check).out
        words = out.split()
        return words[0], words[1:]

    def hosts(self, service, name):
        out = self.stack("exec", "-T", service, "getent", "ahostsv4", name, check=False).out
        return sorted({line.split()[0] for line in out.splitlines()})

    def test_names(self):
        self.stack("up", "-d")
        code, addresses = self.ask("asker", "web")
        self.assertEqual((code, len(set(addresses))), ("NOERROR", 3))
        for name in ("www", "shop.example", "WEB"):
            self.assertEqual(set(self.ask("asker", name)[1]), set(addresses), name)
        firsts = collections.Counter(self.ask("asker", "web")[1][0] for _ in range(12))
        self.assertGreater(len(firsts), 1, "the answers rotate")
        self.assertEqual(len(self.ask("asker", "names-web-2")[1]), 1)
        self.assertEqual(self.hosts("asker", "fixed"), ["192.0.2.7"])
        self.assertEqual(len(self.hosts("asker", "web")), 3)
        self.assertEqual(set(self.ask("asker", "web", "--tcp")[1]), set(addresses))
        # No v6 on this network: no AAAA, but no denial of the name either.
        self.assertEqual(self.ask("asker", "web", "--type", "AAAA"), ("NOERROR", []))
        self.assertIn("127.0.0.11", self.stack("exec", "-T", "asker", "cat", "/etc/resolv.conf").out)

        # Only what shares a network is known.
        self.assertEqual(self.hosts("asker", "in-the-dark"), [])
        self.assertEqual(self.hosts("hidden", "web"), [])
        self.assertEqual(len(self.hosts("hidden", "both")), 1)
        self.assertNotEqual(self.hosts("hidden", "both"), self.hosts("asker", "both"))

        # v6 where the network has it.
        code, addresses = self.ask("six", "seven", "--type", "AAAA")
        self.assertEqual(code, "NOERROR")
        self.assertRegex(addresses[0], r"^fd[0-9a-f]{2}:")
        if os.path.exists("/usr/bin/ping"):
            self.stack("exec", "-T", "six", "ping", "-6", "-c", "1", "-W", "5", "seven")

        # Port 53 of a container stays its own.
        self.stack("exec", "-T", "asker", "python3", "-c",
                   "import socket; socket.create_server(('127.0.0.1', 53)); "
                   "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).bind(('0.0.0.0', 53))")

        # Replicas that go are no longer answered.
        self.write("compose.yaml", FILE.format(here=harness.HERE).replace("scale: 3", "scale: 1"))
        self.stack("up", "-d")
        self.assertEqual(len(self.ask("asker", "web")[1]), 1)
        self.stack("down")

    def serve_outside(self):
        """A name server on the neighbour."""
        server = subprocess.Popen(
            ["ip", "netns", "exec", harness.NEIGHBOUR, sys.executable, "-B", str(harness.HERE / "query.py"),
             "--serve", harness.NEIGHBOUR_V4],
            stdout=subprocess.PIPE, text=True)
        self.machine.children.append(server)
        self.machine.before = self.machine.snapshot()
        self.assertEqual(server.stdout.readline().strip(), "ready")

    def test_forwarding(self):
        """What is not ours is asked of the machine's own name server, never for internal networks."""
        self.serve_outside()
        resolv = self.write("resolv.conf", f"nameserver {harness.NEIGHBOUR_V4}\nsearch test\noptions timeout:7\n")
        real = os.path.realpath("/etc/resolv.conf")
        if not os.path.exists(real):
            self.skipTest("no /etc/resolv.conf to stand in for")
        harness.run("mount", "--bind", str(resolv), real)
        try:
            self.stack("up", "-d")
            self.assertEqual(self.ask("asker", "answer.test"), ("NOERROR", ["198.51.100.9"]))
            self.assertEqual(self.ask("asker", "answer.test", "--tcp"), ("NOERROR", ["198.51.100.9"]))
            self.assertEqual(self.ask("asker", "no.test")[0], "NXDOMAIN")
            # The machine's search list and options are passed on, and may change.
            inside = self.stack("exec", "-T", "asker", "cat", "/etc/resolv.conf").out.splitlines()
            self.assertEqual(inside, ["nameserver 127.0.0.11", "options ndots:0", "search test", "options timeout:7"])
            self.assertEqual(self.hosts("asker", "answer"), ["198.51.100.9"])
            resolv.write_text(f"nameserver {harness.NEIGHBOUR_V4}\n")
            self.assertIn("Nothing to do", self.stack("plan").out)
            self.assertNotEqual(self.ask("hidden", "answer.test")[0], "NOERROR")
            # A hundred short answers in a row: nothing is lost or mixed up.
            for _ in range(5):
                self.assertEqual(self.ask("asker", "answer.test", "--count", "20")[1], ["198.51.100.9"] * 20)
            self.stack("down")
            self.assert_no_leaks(self.without_resolv())
        finally:
            harness.run("umount", real)

    def test_a_replaced_container_asks_by_its_new_settings(self):
        """Servers and the way out are those of the container that runs, whatever changed with them."""
        self.serve_outside()
        text = """
name: names
services:
  base:
    image: host
    command: ["sleep", "1000"]
    init: true
    environment: {{ROUND: "{base}"}}
  asker:
    image: host
    command: ["sleep", "1000"]
    init: true
    depends_on: {{base: {{condition: service_started, restart: true}}}}
    environment: {{ROUND: "{round}"}}
    dns: [{server}]
    networks: [{network}]
    volumes: ["{here}:/tests:ro"]
networks:
  dark: {{internal: true}}
  outer:
"""
        nobody, known = harness.HOST_V4, harness.NEIGHBOUR_V4
        rounds = [
            ("1", {"base": 1, "round": 1, "server": nobody, "network": "outer"}, False),
            ("replaced: other servers", {"base": 1, "round": 2, "server": known, "network": "outer"}, True),
            ("replaced: without a way out", {"base": 1, "round": 3, "server": known, "network": "dark"}, False),
            ("replaced: with a way out", {"base": 1, "round": 4, "server": known, "network": "outer"}, True),
            ("restarted: other servers", {"base": 2, "round": 4, "server": nobody, "network": "outer"}, False),
            ("restarted: back", {"base": 3, "round": 4, "server": known, "network": "outer"}, True),
        ]
        for what, values, answered in rounds:
            self.write("compose.yaml", text.format(here=harness.HERE, **values))
            self.stack("up", "-d", "-t", "1")
            code, addresses = self.ask("asker", "answer.test")
            self.assertEqual((code == "NOERROR", addresses), (answered, ["198.51.100.9"] * answered), what)
        self.stack("down", "-t", "1")

    def without_resolv(self):
        before = dict(self.machine.before)
        real = os.path.realpath("/etc/resolv.conf")
        before["mounts"] = sorted(before["mounts"] + [
            item for item in self.machine.snapshot()["mounts"] if item.startswith(real + " ")])
        return before

    def test_supervisor_killed(self):
        m = self.machine
        self.stack("up", "-d")
        old = m.supervisor("names")
        harness.kill(old)
        harness.wait_until(lambda: len(self.hosts("asker", "web")) == 3, "names again", 5)
        self.stack("down")


if __name__ == "__main__":
    harness.main()
