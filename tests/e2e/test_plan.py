"""A plan says what `up` does, why, and no more; `up` does exactly that."""

import json

import harness

FILE = """
name: plan
services:
  web:
    image: host
    stop_grace_period: 1s
    command: ["busybox", "httpd", "-f", "-p", "80", "-h", "/www"]
    volumes: ["./www:/www:ro"]
    ports: ["{port}:80"]
  worker:
    image: host
    stop_grace_period: 1s
    command: ["sleep", "1000"]
    scale: {scale}
    environment:
      MODE: "{mode}"
      OTHER: same
    mem_limit: {memory}
  quiet:
    image: host
    stop_grace_period: 1s
    command: ["sleep", "1000"]
    depends_on: [web]
"""


class Plan(harness.Case):
    def file(self, mode="one", scale=1, port=8080, memory="64m"):
        self.write("www/index.html", "<p>page</p>")
        self.write("compose.yaml", FILE.format(mode=mode, scale=scale, port=port, memory=memory))

    def steps(self):
        return json.loads(self.stack("plan", "--format", "json").out)["steps"]

    def test_first_and_empty(self):
        self.file()
        actions = {(step["kind"].lower(), step["action"].lower()) for step in self.steps()}
        self.assertIn(("container", "create"), actions)
        self.assertIn(("network", "create"), actions)
        for step in self.steps():
            self.assertTrue(step["reasons"], f"a step without a reason: {step}")
        text = self.stack("plan").out
        self.assertEqual(self.stack("up", "--dry-run").code, 0)
        self.assert_no_leaks()
        self.assertIn("plan-worker-1", text)

        self.stack("up", "-d")
        self.assertEqual(self.steps(), [])
        self.assertEqual(self.stack("plan").code, 0)
        self.assertEqual(self.stack("plan", "--detailed-exitcode").code, 0)
        self.stack("down")

    def test_one_value_replaces_one_service(self):
        m = self.machine
        names = ["plan-web-1", "plan-worker-1", "plan-quiet-1"]
        self.file()
        self.stack("up", "-d")
        before = m.inits(*names)
        self.file(mode="two")
        steps = self.steps()
        self.assertEqual([(s["target"], s["action"].lower()) for s in steps], [("plan-worker-1", "replace")], steps)
        self.assertIn("MODE", json.dumps(steps[0]["reasons"]))
        text = self.stack("plan").out
        self.assertIn("MODE", text)
        self.assertNotIn("plan-web-1", text.partition("Containers:")[0])
        self.assertRegex(text, r"\n  replaced +plan-worker-1\n  untouched +plan-quiet-1, plan-web-1\n"
                               r"Plan: 1 to replace, 2 untouched\.\n")
        self.assertNotIn("OTHER", text)
        self.assertEqual(self.stack("plan", "--detailed-exitcode", check=False).code, 2)
        self.stack("up", "-d")
        after = m.inits(*names)
        self.assertNotEqual(after["plan-worker-1"], before["plan-worker-1"])
        self.assertEqual({n: after[n] for n in names if "worker" not in n},
                         {n: before[n] for n in names if "worker" not in n})
        environment = harness.read(f"/proc/{after['plan-worker-1'][0]}/environ").split("\0")
        self.assertIn("MODE=two", environment)
        self.assertEqual(self.steps(), [])
        self.stack("down")

    def test_in_place(self):
        """Ports, limits and scale change without a restart."""
        m = self.machine
        names = ["plan-web-1", "plan-worker-1", "plan-quiet-1"]
        self.file()
        self.stack("up", "-d")
        before = m.inits(*names)
        self.file(scale=3, port=8088, memory="96m")
        self.stack("up", "-d")
        self.assertEqual(m.inits(*names), before)
        self.assertEqual(len(m.ps()), 5)
        harness.get("http://127.0.0.1:8088/")
        with self.assertRaises(OSError):
            harness.get("http://127.0.0.1:8080/", timeout=2)
        limit = (m.cgroup_with("plan-worker-1", "memory.limit_in_bytes")
                 or m.cgroup_with("plan-worker-1", "memory.max"))
        self.assertEqual(int(harness.read(limit)), 96 << 20)
        self.file(scale=1)
        self.stack("up", "-d")
        self.assertEqual(len(m.ps("-a")), 3)
        self.stack("down")

    def test_made_and_not_started(self):
        m = self.machine
        self.file()
        self.stack("up", "--no-start")
        self.assertEqual({row["State"] for row in m.ps("-a")}, {"created"})
        self.assertEqual(m.pids("plan-web-1"), [])
        # Another supervisor, and nobody asked for a start yet.
        self.assertEqual(self.stack("reconcile").out, "")
        self.stack("up", "--no-start")
        self.assertEqual({row["State"] for row in m.ps("-a")}, {"created"})
        self.stack("start")
        self.assertEqual({row["State"] for row in m.ps("-a")}, {"running"})
        self.assertIn("<", harness.get_soon("http://127.0.0.1:8080/"))
        before = m.inits("plan-web-1", "plan-worker-1")
        self.file(mode="two")
        self.stack("up", "-d", "--no-recreate")
        self.assertEqual(m.inits("plan-web-1", "plan-worker-1"), before)
        self.stack("up", "--no-start")
        self.assertEqual(m.container("plan-worker-1")["State"], "created")
        self.assertEqual(m.init("plan-web-1"), before["plan-web-1"])
        self.stack("down")

    def test_service_removed(self):
        """A service that the file has no more is an orphan: named, and taken away when asked."""
        self.file()
        self.stack("up", "-d")
        self.write("compose.yaml", "name: plan\nservices:\n  web: {image: host, command: [sleep, '1000']}\n")
        result = self.stack("up", "-d")
        self.assertIn("orphan", (result.out + result.err).lower(), str(result))
        self.stack("up", "-d", "--remove-orphans")
        self.assertEqual([row["Service"] for row in self.machine.ps("-a")], ["web"])
        self.stack("down")

    def test_drift_is_seen(self):
        """What was broken behind our back is in the next plan, with what was seen as the reason."""
        self.file()
        self.stack("up", "-d")
        inits = self.machine.inits("plan-web-1", "plan-quiet-1")
        for prefix in ("st-", "sv-"):  # a bridge, then one container's link
            device = [link["ifname"] for link in json.loads(harness.run("ip", "-j", "link"))
                      if link["ifname"].startswith(prefix)][0]
            harness.run("ip", "link", "del", device)
            self.assertNotEqual(self.steps(), [], f"{device} is missing")
            self.stack("up", "-d")
            self.assertEqual(self.steps(), [])
            self.assertIn("<", harness.get("http://127.0.0.1:8080/"))
            self.assertEqual(self.machine.inits("plan-web-1", "plan-quiet-1"), inits)
        self.stack("down")


if __name__ == "__main__":
    harness.main()
