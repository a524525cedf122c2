"""Who reaches whom: published ports, isolation, the way out, the host's own services."""

import contextlib
import json
import re
import socket
import subprocess
import sys
import threading

import harness

FILE = """
name: net
services:
  web:
    image: host
    command: &echo ["python3", "-B", "/tests/echo.py", "80", "81"]
    volumes: &tests ["{here}:/tests:ro"]
    stop_grace_period: 1s
    networks: [front]
    ports:
      - "8080:80"
      - "8080:80/udp"
      - "127.0.0.1:8090:80"
      - "{extra}:81/udp"
  peer:
    image: host
    command: *echo
    volumes: *tests
    stop_grace_period: 1s
    networks: [front]
    cap_add: [NET_ADMIN, NET_RAW]
  stranger:
    image: host
    command: *echo
    volumes: *tests
    stop_grace_period: 1s
    networks: [other]
  locked:
    image: host
    command: *echo
    volumes: *tests
    stop_grace_period: 1s
    networks: [closed]
  six:
    image: host
    command: *echo
    volumes: *tests
    stop_grace_period: 1s
    networks: [modern]
    ports: ["8066:80"]
  shares:
    image: host
    command: ["sleep", "1000"]
    volumes: *tests
    stop_grace_period: 1s
    network_mode: service:web
  hosted:
    image: host
    command: ["sleep", "1000"]
    stop_grace_period: 1s
    network_mode: host
networks:
  front:
    ipam: {{config: [{{subnet: 10.99.1.0/24}}]}}
  other:
  closed: {{internal: true}}
  modern: {{enable_ipv6: true}}
"""


class Network(harness.Case):
    def setUp(self):
        super().setUp()
        self.file()

    def file(self, extra=8091):
        self.write("compose.yaml", FILE.format(here=harness.HERE, extra=extra))

    def ask(self, where, protocol, address, port, *args):
        """The answer's words, or nothing. `where`: None the machine, "out" the neighbour, else a service."""
        if where in (None, harness.NEIGHBOUR):
            prefix = ["ip", "netns", "exec", where] if where else []
            argv = [*prefix, sys.executable, "-B", str(harness.HERE / "echo.py")]
            done = subprocess.run([*argv, "--ask", protocol, address, str(port), *args],
                                  capture_output=True, text=True, timeout=30, check=False)
            return done.stdout.split()
        return self.stack("exec", "-T", where, "python3", "-B", "/tests/echo.py", "--ask", protocol, address,
                          port, *args, check=False).out.split()

    def address(self, service, device="eth0", family=4):
        pid, _ = self.machine.init(f"net-{service}-1")
        out = json.loads(harness.run("nsenter", "-t", str(pid), "-n", "ip", "-j", f"-{family}", "addr", "show", device))
        return [item["local"] for item in out[0]["addr_info"] if item["scope"] == "global"][0]

    @contextlib.contextmanager
    def serving(self, *ports, inside=None):
        prefix = ["ip", "netns", "exec", inside] if inside else []
        child = subprocess.Popen([*prefix, sys.executable, "-B", str(harness.HERE / "echo.py"), *map(str, ports)],
                                 stdout=subprocess.PIPE, text=True)
        self.machine.children.append(child)
        self.assertEqual(child.stdout.readline().strip(), "ready")
        try:
            yield
        finally:
            child.kill()
            child.wait()

    def up(self):
        self.stack("up", "-d")
        for name in ("web", "peer", "stranger", "locked", "six"):
            harness.wait_until(lambda name=name: "ready" in self.machine.log_lines(name), name)

    def test_everything(self):
        self.up()
        self.published()
        self.containers()
        self.way_out()
        self.hosts_own_services()
        self.inside_of_a_namespace()
        self.stack("down")

    def published(self):
        host, out = harness.HOST_V4, harness.NEIGHBOUR
        for protocol in ("tcp", "udp"):
            with self.subTest(protocol):
                self.assertEqual(self.ask(out, protocol, host, 8080)[1:], ["80", harness.NEIGHBOUR_V4],
                                 "reached from another host, its address preserved")
                for address in (host, "127.0.0.1", "127.0.0.2"):
                    self.assertTrue(self.ask(None, protocol, address, 8080), f"from the machine at {address}")
                # Hairpin: a container reaches itself and others through the published port.
                for where in ("web", "peer", "stranger"):
                    self.assertTrue(self.ask(where, protocol, host, 8080), f"{where} through the published port")
        for address in ("::1", harness.HOST_V6):
            self.assertTrue(self.ask(None, "tcp", address, 8080), address)
        self.assertTrue(self.ask(out, "tcp", harness.HOST_V6, 8066), "v6 from another host")
        self.assertEqual(self.ask(out, "tcp", harness.HOST_V6, 8066)[2], harness.NEIGHBOUR_V6)
        self.assertTrue(self.ask(None, "tcp", "::1", 8066))
        self.assertTrue(self.ask(None, "tcp", "127.0.0.1", 8066))

        # On 127.0.0.1 only: for the machine itself, however a neighbour tries.
        self.assertTrue(self.ask(None, "tcp", "127.0.0.1", 8090))
        self.assertFalse(self.ask(None, "tcp", host, 8090))
        self.assertFalse(self.ask(out, "tcp", host, 8090))
        # A neighbour that routes the subnet through this machine reaches no container directly.
        harness.run("ip", "-n", out, "route", "add", "10.99.1.0/24", "via", host)
        web = self.address("web")
        for port in (80, 81):
            self.assertFalse(self.ask(out, "tcp", web, port), f"unpublished {port} from a routing neighbour")
        harness.run("ip", "-n", out, "route", "del", "10.99.1.0/24")
        self.assertTrue(self.ask(None, "tcp", web, 81), "the machine itself reaches its containers")

    def containers(self):
        self.assertEqual(self.ask("peer", "tcp", "web", 80)[1], "80")
        self.assertEqual(self.ask("peer", "udp", "web", 81)[1], "81")
        for target in (self.address("stranger"), self.address("locked"), self.address("six")):
            self.assertFalse(self.ask("peer", "tcp", target, 80), f"another network: {target}")
        self.assertFalse(self.ask("stranger", "tcp", self.address("web"), 80))
        self.assertFalse(self.ask("locked", "tcp", self.address("web"), 80))
        self.assertRegex(self.address("six", family=6), r"^fd")

    def way_out(self):
        with self.serving(7000, inside=harness.NEIGHBOUR):
            for protocol in ("tcp", "udp"):
                self.assertEqual(self.ask("web", protocol, harness.NEIGHBOUR_V4, 7000)[1:], ["7000", harness.HOST_V4],
                                 "outbound, masqueraded")
            self.assertEqual(self.ask("six", "tcp", harness.NEIGHBOUR_V6, 7000)[1:], ["7000", harness.HOST_V6])
            self.assertFalse(self.ask("locked", "tcp", harness.NEIGHBOUR_V4, 7000), "internal means internal")

    def hosts_own_services(self):
        """What listens on the machine's loopback stays there, also for a container with NET_ADMIN."""
        with self.serving_local(7100):
            self.assertTrue(self.ask(None, "tcp", "127.0.0.1", 7100))
            self.assertFalse(self.ask("peer", "tcp", "127.0.0.1", 7100))
            pid, _ = self.machine.init("net-peer-1")
            inside = ("nsenter", "-t", str(pid), "-n")
            harness.run(*inside, "ip", "route", "add", "127.0.0.2", "via", "10.99.1.1", "table", "main", check=False)
            harness.run(*inside, "ip", "addr", "del", "127.0.0.1/8", "dev", "lo", check=False)
            harness.run(*inside, "ip", "route", "add", "127.0.0.0/8", "via", "10.99.1.1", check=False)
            with contextlib.suppress(PermissionError, OSError):
                harness.run(*inside, "sysctl", "-w", "net.ipv4.conf.all.route_localnet=1", check=False)
            for address in ("127.0.0.1", "127.0.0.2"):
                self.assertFalse(self.ask("peer", "tcp", address, 7100), "loopback of the machine from a container")

    @contextlib.contextmanager
    def serving_local(self, port):
        with socket.create_server(("127.0.0.1", port)) as server:


            def answer():
                with contextlib.suppress(OSError):
                    while True:
                        stream, _ = server.accept()
                        with stream:
                            stream.sendall(b"the machine\n")

            threading.Thread(target=answer, daemon=True).start()
            yield

    def inside_of_a_namespace(self):
        self.assertEqual(self.ask("shares", "tcp", "127.0.0.1", 81)[1], "81", "service:web shares its network")
        self.assertIn("nb0", self.stack("exec", "-T", "hosted", "ls", "/sys/class/net").out)
        web = self.machine.init("net-web-1")[0]
        self.assertEqual(harness.read(f"/proc/{web}/net/if_inet6").count(" lo"), 1)
        self.assertEqual(self.stack("exec", "-T", "web", "cat", "/proc/sys/net/ipv4/ip_unprivileged_port_start").out.strip(), "0")

    def test_one_port_of_an_interval(self):
        """Services, replicas and one-offs each take the lowest port of a range that is free, and keep it."""
        service = '{{image: host, command: [sleep, "1000"], init: true, scale: {}, ports: ["8070-8075:80"]}}'
        port = lambda *args: self.stack("port", *args, "80").out.strip()
        file = lambda scale: self.write("compose.yaml", "name: range\nservices:\n  a: {}\n  b: {}\n".format(
            service.format(1), service.format(scale)))
        file(1)
        with socket.create_server(("127.0.0.1", 8070)):
            self.stack("up", "-d")
            self.assertEqual((port("a"), port("b")), ("0.0.0.0:8071", "0.0.0.0:8072"))
        file(2)
        self.stack("up", "-d")
        self.assertEqual((port("a"), port("b"), port("--index", "2", "b")),
                         ("0.0.0.0:8071", "0.0.0.0:8072", "0.0.0.0:8070"))
        self.assertIn("Nothing to do", self.stack("plan").out)
        self.stack("run", "-d", "--name", "once", "-P", "a")
        self.assertIn("0.0.0.0:8073->80/tcp", self.machine.container("once")["Ports"])
        file(5)
        self.assert_fails("up", "-d", match="compose.yaml:4:[0-9]+: error: service \"b\": no port of 8070-8075 is free")
        self.stack("down", "-t", "1")

    def test_one_number_at_both_families(self):
        """An address of one family is not in the way of one of the other."""
        service = '{image: host, command: ["python3", "-B", "/tests/echo.py", "80"], volumes: ["%s:/tests:ro"], ' \
            'stop_grace_period: 1s, ports: ["%s:8066:80"]}'
        self.write("compose.yaml", "name: families\nservices:\n  four: {}\n  six: {}\n".format(
            service % (harness.HERE, "0.0.0.0"), service % (harness.HERE, "[::1]")))
        self.stack("up", "-d")
        for name in ("four", "six"):
            harness.wait_until(lambda name=name: "ready" in self.machine.log_lines(name), name)
        self.assertEqual(self.ask(None, "tcp", "127.0.0.1", 8066)[1], "80")
        self.assertEqual(self.ask(None, "tcp", "::1", 8066)[1], "80")
        self.assertEqual(self.stack("port", "six", "80").out.strip(), "[::1]:8066")
        self.stack("down")

    def test_ports_that_nothing_reaches(self):
        """docker compose starts what has ports and nothing to publish them on; said with their place."""
        service = "image: host, init: true, command: [sleep, '1000'], ports: ['8077:80']"
        self.write("compose.yaml", f"""name: unreached
services:
  alone: {{{service}, network_mode: none}}
  hosted: {{{service}, network_mode: host}}
  locked: {{{service}, networks: [closed]}}
networks:
  closed: {{internal: true}}
""")
        up = self.stack("up", "-d").err
        for line, name in ((3, "alone"), (4, "hosted"), (5, "locked")):
            self.assertRegex(up, f"compose.yaml:{line}:[0-9]+: warning: service {name}: ports have no effect")
        self.assertEqual([row["Ports"] for row in self.machine.ps()], ["", "", ""])
        self.stack("down")

    def test_udp_port_moves(self):
        """A client that keeps its source port meets the new place at once: no stale connection entry."""
        self.up()
        out, host = harness.NEIGHBOUR, harness.HOST_V4
        self.assertTrue(self.ask(out, "udp", host, 8091, "--from-port", "5555"))
        before = self.machine.init("net-web-1")
        self.file(extra=8092)
        self.stack("up", "-d")
        self.assertEqual(self.machine.init("net-web-1"), before)
        self.assertFalse(self.ask(out, "udp", host, 8091, "--from-port", "5555"))
        self.assertTrue(self.ask(out, "udp", host, 8092, "--from-port", "5555"))
        self.stack("down")

    def test_addresses_are_stable_and_pools_avoid_routes(self):
        harness.run("ip", "route", "add", "172.16.0.0/12", "via", harness.NEIGHBOUR_V4)
        self.addCleanup(harness.run, "ip", "route", "del", "172.16.0.0/12", check=False)
        self.machine.before = self.machine.snapshot()
        self.up()
        addresses = {name: self.address(name) for name in ("web", "peer", "stranger", "locked")}
        self.assertTrue(addresses["web"].startswith("10.99.1."))
        for name, address in addresses.items():
            self.assertFalse(re.match(r"172\.(1[6-9]|2\d|3[01])\.", address), f"{name} at {address} overlaps a route")
        for name in ("web", "peer"):
            harness.kill(self.machine.init(f"net-{name}-1")[0])
        harness.wait_until(lambda: len(self.machine.ps()) < 7, "their end")
        self.stack("up", "-d")
        self.assertEqual({name: self.address(name) for name in addresses}, addresses)
        self.stack("down")
        harness.run("ip", "route", "del", "172.16.0.0/12", check=False)
        self.machine.before["routes"] = [r for r in self.machine.before["routes"] if "172.16" not in r]

    def test_forward_drop_of_either_family(self):
        """Somebody's firewall that drops what is forwarded is told before anything is made."""
        file = "name: {0}\nservices:\n  x: {{image: host, command: [sleep, '9'], networks: [n]}}\nnetworks:\n  n: {1}\n"
        self.write("four.yaml", file.format("four", "{}"))
        self.write("six.yaml", file.format("six", "{enable_ipv6: true}"))
        for family, hit, spared in (("ip", ["four", "six"], []), ("ip6", ["six"], ["four"])):
            harness.run("nft", f"add table {family} filter; add chain {family} filter FORWARD "
                        "{ type filter hook forward priority 0; policy drop; }")
            self.addCleanup(harness.run, "nft", "delete", "table", family, "filter", check=False)
            before = self.machine.snapshot()
            for name in hit:
                self.assert_fails("-f", f"{name}.yaml", "up", "-d", match=f"table {family} filter, chain FORWARD")
            self.assertEqual(self.machine.leaks(before), [])
            for name in spared:
                self.stack("-f", f"{name}.yaml", "up", "-d")
                self.stack("-f", f"{name}.yaml", "down", "-t", "0")
            harness.run("nft", "delete", "table", family, "filter")

    def test_firewall_flushed(self):
        """Somebody flushes the firewall while the supervisor lives: ports go on."""
        self.up()
        harness.run("nft", "flush", "ruleset", check=False)
        self.assertTrue(self.ask(harness.NEIGHBOUR, "tcp", harness.HOST_V4, 8080))
        self.assertEqual(self.stack("plan", "--detailed-exitcode", check=False).code, 0)
        self.stack("down")


if __name__ == "__main__":
    harness.main()
