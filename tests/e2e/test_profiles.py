"""A service of a profile that is brought up by its name: it starts, later commands leave it as it is, `down` takes it."""

import harness

FILE = """
name: tools
services:
  web:
    image: host
    command: ["sleep", "1000"]
    init: true
    networks: [front]
  probe:
    image: host
    command: ["sleep", "1000"]
    init: true
    profiles: [debug]
    networks: [back]
    volumes: ["notes:/notes"]
  job:
    image: host
    command: ["true"]
    profiles: [once]
networks: {front: {}, back: {}}
volumes: {notes: {}}
"""


class Profiles(harness.Case):
    def test_by_name(self):
        m = self.machine
        self.write("compose.yaml", FILE)
        self.stack("up", "-d")
        self.assertEqual([row["Name"] for row in m.ps("-a")], ["tools-web-1"])
        self.stack("up", "-d", "probe")
        self.stack("up", "-d", "job")
        harness.wait_until(lambda: m.container("tools-job-1")["State"] == "exited", "the end of the job")
        before = m.inits("tools-web-1", "tools-probe-1")
        # Nobody names them now, and no profile selects them: neither orphans nor scaled down, nor started again.
        done = self.stack("up", "-d")
        self.assertNotIn("no longer", done.err)
        self.assertEqual(m.inits("tools-web-1", "tools-probe-1"), before)
        self.assertEqual(m.container("tools-job-1")["State"], "exited")
        self.assertEqual(self.stack("plan", "--detailed-exitcode").code, 0)
        self.stack("exec", "-T", "probe", "touch", "/notes/kept")
        # A change of another service does not touch them either.
        self.write("compose.yaml", FILE.replace("front]", "front]\n    environment: {CHANGED: '1'}"))
        self.stack("up", "-d", "-t", "1")
        self.assertEqual(m.init("tools-probe-1"), before["tools-probe-1"])
        self.assertNotEqual(m.init("tools-web-1"), before["tools-web-1"])
        self.assertEqual(self.stack("up", "-d", "nosuch", check=False).code, 1)
        self.stack("down", "-v", "-t", "1")
        self.assertEqual(m.ps("-a"), [])


if __name__ == "__main__":
    harness.main()
