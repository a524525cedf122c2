"""A container that counts, while the supervisor and the keeper are killed again and again: every line once, in order."""

import harness

LINES = 100_000
SUPERVISOR_KILLS, KEEPER_KILLS = 20, 5
ROUNDS = SUPERVISOR_KILLS + KEEPER_KILLS
EACH = LINES // ROUNDS

# The counter goes on only as the kills do, however slow the machine is.
COUNT = (
    f"i=0; while [ $$i -lt {LINES} ]; do "
    f"if [ $$((i % {EACH})) = 0 ]; then while [ ! -e /signal/$$((i / {EACH})) ]; do sleep 0.02; done; fi; "
    "echo \"line $$i of the storm\"; i=$$((i + 1)); done; echo end; exec sleep 1000"
)

FILE = f"""
name: storm
services:
  plain: &counter
    image: host
    init: true
    command: ["sh", "-c", '{COUNT}']
    volumes: ["./signal:/signal:ro"]
  terminal:
    <<: *counter
    tty: true
"""
SERVICES = ["plain", "terminal"]


class LogStorm(harness.Case):
    def lines(self, service):
        lines = self.machine.log_lines(service)
        return lines if lines and lines[-1] == "end" else None

    def check(self, service, lines):
        expected = [f"line {i} of the storm" for i in range(LINES)] + ["end"]
        if lines == expected:
            return
        missing = [line for line in expected if line not in set(lines)]
        wrong = next((i for i, pair in enumerate(zip(lines, expected)) if pair[0] != pair[1]), -1)
        self.fail(f"{service}: {len(lines)} lines instead of {len(expected)}; missing {len(missing)}: {missing[:5]}; "
                  f"the first that differs: {lines[wrong:wrong + 3]} at {wrong}")

    def test_every_line_once(self):
        m = self.machine
        signals = m.work / "signal"
        signals.mkdir()
        self.write("compose.yaml", FILE)
        self.stack("up", "-d", *SERVICES)
        names = [f"storm-{service}-1" for service in SERVICES]
        inits = m.inits(*names)
        killed = {"stack-supervisor": 0, "stack-keeper": 0}
        for number in range(ROUNDS):
            role = "stack-keeper" if number % 5 == 4 else "stack-supervisor"
            supervisors = m.ours("stack-supervisor", "storm")
            old = harness.wait_until(lambda: m.ours(role, "storm"), f"a {role}")
            (signals / str(number)).touch()
            for pid in old:
                harness.kill_if_there(pid)
            killed[role] += 1
            harness.wait_until(
                lambda: set(m.ours("stack-supervisor", "storm")) - set(supervisors)
                and set(m.ours(role, "storm")) - set(old), f"another {role}, and a supervisor of its own")
        self.assertEqual(killed, {"stack-supervisor": SUPERVISOR_KILLS, "stack-keeper": KEEPER_KILLS})
        for service in SERVICES:
            self.check(service, harness.wait_until(lambda: self.lines(service), f"the end of {service}", 120, 0.5))
        self.assertEqual(m.inits(*names), inits, "no container was restarted")
        self.stack("down")


if __name__ == "__main__":
    harness.main()
