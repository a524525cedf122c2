"""What is done to containers that are there: stop, start, restart, kill, pause, rm, scale, wait, top, reconcile."""

import signal
import socket
import time

import harness

FILE = """
name: life
services:
  db:
    image: host
    command: ["sleep", "1000"]
    init: true
  web:
    image: host
    command: ["busybox", "httpd", "-f", "-p", "80", "-h", "/www"]
    init: true
    ports: ["8080:80"]
    volumes: ["./www:/www:ro"]
    depends_on: [db]
    restart: unless-stopped
  job:
    image: host
    command: ["sh", "-c", "while [ ! -e /signal/end ]; do sleep 0.02; done; exit 3"]
    volumes: ["./signal:/signal:ro"]
"""
ALL = ["life-db-1", "life-web-1", "life-job-1"]


class Lifecycle(harness.Case):
    def setUp(self):
        super().setUp()
        self.write("compose.yaml", FILE)
        self.write("www/index.html", "served\n")
        (self.machine.work / "signal").mkdir()

    def state(self, name):
        return self.machine.container(name)["State"]

    def served(self):
        return harness.get_soon("http://127.0.0.1:8080/") == "served\n"

    def test_stop_and_start(self):
        m = self.machine
        self.stack("up", "-d")
        before = m.inits(*ALL)
        self.stack("exec", "-T", "web", "touch", "/kept")
        shown = self.stack("stop", "-t", "1", "--progress", "plain").err
        self.assertLess(shown.index("life-web-1  Stopped"), shown.index("life-db-1  Stopping"), "dependants first")
        self.assertEqual({row["State"] for row in m.ps("-a")}, {"exited"})
        # What somebody stopped is not drift, though `up` starts it.
        self.assertEqual(self.stack("reconcile").out, "")
        self.assertEqual(self.state("life-web-1"), "exited")
        self.stack("start", "db", "web")
        self.assertEqual((self.state("life-web-1"), self.state("life-job-1")), ("running", "exited"))
        self.assertNotEqual(m.init("life-web-1"), before["life-web-1"])
        self.stack("exec", "-T", "web", "ls", "/kept")
        self.assertTrue(self.served())
        self.assertEqual(self.stack("start", "web").err, "", "nothing to do, nothing said")
        self.stack("rm", "-f", "job")
        self.assertEqual(self.stack("start", "job", check=False).code, 1, "nothing of it is left to start")
        self.stack("down", "-t", "1")
        self.assertIn("not up", self.stack("start", check=False).err)

    def test_restart(self):
        m = self.machine
        self.stack("up", "-d")
        before = m.inits(*ALL)
        self.stack("restart", "-t", "1", "web")
        after = m.inits(*ALL)
        self.assertNotEqual(after["life-web-1"], before["life-web-1"])
        self.assertEqual((after["life-db-1"], after["life-job-1"]), (before["life-db-1"], before["life-job-1"]))
        self.assertTrue(self.served())
        self.stack("restart", "-t", "1")
        last = m.inits(*ALL)
        self.assertFalse(set(last.values()) & set(after.values()))
        self.assertGreaterEqual(last["life-web-1"][1], last["life-db-1"][1], "what others depend on comes first")
        self.assertEqual(self.stack("plan", "--detailed-exitcode").code, 0)
        self.stack("down", "-t", "1")

    def test_kill(self):
        m = self.machine
        self.stack("up", "-d")
        self.stack("kill", "-s", "HUP", "db")  # the init passes it on, and sleep dies of it
        harness.wait_until(lambda: self.state("life-db-1") == "exited", "its end")
        self.assertEqual(m.container("life-db-1")["ExitCode"], 128 + signal.SIGHUP)
        self.stack("kill", "web")
        time.sleep(0.5)
        self.assertEqual(self.state("life-web-1"), "exited", "not restarted: somebody wanted its end")
        self.assertEqual(m.container("life-web-1")["ExitCode"], 137)
        wrong = self.stack("kill", "-s", "NONSENSE", "job", check=False)
        self.assertEqual((wrong.code, "NONSENSE" in wrong.err), (1, True))
        self.assertEqual(self.state("life-job-1"), "running")
        self.stack("down", "-t", "1")

    def test_pause(self):
        m = self.machine
        self.stack("up", "-d")
        before = m.inits(*ALL)
        self.stack("pause", "web")
        self.assertEqual((self.state("life-web-1"), self.state("life-db-1")), ("paused", "running"))
        frozen = self.machine.requests("--timeout", "1", f"http://{harness.HOST_V4}:8080/")
        self.assertEqual(frozen["answers"], {}, "frozen, it answers nothing")
        self.assertEqual(self.stack("plan", "--detailed-exitcode").code, 0)
        # A new supervisor takes it over as it is.
        harness.kill(m.supervisor("life"))
        harness.wait_until(lambda: m.ours("stack-supervisor", "life"), "a new supervisor", 10)
        self.assertEqual(self.state("life-web-1"), "paused")
        self.stack("unpause")
        self.assertTrue(self.served())
        self.assertEqual(m.inits(*ALL), before)
        self.stack("pause")
        self.stack("down", "-t", "1")

    def test_rm_and_scale(self):
        m = self.machine
        self.stack("up", "-d")
        self.assertIn("No stopped containers", self.stack("rm", "-f").err)
        self.stack("rm", "-fs", "job")
        self.assertEqual(sorted(row["Service"] for row in m.ps("-a")), ["db", "web"])
        self.stack("stop", "-t", "1", "web")
        self.assertEqual(self.stack("rm", "web", check=False).code, 1, "nobody agreed")
        self.assertIn("life-web-1", [row["Name"] for row in m.ps("-a")])
        self.stack("rm", "-f", "web")
        self.assertEqual([row["Service"] for row in m.ps("-a")], ["db"])
        self.stack("scale", "db=3")
        self.assertEqual(sorted(row["Name"] for row in m.ps()), ["life-db-1", "life-db-2", "life-db-3"])
        self.stack("scale", "db=1")
        self.assertEqual([row["Name"] for row in m.ps()], ["life-db-1"])
        shown = self.stack("rm", "-fs").err
        self.assertIn("life-db-1", shown)
        self.assertNotIn("Network", shown, "networks stay")
        self.stack("down", "-t", "1")

    def test_what_nobody_asked_for(self):
        """Services that a command is not about stay as they are, now and at the next `reconcile`."""
        m = self.machine
        served = FILE.replace('command: ["sleep", "1000"]', 'command: ["busybox", "httpd", "-f", "-p", "81", "-h", "/www"]\n'
                              '    volumes: ["./www:/www:ro"]\n    ports: ["PORT:81"]').replace("    depends_on: [db]\n", "")
        self.write("compose.yaml", served.replace("PORT", "9000").replace('"8080:80"', '"8080-8081:80"'))
        self.stack("up", "-d", "--scale", "web=2")
        before = m.inits(*ALL, "life-web-2")
        everything = ("http://127.0.0.1:9000/", "http://127.0.0.1:8080/", "http://127.0.0.1:8081/")

        def unchanged():
            self.assertEqual(self.stack("reconcile").out, "")
            self.assertEqual(m.inits(*before), before)
            for url in everything:
                self.assertEqual(harness.get_soon(url), "served\n", url)

        self.write("compose.yaml", served.replace("PORT", "9001").replace('"8080:80"', '"8080-8081:80"')
                   .replace("init: true", "init: true\n    environment: {NEW: x}"))
        self.stack("run", "--rm", "-T", "job", "true")
        unchanged()
        self.stack("up", "-d", "job")
        unchanged()
        self.stack("up", "-d", "--no-recreate", "--scale", "web=2")
        unchanged()
        # An orphan is left alone with its port, which nobody else gets.
        orphaned = served.replace("  db:", "  other:").replace("PORT", "9000").replace('"8080:80"', '"8080-8081:80"')
        self.write("compose.yaml", orphaned)
        self.assert_fails("up", "-d", "--scale", "web=2", match="port 9000 is published by life-db-1\n(.*\n)*.*remove-orphans")
        unchanged()
        self.write("compose.yaml", orphaned.replace("9000", "9001"))
        self.assertIn("life-db-1", self.stack("up", "-d", "--scale", "web=2").err)
        unchanged()
        self.assertEqual(self.stack("plan", "--detailed-exitcode", "job").code, 0)
        self.write("compose.yaml", orphaned)
        self.stack("up", "-d", "--remove-orphans", "--scale", "web=2", "-t", "1")
        self.assertEqual(harness.get_soon("http://127.0.0.1:9000/"), "served\n", "of its successor")
        self.stack("down", "-t", "1")

    def test_stop_frees_ports(self):
        m = self.machine
        two = FILE.replace("name: life", "name: other").replace("./www", "./www2")
        self.write("other/compose.yaml", two)
        self.write("other/www2/index.html", "other\n")
        (m.work / "other/signal").mkdir()
        self.write("compose.yaml", FILE.replace('["8080:80"]', '["8080:80", "127.0.0.1::81"]'))
        self.stack("up", "-d")
        chosen = self.stack("port", "web", "81").out
        self.stack("stop", "-t", "1", "web")
        self.assertNotIn("8080", harness.run("nft", "list", "ruleset"))
        self.assertEqual(self.stack("reconcile").out, "", "no drift")
        self.assertEqual(self.stack("up", "-d", "db").err.count("web"), 0)
        shown = self.stack("plan", "--detailed-exitcode", check=False)
        self.assertEqual(shown.code, 2)
        self.assertRegex(shown.out, "0.0.0.0:8080/tcp .* added")
        self.assertNotIn("nft table", shown.out)
        self.stack("plan", "-o", "later.plan")
        self.stack("-p", "other", "up", "-d", "web", cwd=m.work / "other")
        self.assertEqual(harness.get_soon("http://127.0.0.1:8080/"), "other\n")
        # Whoever has it now keeps it, and nothing is started.
        for again in (("start", "web"), ("restart", "web"), ("up", "-d"), ("apply", "later.plan")):
            self.assert_fails(*again, match="port 8080/tcp is taken by stack other")
            self.assertEqual(self.state("life-web-1"), "exited", again)
        self.stack("-p", "other", "down", "-t", "1", cwd=m.work / "other")
        self.stack("apply", "later.plan")
        self.assertTrue(self.served())
        self.assertEqual(self.stack("port", "web", "81").out, chosen)
        self.assertEqual(self.stack("plan", "--detailed-exitcode").code, 0)
        self.stack("stop", "-t", "1")
        self.assertNotIn("stack-ports", harness.run("nft", "list", "tables"))
        listener = socket.create_server(("127.0.0.1", 8080))
        self.assert_fails("start", match=r"port 8080/tcp is taken by process \S+ \(pid \d+\)")
        self.assertEqual({row["State"] for row in m.ps("-a")}, {"exited"})
        listener.close()
        self.stack("restart", "-t", "1", "web")
        self.assertTrue(self.served())
        self.stack("start")
        self.assertEqual(self.stack("port", "web", "81").out, chosen)
        self.assertEqual(self.stack("reconcile").out, "")
        self.assertEqual(self.stack("plan", "--detailed-exitcode").code, 0)
        self.stack("down", "-t", "1")

    def test_a_chosen_port_beside_a_given_one(self):
        self.write("compose.yaml", FILE.replace('["8080:80"]', '["127.0.0.1::80", "8080:80"]'))
        self.stack("up", "-d")
        before = self.machine.inits("life-web-1")
        chosen = self.machine.container("life-web-1")["Publishers"]
        self.stack("up", "-d")
        self.assertEqual(self.stack("plan", "--detailed-exitcode").code, 0)
        self.assertEqual(self.machine.container("life-web-1")["Publishers"], chosen)
        self.assertEqual(self.machine.inits("life-web-1"), before)
        self.stack("down", "-t", "1")

    def test_removed_stays_removed(self):
        """Also where the ports of others are published on, and where those of the only one go."""
        self.write("compose.yaml", FILE.replace("    init: true\n  web:", '    init: true\n    ports: ["9000:90"]\n  web:'))
        self.stack("up", "-d")
        self.stack("rm", "-fs", "web")
        self.assertEqual(self.stack("reconcile").out, "")
        self.write("compose.yaml", FILE.replace("    ports:", "    x-ports:"))
        self.stack("up", "-d", "db")
        self.assertEqual(self.stack("reconcile").out, "", "the last port has gone for good")
        self.stack("down", "-t", "1")

    def test_wait_and_top(self):
        m = self.machine
        self.stack("up", "-d")
        listing = self.stack("top", "web").out
        self.assertIn("busybox httpd -f", listing)
        self.assertNotIn("sleep 1000", listing)
        waiting = m.spawn("wait", "job")
        time.sleep(0.3)
        self.assertIsNone(waiting.poll())
        (m.work / "signal/end").touch()
        out, _ = waiting.communicate(timeout=20)
        self.assertEqual((waiting.returncode, out), (3, 'container "life-job-1" exited with status code 3\n'))
        self.stack("down", "-t", "1")

    def test_reconcile(self):
        m = self.machine
        self.stack("up", "-d")
        self.assertEqual(self.stack("reconcile").out, "")
        before = m.inits(*ALL)
        # A flushed firewall is the supervisor's to mend; with both dead it is reconcile's, as everything else is.
        keeper, supervisor = m.keeper("life"), m.supervisor("life")
        harness.kill(keeper, signal.SIGSTOP)  # or one of them would start the other again
        harness.kill(supervisor)
        harness.kill(keeper)
        harness.run("nft", "flush", "ruleset")
        mended = self.stack("reconcile").out
        self.assertIn("supervisor life start: no supervisor is there", mended)
        self.assertIn("life: ports life", mended)
        self.assertTrue(self.served())
        self.assertEqual(m.inits(*ALL), before, "nothing was restarted")
        self.assertEqual(self.stack("reconcile", "--all").out, "")
        # One that ended by itself and is not to be restarted stays ended.
        (m.work / "signal/end").touch()
        harness.wait_until(lambda: self.state("life-job-1") == "exited", "its end")
        self.assertEqual(self.stack("reconcile").out, "")
        self.assertEqual(self.state("life-job-1"), "exited")
        self.stack("down", "-t", "1")
        self.assertEqual(self.stack("reconcile", "--all").out, "")


if __name__ == "__main__":
    harness.main()
