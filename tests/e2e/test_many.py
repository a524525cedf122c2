"""A hundred services: all up, the order of a chain kept, all gone again."""

import harness

COUNT = 100


class Many(harness.Case):
    def test_hundred(self):
        m = self.machine
        lines = ["name: many", "services:"]
        for index in range(COUNT):
            lines += [f"  s{index}:", "    image: host", '    command: ["sleep", "1000"]', "    stop_grace_period: 1s"]
            if index % 10:
                lines += [f"    depends_on: [s{index - 1}]"]
        self.write("compose.yaml", "\n".join(lines) + "\n")
        self.stack("up", "-d")
        names = [f"many-s{index}-1" for index in range(COUNT)]
        inits = m.inits(*names)
        for index in range(COUNT):
            if index % 10:
                self.assertGreaterEqual(inits[names[index]][1], inits[names[index - 1]][1], "started before its dependency")
        self.assertEqual(len(m.ps()), COUNT)
        self.assertEqual(self.stack("plan", "--detailed-exitcode").code, 0)
        found = self.stack("exec", "-T", "s0", "getent", "hosts", "s99").out
        self.assertRegex(found, r"^\d+\.\d+\.\d+\.\d+\s")
        # A small limit of open files counts when the program starts, not while a supervisor of hundreds launches it.
        self.write("compose.yaml", "\n".join(lines) + """
  few:
    image: host
    command: ["sh", "-c", "ulimit -n; exec sleep 1000"]
    ulimits: {nofile: 64}
    stop_grace_period: 1s
""")
        self.stack("up", "-d")
        harness.wait_until(lambda: m.log_lines("few") == ["64"], "the limit in its log")
        self.assertEqual(self.stack("exec", "-T", "s0", "sh", "-c", "ulimit -n").out.strip(), "1024")
        self.stack("down")

    def test_many_ports(self):
        """A range of a thousand ports is one entry of the file and no burden."""
        self.write("www/index.html", "page")
        self.write("compose.yaml", """
name: ports
services:
  web:
    image: host
    command: ["busybox", "httpd", "-f", "-p", "9500", "-h", "/www"]
    volumes: ["./www:/www:ro"]
    ports: ["9000-9999:9000-9999"]
""")
        self.stack("up", "-d")
        self.assertEqual(self.machine.requests(f"http://{harness.HOST_V4}:9500/")["answers"], {"page": 1})
        self.assertEqual(harness.get("http://127.0.0.1:9500/"), "page")
        self.assertEqual(self.stack("port", "web", "9999").out.strip().rpartition(":")[2], "9999")
        self.stack("down", "-t", "1")


if __name__ == "__main__":
    harness.main()
