"""Many commands at once: on one stack, and stacks that race for one port, for subnets, for nothing but the machine."""

import collections
import json
import os
import random
import signal
import subprocess
import time

import harness
from crash_support import CrashCase

STACKS = 40
COMMANDS = 50
# Far above what a busy machine needs: a deadlock is what lasts longer.
BOUND = 240


class Concurrency(CrashCase):
    def together(self, commands):
        """All at once; [(exit code, stdout and stderr)] in their order. None may hang, none may die of a signal."""
        m = self.machine
        children = [m.spawn(*argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for argv in commands]
        deadline = time.monotonic() + BOUND
        out = []
        for child in children:
            try:
                text, _ = child.communicate(timeout=max(deadline - time.monotonic(), 1))
            except subprocess.TimeoutExpired:
                self.fail(f"no end within {BOUND} s: {' '.join(child.args)}")
            self.assertGreaterEqual(child.returncode, 0, f"{child.args}: {text}")
            out.append((child.returncode, text))
            m.children.remove(child)
        return out

    def test_one_stack(self):
        """Fifty commands of four kinds: each ends, and what is there afterwards is what one more command says."""
        kinds = (["up", "-d"], ["down"], ["scale", "aux=2"], ["restart"])
        random.seed(5)
        commands = [kinds[index % 4] for index in range(COMMANDS)]
        random.shuffle(commands)
        said = self.together(commands)
        failed = [(argv, text) for argv, (code, text) in zip(commands, said) if code != 0]
        for argv, text in failed:
            # What another command took away in the meantime may be named; nothing else is an excuse.
            self.assertRegex(text, r"keeps changing|is not up|is not there|was not done|"
                             r"ended while", f"{argv}")
        self.assertEqual([path.name for path in self.marks.glob("*.twice")], [], "a second copy ran")
        self.stack("up", "-d")
        self.assertEqual(self.stack("plan", "--detailed-exitcode").code, 0)
        # Those that came too late to be the one see it and leave.
        harness.wait_until(lambda: [len(pids) for pids in self.ours_now().values()] == [1, 1], "one pair of ours", 20)
        self.stack("down")
        print(f"{COMMANDS} commands, {len(failed)} with something in their way", flush=True)

    def test_what_waits_behind_another_plan_can_be_cancelled(self):
        """By Ctrl-C, and by the death of who asked: it is not carried out later."""
        m = self.machine
        self.write("slow.yaml", """
name: slow
services:
  web:
    image: host
    init: true
    command: ["sleep", "1000"]
    volumes: ["./out:/out", "kept:/kept"]
    post_start:
      - command: ["sh", "-c", "echo kept > /kept/file; touch /out/begun; until [ -e /out/go ]; do sleep 0.05; done"]
volumes: {kept: {}}
""")
        out = m.work / "out"
        out.mkdir()

        def is_connected(pid):
            own = set()
            for number in os.listdir(f"/proc/{pid}/fd"):
                try:
                    own.add(os.readlink(f"/proc/{pid}/fd/{number}"))
                except FileNotFoundError:  # closed meanwhile
                    pass
            fields = [line.split() for line in harness.read("/proc/net/unix").splitlines()[1:]]
            return any(f"socket:[{each[6]}]" in own and each[5] == "03" for each in fields)

        def behind(*argv):
            child = m.spawn("-f", "slow.yaml", *argv)
            harness.wait_until(lambda: is_connected(child.pid), f"{argv} to connect")
            time.sleep(0.5)  # until what it asks for has been sent
            self.assertIsNone(child.poll(), "it waits")
            return child

        first = m.spawn("-f", "slow.yaml", "up", "-d")
        harness.wait_until((out / "begun").exists, "the hook")
        interrupted = behind("down", "-v", "-t", "1")
        interrupted.send_signal(signal.SIGINT)
        said, _ = interrupted.communicate(timeout=60)  # while the plan before it goes on
        self.assertEqual(interrupted.returncode, 130, said)
        killed = behind("down", "-v", "-t", "1")
        harness.kill(killed.pid)
        (out / "go").touch()
        said, _ = first.communicate(timeout=60)
        self.assertEqual(first.returncode, 0, said)
        before = m.init("slow-web-1")
        # Behind everything that was asked for before it.
        self.stack("-f", "slow.yaml", "scale", "web=2")
        self.assertEqual(m.init("slow-web-1"), before)
        self.assertEqual(self.stack("-f", "slow.yaml", "exec", "-T", "web", "cat", "/kept/file").out, "kept\n")
        self.stack("-f", "slow.yaml", "down", "-v", "-t", "1")

    def stacks(self, text):
        commands = []
        for index in range(STACKS):
            folder = self.machine.work / f"s{index}"
            folder.mkdir()
            (folder / "compose.yaml").write_text(text.format(index=index))
            commands.append(["-f", f"s{index}/compose.yaml", "up", "-d"])
        return commands

    ONE = """
name: race{index}
services:
  one:
    image: host
    command: ["/t/once", "/marks"]
    hostname: race{index}
    volumes: ["../bin:/t:ro", "../marks:/marks"]
    stop_grace_period: 2s
"""

    def running(self):
        return [index for index in range(STACKS) if self.machine.pids(f"race{index}-one-1")]

    def test_one_port(self):
        commands = self.stacks(self.ONE + "    ports: ['18090:80']\n")
        said = self.together(commands)
        winners = [index for index, (code, _) in enumerate(said) if code == 0]
        self.assertEqual(len(winners), 1, [text for _, text in said])
        winner = winners[0]
        for index, (code, text) in enumerate(said):
            if index != winner:
                self.assertEqual(code, 1, text)
                self.assertRegex(text, rf"18090.*\n?.*race{winner}|race{winner}.*18090", "the holder is named")
        self.assertEqual(self.running(), [winner])
        listed = json.loads(self.stack("ls", "--format", "json").out)
        self.assertEqual([row["Name"] for row in listed], [f"race{winner}"])
        # The others failed whole: one `down` of the winner leaves nothing at all.
        self.stack(*commands[winner][:2], "down")
        self.nothing_left()

    def test_automatic_subnets(self):
        commands = self.stacks(self.ONE)
        said = self.together(commands)
        self.assertEqual(collections.Counter(code for code, _ in said), {0: STACKS},
                         [text for code, text in said if code])
        self.assertEqual(self.running(), list(range(STACKS)))
        addresses = []
        for link in json.loads(harness.run("ip", "-j", "-4", "addr")):
            if link["ifname"].startswith("st-"):
                addresses += [info["local"] for info in link["addr_info"]]
        self.assertEqual(len(addresses), STACKS)
        self.assertEqual(len({address.rsplit(".", 1)[0] for address in addresses}), STACKS, sorted(addresses))
        said = self.together([[*argv[:2], "down"] for argv in commands])
        self.assertEqual(collections.Counter(code for code, _ in said), {0: STACKS},
                         [text for code, text in said if code])


del CrashCase

if __name__ == "__main__":
    harness.main()
