"""`logs`: which lines, of which containers, in which order."""

import time

import harness

FILE = """
name: logs
services:
  web:
    image: host
    init: true
    scale: 2
    command: ["sh", "-c", "echo first; while [ ! -e /signal/go ]; do sleep 0.02; done; echo second; exec sleep 1000"]
    volumes: ["./signal:/signal:ro"]
"""


class Logs(harness.Case):
    def test_since_until_and_index(self):
        m = self.machine
        (m.work / "signal").mkdir()
        self.write("compose.yaml", FILE)
        self.stack("up", "-d")
        harness.wait_until(lambda: m.log_lines() == ["first", "first"], "the first lines")
        time.sleep(0.01)
        between = time.time()
        (m.work / "signal/go").touch()
        harness.wait_until(lambda: len(m.log_lines()) == 4, "the second lines")
        seconds = f"{between:.6f}"
        zoned = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(between)) + f".{int(between % 1 * 1e6):06d}Z"
        for when in (seconds, zoned):
            self.assertEqual(m.log_lines("--since", when), ["second"] * 2, when)
            self.assertEqual(m.log_lines("--until", when), ["first"] * 2, when)
            self.assertEqual(m.log_lines("--until", when, "-n", "1"), ["first"] * 2, when)
            self.assertEqual(m.log_lines("--until", when, "-n", "0"), [], when)
        self.assertEqual(len(m.log_lines("--since", "1h")), 4)
        self.assertEqual(m.log_lines("--until", "1h"), [])
        shown = self.stack("logs", "--index", "2", "-n", "1").out
        self.assertRegex(shown, r"^web-2 +\| second\n$")
        self.assert_fails("logs", "--since", "yesterday", match='--since: "yesterday" is not a point in time')
        self.stack("down")


if __name__ == "__main__":
    harness.main()
