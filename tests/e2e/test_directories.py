"""Where the stack is called from: folders, and callers that go away."""

import os
import signal
import subprocess
import time

import harness

FILE = """
services:
  web:
    image: host
    command: ["sleep", "1000"]
    stop_grace_period: 1s
"""


class Directories(harness.Case):
    def test_other_name_then_bare_down(self):
        """`stack up -f app.yaml`, then `stack down` in the same folder."""
        folder = self.machine.work / "my-app"
        folder.mkdir()
        (folder / "app.yaml").write_text(FILE)
        self.stack("up", "-f", "app.yaml", "-d", cwd=folder)
        self.assertIn("my-app-web-1", self.stack("ps", cwd=folder).out)
        self.stack("logs", cwd=folder)
        self.stack("down", cwd=folder)
        self.assertNotIn("my-app", self.stack("ls", "-a").out)

    def test_two_stacks_of_one_folder(self):
        """Without a file and with two candidates, they are listed and nothing is guessed."""
        for name in ("a", "b"):
            self.write(f"{name}.yaml", f"name: {name}\n" + FILE)
            self.stack("-f", f"{name}.yaml", "up", "-d")
        result = self.assert_fails("down")
        self.assertRegex(result.err, r"\ba\b[\s\S]*\bb\b")
        self.stack("-p", "a", "down")
        self.stack("-p", "b", "down")

    def test_file_from_standard_input_and_elsewhere(self):
        self.stack("-f", "-", "-p", "piped", "up", "-d", input=FILE)
        self.assertEqual(len(self.machine.ps(before=("-p", "piped"))), 1)
        self.stack("-p", "piped", "down", cwd="/")

    def test_default_files_are_searched_upwards(self):
        self.write("compose.yaml", "name: upward\n" + FILE)
        inner = self.machine.work / "a/b"
        inner.mkdir(parents=True)
        self.assertEqual(self.stack("config", "-q", cwd=inner).code, 0)

    def test_caller_is_killed(self):
        """All that stays in the caller's cgroup and session is killed: the stack lives and is watched over."""
        m = self.machine
        self.write("compose.yaml", "name: orphaned\n" + FILE)
        caller = m.cgroup + "-caller"
        self.addCleanup(harness.remove_cgroups, caller)
        groups = []
        for mount in harness.cgroup_mounts():
            group = mount / caller.lstrip("/")
            try:
                group.mkdir()
                if mount.name == "cpuset":
                    for name in ("cpuset.cpus", "cpuset.mems"):
                        (group / name).write_text(harness.read(mount / name))
                groups.append(group)
            except OSError:
                pass
        self.assertTrue(groups, "no cgroup could be made")
        join = "".join(f"echo 0 > {group}/cgroup.procs; " for group in groups)
        child = subprocess.Popen(
            ["sh", "-c", f"{join} {harness.STACK} up -d && echo up && exec sleep 1000"],
            cwd=m.work, env=m.env, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
            start_new_session=True)
        m.children.append(child)
        self.assertEqual(child.stdout.readline().strip(), "up")
        init = m.init("orphaned-web-1")

        inside = {int(pid) for group in groups for pid in harness.read(group / "cgroup.procs").split()}
        session = {pid for pid in harness.all_pids()
                   if (harness.stat_fields(pid) or [0] * 4)[3] == str(child.pid)}
        for pid in (inside | session) - {0, 1, os.getpid()}:
            os.kill(pid, signal.SIGKILL)
        child.wait()
        time.sleep(0.3)  # what would die of it dies now
        self.assertEqual(m.init("orphaned-web-1"), init)
        supervisor = m.supervisor("orphaned")
        self.assertEqual(os.readlink(f"/proc/{supervisor}/cwd"), "/")
        for group in groups:
            self.assertEqual(harness.read(group / "cgroup.procs").split(), [], f"still in {group}")
        self.assertEqual(self.stack("exec", "-T", "web", "echo", "alive").out.strip(), "alive")
        self.stack("down")

    def test_runtime_folder_removed(self):
        """The lock does not lie in the runtime folder: a second supervisor never appears."""
        m = self.machine
        self.write("compose.yaml", "name: twice\n" + FILE)
        self.stack("up", "-d")
        before = m.supervisor("twice")
        self.stack("up", "-d")
        self.assertEqual(m.ours("stack-supervisor", "twice"), [before])
        self.stack("down")


if __name__ == "__main__":
    harness.main()
