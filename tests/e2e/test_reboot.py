"""A reboot, played in the test's own namespaces: new boot id, no processes, no links, no runtime folder. And the files
of a run that cannot be believed any more, or cannot be written."""

import json
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import uuid

import harness

BOOT_ID = "/proc/sys/kernel/random/boot_id"

ONE = """
name: one
services:
  db:
    image: host
    command: ["sh", "-c", "date +%s.%N >> /data/started; exec sleep 1000"]
    init: true
    volumes: ["data:/data"]
    pre_start: [{command: ["sh", "-c", "echo run >> /data/prepared"]}]
    healthcheck: {test: ["CMD", "test", "-s", "/data/started"], interval: 100ms}
  web:
    image: host
    command: ["busybox", "httpd", "-f", "-p", "80", "-h", "/www"]
    init: true
    restart: always
    ports: ["8080:80"]
    volumes: ["./www:/www:ro"]
    depends_on: {db: {condition: service_healthy}, migrate: {condition: service_completed_successfully}}
  migrate:
    image: host
    command: ["sh", "-c", "echo run >> /data/migrations"]
    volumes: ["data:/data"]
  halted:
    image: host
    command: ["sleep", "1000"]
    init: true
    restart: unless-stopped
volumes: {data: {}}
"""
TWO = """
name: two
services:
  app: {image: host, command: ["sleep", "1000"], init: true, secrets: [word]}
secrets: {word: {environment: WORD}}
"""
THREE = """
name: three
services:
  app: {image: host, command: ["sleep", "1000"], init: true, restart: always, pre_start: [{command: ["true"]}]}
"""
FOUR = """
name: four
services:
  app: {image: host, command: ["sleep", "1000"], init: true}
  later:
    image: host
    command: ["busybox", "httpd", "-f", "-p", "80"]
    init: true
    ports: ["8081:80"]
    pre_start: [{command: ["true"]}]
"""
SMALL = """
name: small
services:
  web:
    image: host
    command: ["busybox", "httpd", "-f", "-p", "80", "-h", "/www"]
    init: true
    ports: ["8080:80"]
    volumes: ["./www:/www:ro"]
    restart: unless-stopped
  db: {image: host, command: ["sleep", "1000"], init: true}
"""


class Reboot(harness.Case):
    def setUp(self):
        super().setUp()
        self.write("www/index.html", "served\n")
        for name, text in (("one", ONE), ("two", TWO), ("three", THREE), ("four", FOUR)):
            self.write(f"{name}/compose.yaml", text.replace("./www", str(self.machine.work / "www")))
        self.write("two/.env", "WORD=kept in mind\n")

    def up(self, project):
        self.stack("up", "-d", "--wait", cwd=self.machine.work / project)

    def rows(self, project):
        return {row["Name"]: row for row in self.machine.ps("-a", before=("-p", project))}

    def states(self, project):
        return {name: row["State"] for name, row in self.rows(project).items()}

    def kill_everything(self):
        """What a reboot leaves: the data root, and nothing else."""
        m = self.machine
        own = [pid for name in ("one", "two", "three", "four", "small")
               for role in ("stack-keeper", "stack-supervisor") for pid in m.ours(role, name)]
        for number in (signal.SIGSTOP, signal.SIGKILL):  # stopped first, or one would start the other again
            for pid in own:
                try:  # those of a stack that was stopped are on their way out by themselves
                    harness.kill(pid, number)
                except ProcessLookupError:
                    pass
        harness.remove_cgroups(m.cgroup)
        for mount in harness.read("/proc/self/mountinfo").splitlines():
            path = mount.split()[4]
            if path.startswith(str(m.root / "run") + "/"):
                harness.run("umount", "-l", path)
        for link in json.loads(harness.run("ip", "-j", "link")):
            if link["ifname"].startswith(("st-", "sv-")):
                harness.run("ip", "link", "del", link["ifname"], check=False)
        harness.run("nft", "flush", "ruleset")
        shutil.rmtree(m.root / "run")

    def new_boot_id(self):
        file = self.machine.base / "boot_id"
        file.write_text(f"{uuid.uuid4()}\n")
        harness.run("mount", "--bind", str(file), BOOT_ID)
        self.addCleanup(harness.run, "umount", BOOT_ID, check=False)

    def test_reboot(self):
        m = self.machine
        for project in ("one", "two", "three"):
            self.up(project)
        self.stack("-p", "one", "exec", "-T", "web", "touch", "/kept")
        self.stack("-p", "one", "stop", "-t", "1", "halted")
        self.stack("-p", "three", "stop", "-t", "1")
        self.stack("-p", "two", "run", "-d", "--name", "two-once", "app", "sleep", "1000", cwd=m.work / "two")
        before = harness.read(BOOT_ID)
        self.kill_everything()
        self.new_boot_id()
        (m.work / "two/.env").unlink()
        self.assertNotEqual(harness.read(BOOT_ID), before)
        self.assertEqual(set(self.states("one").values()), {"exited"}, "known without a runtime folder")
        self.assertIn("ran before the machine was restarted", self.stack("-p", "one", "up", "--dry-run",
                                                                         cwd=m.work / "one").out)
        mended = self.stack("reconcile", "--all")
        lines = mended.out.splitlines()
        self.assertIn("one: container one-web-1 start: ran before the machine was restarted", lines)
        self.assertIn("two: container two-app-1 start: ran before the machine was restarted", lines)
        self.assertFalse([line for line in lines if line.startswith("three:")], "stopped as a whole")
        rows = self.rows("one")
        self.assertEqual({name: row["State"] for name, row in rows.items()},
                         {"one-db-1": "running", "one-web-1": "running", "one-migrate-1": "exited",
                          "one-halted-1": "exited", "one-db-pre_start-1": "exited"})
        self.assertLessEqual(rows["one-db-1"]["StartedAt"], rows["one-web-1"]["StartedAt"], "in order")
        self.assertEqual(self.states("two"), {"two-app-1": "running", "two-once": "exited"}, "a run is over")
        self.assertEqual([row["Name"] for row in m.ps("-p", "two")], ["two-app-1"], "and no replica")
        word = self.stack("-p", "two", "exec", "-T", "app", "cat", "/run/secrets/word")
        self.assertEqual(word.out, "kept in mind", "a secret comes back without its source")
        self.assertEqual(set(self.states("three").values()), {"exited"}, "also with restart: always")
        # Data, files of the container and what a one-shot had done are kept.
        data = m.root / "lib/volumes/one_data/_data"
        self.assertEqual(len((data / "started").read_text().splitlines()), 2)
        self.assertEqual((data / "migrations").read_text(), "run\n", "what had ended well is not run again")
        self.assertEqual((data / "prepared").read_text(), "run\n", "nor a step of pre_start")
        self.assertEqual(rows["one-migrate-1"]["ExitCode"], 0)
        self.stack("-p", "one", "exec", "-T", "web", "ls", "/kept")
        self.assertEqual(harness.get_soon("http://127.0.0.1:8080/"), "served\n")
        self.assertEqual(self.stack("reconcile", "--all").out, "", "and then there is nothing to do")
        # What was stopped can be started.
        self.stack("-p", "three", "start")
        self.assertEqual(self.states("three")["three-app-1"], "running")
        for project in ("one", "two", "three"):
            self.stack("-p", project, "down", "-t", "1", "-v")
        harness.run("umount", BOOT_ID)

    def test_what_was_only_made_stays_so(self):
        m = self.machine
        (m.work / "two/.env").unlink()
        for folder in ("four", "three"):
            self.stack("create", cwd=m.work / folder)
        self.stack("start", "app", cwd=m.work / "four")
        self.kill_everything()
        self.new_boot_id()
        self.assertEqual(self.states("four"), {"four-app-1": "exited", "four-later-1": "created"})
        lines = self.stack("reconcile", "--all").out.splitlines()
        self.assertIn("four: container four-app-1 start: ran before the machine was restarted", lines)
        self.assertFalse([line for line in lines if "later" in line or line.startswith("three")], lines)
        self.assertEqual(self.states("four"), {"four-app-1": "running", "four-later-1": "created"})
        self.assertEqual(self.states("three"), {"three-app-1": "created"})
        self.assertEqual(self.stack("reconcile", "--all").out, "")
        self.stack("start", "later", cwd=m.work / "four")
        self.assertEqual(self.rows("four")["four-later-pre_start-1"]["ExitCode"], 0, "before its first start")
        self.assertIn("404", str(m.requests(f"http://{harness.HOST_V4}:8081/")), "it answers")
        for folder in ("four", "three"):
            self.stack("down", "-t", "1", cwd=m.work / folder)
        harness.run("umount", BOOT_ID)

    def test_one_bad_stack_does_not_stop_the_others(self):
        m = self.machine
        for project in ("one", "two"):
            self.up(project)
        intent = m.root / "lib/stacks/one/desired.json"
        good = intent.read_text()
        pid, _ = m.init("two-app-1")
        for bad in ("", "{", good[: len(good) // 2], "[]", '"x"', "\0\0\0", '{"version": 99, "project": "one"}'):
            intent.write_text(bad)
            result = self.stack("reconcile", "--all", check=False)
            self.assertEqual(result.code, 1, str(result))
            self.assertRegex(result.err, "stack one: what was brought up cannot be read")
        # The other is mended all the same; its process does not stay ended by its policy (none), so by `up`'s rule.
        harness.kill(m.keeper("two"), signal.SIGSTOP)
        harness.kill(m.supervisor("two"))
        harness.kill(m.keeper("two"))
        result = self.stack("reconcile", "--all", check=False)
        self.assertEqual(result.code, 1)
        self.assertRegex(result.out, "^two: supervisor two start: no supervisor is there")
        self.assertEqual(m.init("two-app-1")[0], pid)
        intent.write_text(good)
        self.assertEqual(self.stack("reconcile", "--all").out, "")
        for project in ("one", "two"):
            self.stack("-p", project, "down", "-t", "1", "-v")


class State(harness.Case):
    """Each kind of file, broken in each way: what runs goes on, and nothing is believed that is not true."""

    def setUp(self):
        super().setUp()
        self.write("compose.yaml", SMALL)
        self.write("www/index.html", "served\n")
        self.run_dir = self.machine.root / "run/stacks/small"
        self.data_dir = self.machine.root / "lib/stacks/small"

    def stop_ours(self):
        m = self.machine
        keeper, supervisor = m.keeper("small"), m.supervisor("small")
        harness.kill(keeper, signal.SIGSTOP)
        harness.kill(supervisor)
        harness.kill(keeper)

    def bad_texts(self, good, other_boot):
        yield "empty", b""
        yield "half of it", good[: len(good) // 2]
        yield "garbage", os.urandom(200)
        yield "zeroes", b"\0" * len(good)
        yield "another type", b'[1, 2, {"version": true}]'
        if other_boot:
            yield "of another boot", good.replace(harness.read(BOOT_ID).strip().encode(), str(uuid.uuid4()).encode())
        if good.startswith(b"{") and b'"version"' in good:
            newer = json.loads(good)
            newer["version"] = 99
            yield "of a newer version", json.dumps(newer).encode()
            newer["version"] = {"major": 2}
            yield "a version that is no number", json.dumps(newer).encode()

    def test_files(self):
        m = self.machine
        self.stack("up", "-d")
        before = m.inits("small-web-1", "small-db-1")
        web = self.run_dir / "containers/small-web-1"
        repairs = self.run_dir / "repairs.json"
        boot = harness.read(BOOT_ID).strip()
        good_repairs = json.dumps({"boot": boot, "version": 1, "repairs": {"container/small-web-1": {
            "failed": 99, "again": 0, "last": 0, "text": "never"}}}).encode()
        kinds = [  # file, content when there is none yet, carries the boot id
            (web / "state.json", None, True),
            (self.run_dir / "exits", boot.encode().ljust(63, b"\0") + b"\1" + struct.pack("<qQiiq", 1, 1, 0, 1, 0), True),
            (self.data_dir / "lock", None, True),
            (self.data_dir / "kept.json", None, False),
            (self.data_dir / "reconcile.lock", b"1\n", False),
            (repairs, good_repairs, True),
        ]
        for path, content, other_boot in kinds:
            good = content or path.read_bytes()
            for how, bad in self.bad_texts(good, other_boot):
                with self.subTest(file=path.name, how=how):
                    path.write_bytes(bad)
                    # With the supervisor alive, and with a new pair that has nothing but the files.
                    self.assertEqual({row["State"] for row in m.ps("-a")}, {"running"})
                    self.assertEqual(self.stack("reconcile").code, 0)
                    self.assertEqual(self.stack("plan", "--detailed-exitcode").code, 0)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(bad)
                    self.stop_ours()
                    self.assertEqual(self.stack("reconcile").code, 0)
                    harness.wait_until(
                        lambda: self.stack("plan", "--detailed-exitcode", check=False).code == 0, "nothing to do")
                    self.assertEqual(m.inits(*before), before, "nothing was restarted")
        self.assertEqual(harness.get_soon("http://127.0.0.1:8080/"), "served\n")
        self.stack("down", "-t", "1")

    def test_records_of_networks_and_containers(self):
        """What a broken one said is lost; the next `up` makes it anew, and says so."""
        m = self.machine
        self.stack("up", "-d")
        network = m.root / "lib/networks/small_default.json"
        good = network.read_bytes()
        for how, bad in self.bad_texts(good, False):
            with self.subTest(file=network.name, how=how):
                network.write_bytes(bad)
                self.assertEqual({row["State"] for row in m.ps("-a")}, {"running"})
                self.assertIn(self.stack("plan", "--detailed-exitcode", check=False).code, (0, 2))
                self.stack("up", "-d")
                harness.wait_until(
                    lambda: self.stack("plan", "--detailed-exitcode", check=False).code == 0, "nothing to do")
                network.write_bytes(good) if not network.read_bytes().startswith(b"{") else None
        record = self.run_dir / "containers/small-db-1/record.json"
        good = record.read_bytes()
        db = m.init("small-db-1")
        for how, bad in self.bad_texts(good, False):
            with self.subTest(file=record.name, how=how):
                record.write_bytes(bad)
                self.assertEqual({row["State"] for row in m.ps("-a")}, {"running"})
                result = self.stack("plan", "--detailed-exitcode", check=False)
                self.assertEqual(result.code, 2, str(result))
                self.stack("up", "-d")
                self.assertEqual(self.stack("plan", "--detailed-exitcode").code, 0)
        self.assertNotEqual(m.init("small-db-1"), db, "nobody knows what it was started as")
        self.stack("down", "-t", "1")

    def test_full_disk(self):
        """ps, down and rm need no room."""
        m = self.machine
        m.root.rmdir()
        m.root.mkdir(mode=0o700)
        harness.run("mount", "-t", "tmpfs", "-o", "size=2m,mode=700", "tmpfs", str(m.root))
        try:
            self.stack("up", "-d")
            before = m.inits("small-web-1", "small-db-1")
            filler = m.root / "filler"
            with open(filler, "wb", buffering=0) as file:
                try:
                    while True:
                        file.write(b"x" * 4096)
                except OSError:
                    pass
            self.assertEqual(len(m.ps()), 2)
            self.assertEqual(self.stack("plan", "--detailed-exitcode").code, 0)
            self.assertEqual(self.stack("reconcile").out, "")
            self.stop_ours()
            self.assertEqual(len(m.ps()), 2, "with nobody alive, too")
            self.stack("reconcile")
            self.assertEqual(m.inits(*before), before)
            self.stack("rm", "-fs", "db")
            self.assertEqual([row["Name"] for row in m.ps("-a")], ["small-web-1"])
            self.stack("down", "-t", "1")
            self.assertEqual(self.stack("ls", "-a", "-q").out, "")
            filler.unlink()
            harness.wait_until(lambda: not m.ours("stack-supervisor", "small"), "the supervisor's end")
        finally:
            harness.run("umount", "-l", str(m.root))

    def test_enable(self):
        m = self.machine
        units, cron = m.base / "units", m.base / "cron"
        self.stack("up", "-d")
        shown = self.stack("enable", "--print", "--unit-dir", units).out
        self.assertFalse(units.exists(), "only shown")
        said = self.stack("enable", "--unit-dir", units).out
        service, = units.glob("*.service")
        timer, = units.glob("*.timer")
        self.assertIn(service.read_text(), shown)
        self.assertIn(f"wrote {timer}", said)
        self.assertIn(f"systemctl start {timer.name}", said)
        self.assertTrue((units / "timers.target.wants" / timer.name).samefile(timer))
        self.assertRegex(self.stack("enable", "--unit-dir", units).out, "^unchanged: ")
        # The very line that the unit has, run as a shell would.
        line, = [text for text in service.read_text().splitlines() if text.startswith("ExecStart=")]
        harness.kill(m.init("small-db-1")[0], signal.SIGSTOP)
        done = harness.run("sh", "-c", line.removeprefix("ExecStart="), env=m.env, cwd="/")
        self.assertRegex(done, r"^small: container small-db-1 update: process \d+ is stopped")
        self.assertEqual(self.stack("enable", "--all", "--cron-dir", cron).out.split()[0], "wrote")
        crontab, = cron.iterdir()
        self.assertRegex(crontab.name, "^[a-zA-Z0-9_-]+$", "cron reads no other")
        line = crontab.read_text().splitlines()[-1]
        self.assertRegex(line, r"^\* \* \* \* \* root /.* reconcile --all$")
        harness.run("sh", "-c", line.removeprefix("* * * * * root "), env=m.env, cwd="/")
        self.assertIn(f"removed {timer}", self.stack("disable", "--unit-dir", units).out)
        self.assertEqual([path for path in units.rglob("*") if not path.is_dir()], [])
        self.assertIn("removed", self.stack("disable", "--all", "--cron-dir", cron).out)
        self.assertRegex(self.stack("disable", "--all", "--cron-dir", cron).out, "^not enabled")
        self.assertEqual(list(cron.iterdir()), [])
        for folder in (units / "timers.target.wants", units, cron):
            pathlib.Path(folder).rmdir()
        self.stack("down", "-t", "1")

    def test_one_at_a_time_and_back_off(self):
        m = self.machine
        self.stack("up", "-d")
        lock = self.data_dir / "reconcile.lock"
        self.stack("reconcile")
        holder = subprocess.Popen(["flock", str(lock), "sleep", "1000"], start_new_session=True)
        m.children.append(holder)
        harness.wait_until(lambda: subprocess.run(["flock", "-n", str(lock), "true"], check=False).returncode,
                           "the lock to be held")
        result = self.stack("reconcile", "--timeout", "1", check=False)
        self.assertEqual(result.code, 3, str(result))
        self.assertRegex(result.err, r"stack small: another reconcile \(pid \d+\) is at work")
        os.killpg(holder.pid, signal.SIGKILL)
        holder.wait()
        self.assertEqual(self.stack("reconcile").code, 0)
        self.stack("down", "-t", "1")

        self.write("compose.yaml", """
name: small
services:
  broken:
    image: host
    command: ["/data/program"]
    volumes: ["./data:/data:ro"]
    restart: always
""")
        program = self.write("data/program", "#!/bin/sh\nexec sleep 1000\n")
        program.chmod(0o755)
        self.stack("up", "-d")
        # A repair that needs a restart, which cannot be.
        program.unlink()
        harness.run("nsenter", "--target", str(m.init("small-broken-1")[0]), "--mount", "--root", "--pid",
                    "umount", "-l", "/data")
        codes = []
        for _ in range(12):
            result = self.stack("reconcile", check=False)
            codes.append(result.code)
            harness.wait_until(lambda: m.container("small-broken-1")["State"] == "exited", "its last try", 30)
            if result.code == 2:
                break
        self.assertEqual(codes[-1], 2, f"waited out at last: {codes}")
        self.assertEqual(self.stack("reconcile", check=False).out, "", "silent while it is waited out")
        self.assertRegex(m.container("small-broken-1")["Repair"], r"repair failed \d+ times?, next in \d")
        self.assertRegex(self.stack("ps", "-a").out, r"Exited \(127\) .* \(repair failed \d+ times?, next in \d")
        program.write_text("#!/bin/sh\nexec sleep 1000\n")
        program.chmod(0o755)
        self.stack("up", "-d")  # forgets
        self.assertEqual(m.container("small-broken-1")["Repair"], "")
        self.assertEqual(self.stack("reconcile").code, 0)
        self.stack("down", "-t", "1")


if __name__ == "__main__":
    harness.main()
