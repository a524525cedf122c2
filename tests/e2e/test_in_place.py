"""What changes without a restart: every process keeps its pid, and who talks to it notices nothing."""

import json

import harness

SERVER = """
import http.server, threading, sys
class Page(http.server.BaseHTTPRequestHandler):
    wbufsize = 65536  # one packet an answer
    served = 0
    def do_GET(self):
        if self.server.server_port == 80:
            Page.served += 1
        body = b"%d" % Page.served if self.path == "/count" else b"page\\n"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args):
        pass
class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128
for port in (80, 81):
    threading.Thread(target=Server(("", port), Page).serve_forever).start()
"""


class InPlace(harness.Case):
    def setUp(self):
        super().setUp()
        self.write("srv/server.py", SERVER)

    def bring_up(self, web, **more):
        services = {"web": {"image": "host", "command": ["python3", "/srv/server.py"], "init": True,
                            "stop_grace_period": "1s", "volumes": ["./srv:/srv:ro"], **web},
                    "peer": {"image": "host", "command": ["sleep", "1000"], "init": True,
                             "networks": ["default", "extra"]}}
        self.write("compose.yaml", json.dumps(
            {"name": "inplace", "services": services, "networks": {"extra": {}, "default": {}, **more}}))
        return self.stack("up", "-d")

    def sh(self, service, script):
        return self.stack("exec", "-T", service, "sh", "-c", script).out

    def addresses(self):
        """By interface of `web`: its IPv4 address."""
        shown = json.loads(harness.run("nsenter", "-n", "-t", str(self.machine.init("inplace-web-1")[0]),
                                       "ip", "-j", "-4", "address"))
        return {link["ifname"]: link["addr_info"][0]["local"] for link in shown if link["ifname"] != "lo"}

    def test_under_load(self):
        """A port, a limit and a network change; nobody who uses the other port loses one request."""
        m = self.machine
        self.bring_up({"ports": ["8080:80", "8081:81"], "mem_limit": "256m"})
        harness.get_soon("http://127.0.0.1:8080/")
        harness.get_soon("http://127.0.0.1:8081/")
        before = m.inits("inplace-web-1", "inplace-peer-1")
        kept = self.addresses()
        load = m.load("--threads", "4", f"http://{harness.HOST_V4}:8080/")
        try:
            for round, (port, memory, networks) in enumerate([
                    (8082, "384m", ["default", "extra"]), (8083, "256m", ["default"]),
                    (8084, "320m", ["aaa", "default", "extra"])]):
                networks = {name: {} for name in networks}
                plan_file = {"ports": ["8080:80", f"{port}:81"], "mem_limit": memory, "networks": networks,
                             "pids_limit": 200 + round, "cpus": 0.5 + round / 4, "cpu_shares": 512 + round}
                self.bring_up(plan_file, aaa={})
                self.assertEqual(harness.get(f"http://127.0.0.1:{port}/"), "page\n")
                self.assertEqual(m.inits("inplace-web-1", "inplace-peer-1"), before)
                addresses = self.addresses()
                self.assertEqual(addresses["eth0"], kept["eth0"], "the first network keeps interface and address")
                self.assertEqual(len(addresses), len(networks))
                limit = (m.cgroup_with("inplace-web-1", "memory.limit_in_bytes")
                         or m.cgroup_with("inplace-web-1", "memory.max"))
                self.assertEqual(int(harness.read(limit)), int(memory[:-1]) << 20)
                self.assertEqual(self.stack("plan", "--detailed-exitcode").code, 0)
                # The next change only when this one has been under load for a while.
                count = lambda: int(harness.get(f"http://127.0.0.1:{port}/count"))
                goal = count() + 200
                harness.wait_until(lambda: count() > goal, "200 more requests", 60)
        finally:
            result = load.finish()
        self.assertEqual(result["failed"], 0, result)
        self.assertGreater(result["sent"], 600, result)
        print(f"in place under load: {result['sent']} requests, {result['failed']} failed")
        # Names, hosts file and the way to the peer follow.
        self.assertIn(self.addresses()["eth2"], self.sh("web", "cat /etc/hosts"))
        extra = self.sh("peer", "getent ahostsv4 web").split()
        self.assertTrue({self.addresses()["eth0"], self.addresses()["eth2"]} & set(extra), extra)
        self.stack("down", "-t", "1")

    def test_address_and_aliases(self):
        """Another address reconnects that one endpoint; an alias costs nothing at all."""
        m = self.machine
        extra = {"ipam": {"config": [{"subnet": "172.31.77.0/24"}]}}

        def web(address, alias):
            return {"networks": {"default": {}, "extra": {"ipv4_address": address, "aliases": [alias]}},
                    "ports": ["8080:80"]}

        self.bring_up(web("172.31.77.10", "one"), extra=extra)
        harness.get_soon("http://127.0.0.1:8080/")
        before = m.inits("inplace-web-1", "inplace-peer-1")
        kept = self.addresses()["eth0"]
        self.assertIn("172.31.77.10", self.sh("peer", "getent ahostsv4 one"))
        self.bring_up(web("172.31.77.20", "two"), extra=extra)
        self.assertEqual(m.inits("inplace-web-1", "inplace-peer-1"), before)
        self.assertEqual(self.addresses(), {"eth0": kept, "eth1": "172.31.77.20"})
        self.assertIn("172.31.77.20", self.sh("peer", "getent ahostsv4 two"))
        self.assertEqual(self.stack("exec", "-T", "peer", "getent", "ahostsv4", "one", check=False).code, 2)
        self.assertEqual(self.sh("peer", "busybox wget -q -O - http://172.31.77.20/"), "page\n")
        # Another subnet: the whole network moves, and nobody restarts.
        extra = {"ipam": {"config": [{"subnet": "172.31.88.0/24"}]}, "driver_opts": {
            "com.docker.network.driver.mtu": "1400"}}
        self.bring_up(web("172.31.88.20", "two"), extra=extra)
        self.assertEqual(m.inits("inplace-web-1", "inplace-peer-1"), before)
        self.assertEqual(self.addresses(), {"eth0": kept, "eth1": "172.31.88.20"})
        self.assertEqual(self.sh("peer", "busybox wget -q -O - http://two/"), "page\n")
        self.assertEqual(harness.get("http://127.0.0.1:8080/"), "page\n")
        self.assertEqual(self.stack("plan", "--detailed-exitcode").code, 0)
        self.stack("down", "-t", "1")

    def test_files_and_settings(self):
        """Hosts, resolver, limits of processes, log, restart policy and the rest of the table."""
        m = self.machine
        self.bring_up({"extra_hosts": ["old=192.0.2.1"], "ulimits": {"nofile": 512},
                       "labels": {"a": "1"}})
        before = m.inits("inplace-web-1", "inplace-peer-1")
        pid = before["inplace-web-1"][0]
        there = m.pids("inplace-web-1")  # and later the health check's, which come and go
        inode = self.sh("web", "stat -c %i /etc/hosts /etc/resolv.conf")
        self.bring_up({"extra_hosts": ["new=192.0.2.2"], "ulimits": {"nofile": 400},
                       "labels": {"a": "2"}, "dns_search": ["example.test"], "dns_opt": ["timeout:1"],
                       "restart": "always", "stop_grace_period": "2s", "stop_signal": "SIGINT",
                       "oom_score_adj": 500, "sysctls": {"net.ipv4.ip_default_ttl": "99"},
                       "logging": {"options": {"max-size": "1m", "max-file": "2"}},
                       "healthcheck": {"test": ["CMD", "true"], "interval": "1s"}})
        self.assertEqual(m.inits("inplace-web-1", "inplace-peer-1"), before)
        self.assertEqual(self.sh("web", "stat -c %i /etc/hosts /etc/resolv.conf"), inode)
        hosts, resolver = self.sh("web", "cat /etc/hosts"), self.sh("web", "cat /etc/resolv.conf")
        self.assertIn("192.0.2.2 new", hosts)
        self.assertNotIn("192.0.2.1", hosts)
        self.assertIn("search example.test", resolver)
        self.assertIn("timeout:1", resolver)
        for each in there:
            self.assertRegex(harness.read(f"/proc/{each}/limits"), r"Max open files +400 +400")
            self.assertEqual(harness.read(f"/proc/{each}/oom_score_adj").strip(), "500")
        ttl = harness.run("nsenter", "-n", "-t", str(pid), "cat", "/proc/sys/net/ipv4/ip_default_ttl")
        self.assertEqual(ttl.strip(), "99")
        harness.wait_until(lambda: m.container("inplace-web-1")["Health"] == "healthy", "its health")
        self.assertEqual(self.stack("plan", "--detailed-exitcode").code, 0)
        harness.kill(pid)
        harness.wait_until(lambda: m.pids("inplace-web-1") and m.init("inplace-web-1")[0] != pid, "its restart")
        self.stack("down", "-t", "1")

    def test_dependants_restart(self):
        """`restart: true`: a new dependency restarts who depends on it, and nobody else."""
        def file(mode):
            self.write("compose.yaml", json.dumps({"name": "dep", "services": {
                "db": {"image": "host", "command": ["sleep", "1000"], "init": True, "environment": {"M": mode}},
                "app": {"image": "host", "command": ["sleep", "1000"], "init": True,
                        "depends_on": {"db": {"condition": "service_started", "restart": True}}},
                "web": {"image": "host", "command": ["sleep", "1000"], "init": True, "depends_on": ["db"]}}}))

        m = self.machine
        names = ["dep-db-1", "dep-app-1", "dep-web-1"]
        file("one")
        self.stack("up", "-d")
        first = m.inits(*names)
        self.stack("exec", "-T", "app", "touch", "/kept")
        file("two")
        shown = self.stack("plan").out
        self.assertRegex(shown, r"dep-app-1 +restart +dependency dep-db-1 is replaced")
        self.stack("up", "-d")
        second = m.inits(*names)
        self.assertEqual([second[n] != first[n] for n in names], [True, True, False])
        self.stack("exec", "-T", "app", "ls", "/kept")
        self.stack("restart", "-t", "1", "db")
        third = m.inits(*names)
        self.assertEqual([third[n] != second[n] for n in names], [True, True, False])
        self.stack("down", "-t", "1")


if __name__ == "__main__":
    harness.main()
