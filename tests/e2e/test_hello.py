"""examples/stacks/hello: the whole life of a stack, as the README tells it."""

import harness

FILE = harness.TOP / "examples/stacks/hello/app.yaml"
PAGE = "Hello from a stack"


class Hello(harness.Case):
    def hello(self, *args, **options):
        return self.stack("-f", FILE, *args, **options)

    def rows(self, *args):
        return self.machine.ps(*args, before=("-f", FILE))

    def test_life(self):
        m = self.machine
        self.hello("config", "-q")
        self.assertIn("hello-web-1", self.hello("plan").out)
        self.assertEqual(self.hello("plan", "--detailed-exitcode", check=False).code, 2)
        self.assert_no_leaks()  # a plan has no side effect

        self.hello("up", "-d", "--wait")
        rows = {row["Name"]: row for row in self.rows()}
        self.assertEqual(sorted(rows), ["hello-web-1", "hello-web-2"])
        for row in rows.values():
            self.assertEqual((row["State"], row["Health"], row["Service"]), ("running", "healthy", "web"))
        table = self.hello("ps").out
        self.assertIn("(healthy)", table)
        self.assertIn("8080->80/tcp", table)
        self.assertEqual(len(self.hello("ps", "-q").out.split()), 2)

        # From the machine (every own address), and from another one, both replicas.
        for port in (8080, 8081):
            for address in ("127.0.0.1", harness.HOST_V4, f"[{harness.HOST_V6}]", "[::1]"):
                with self.subTest(address=address, port=port):
                    self.assertIn(PAGE, harness.get(f"http://{address}:{port}/"))
            got = m.requests(f"http://{harness.HOST_V4}:{port}/")
            self.assertEqual(got["failed"], 0, got)
            self.assertIn(PAGE, list(got["answers"])[0])
        ports = {self.hello("port", "--index", index, "web", 80).out.strip() for index in (1, 2)}
        self.assertEqual({text.rpartition(":")[2] for text in ports}, {"8080", "8081"})

        # Nothing to do: an empty plan, and `up` touches nothing.
        inits = m.inits("hello-web-1", "hello-web-2")
        self.assertEqual(self.hello("plan", "--detailed-exitcode").code, 0)
        self.hello("up", "-d", "--wait")
        self.assertEqual(m.inits("hello-web-1", "hello-web-2"), inits)

        self.assertIn("hello", self.stack("ls").out)
        self.assertIn("running(2)", self.stack("ls").out)

        # exec: output, exit status, standard input, environment, user, folder.
        self.assertEqual(self.hello("exec", "-T", "web", "hostname").out.strip() != "", True)
        self.assertEqual(self.hello("exec", "-T", "web", "sh", "-c", "exit 7", check=False).code, 7)
        self.assertEqual(self.hello("exec", "-T", "web", "cat", input="through\n").out, "through\n")
        self.assertEqual(
            self.hello("exec", "-T", "-e", "A=b", "-w", "/tmp", "-u", "nobody", "web",
                       "sh", "-c", "echo $A $PWD $(id -un)").out.split(), ["b", "/tmp", "nobody"])
        self.assertEqual(
            self.hello("exec", "-T", "--index", "2", "web", "true").code, 0)
        missing = self.hello("exec", "-T", "web", "no-such-program", check=False)
        self.assertIn(missing.code, (126, 127), str(missing))

        self.hello("down")
        self.assertEqual(self.rows("-a"), [])
        self.assertNotIn("hello", self.stack("ls", "-a").out)
        with self.assertRaises(OSError):
            harness.get("http://127.0.0.1:8080/", timeout=2)
        self.hello("down")  # once more: nothing to do, no error

    def test_logs(self):
        self.write("compose.yaml", """
            services:
              talk:
                image: host
                command: ["sh", "-c", "echo one; echo two >&2; echo three; exec sleep 1000"]
            """.replace("\n            ", "\n"))
        self.stack("-p", "logs", "up", "-d")
        harness.wait_until(
            lambda: sorted(self.machine.log_lines("talk", before=("-p", "logs"))) == ["one", "three", "two"],
            "three lines")
        last = self.stack("-p", "logs", "logs", "--tail", "1")
        out = last.out + last.err  # which of the two streams was last is not promised
        self.assertEqual(len(out.splitlines()), 1, out)
        self.assertIn("talk-1", out)
        self.assertRegex(self.stack("-p", "logs", "logs", "-t").out, r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
        # The end of the container is the end of `logs -f`.
        follow = self.machine.spawn("-p", "logs", "logs", "-f", "talk")
        self.stack("-p", "logs", "down", "-t", "1")
        out, _ = follow.communicate(timeout=30)
        self.assertIn("three", out)

    def test_version_and_doctor(self):
        self.assertRegex(self.stack("version").out, r"\d+\.\d+\.\d+")
        self.assertIn("cgroup", self.stack("doctor", check=False).out.lower())


if __name__ == "__main__":
    harness.main()
