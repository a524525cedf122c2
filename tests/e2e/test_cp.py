"""`cp`: files between a container and here, whether it runs or not; the container's links lead nowhere but inside."""

import io
import os
import subprocess
import tarfile

import harness

FILE = """
name: copy
services:
  web:
    image: host
    command: ["sleep", "1000"]
    init: true
    scale: 2
    volumes: ["data:/data", "./mounted:/mounted:ro"]
volumes:
  data:
"""


class Copy(harness.Case):
    def setUp(self):
        super().setUp()
        self.write("compose.yaml", FILE)
        self.write("mounted/in", "bound\n")
        self.work = self.machine.work

    def inside(self, script, *args):
        return self.stack("exec", "-T", *args, "web", "sh", "-c", script).out

    def stack_bytes(self, *args, data=None):
        done = subprocess.run([harness.STACK, *args], cwd=self.work, env=self.machine.env, input=data,
                              stdin=None if data is not None else subprocess.DEVNULL, capture_output=True, timeout=60,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_both_ways(self):
        self.stack("up", "-d")
        self.write("tree/a/file", "x" * 200_000)
        self.write("tree/b", "b")
        os.symlink("a/file", self.work / "tree/link")
        self.stack("cp", "tree", "web:/root")
        for index in ("1", "2"):
            self.assertEqual(self.inside("wc -c </root/tree/a/file; readlink /root/tree/link", "--index", index).split(),
                             ["200000", "a/file"], "to every replica")
        self.stack("cp", "tree/.", "web:/srv/new")
        self.assertEqual(self.inside("cat /srv/new/b"), "b")
        self.stack("cp", "--index", "2", "tree/b", "web:/root/only")
        self.assertEqual(self.inside("ls /root"), "tree\n")
        self.stack("cp", "web:/root/tree", "back")
        self.assertEqual((self.work / "back/a/file").read_text(), "x" * 200_000)
        self.assertEqual(os.readlink(self.work / "back/link"), "a/file")
        self.stack("cp", "web:/root/tree/link", ".")
        self.assertTrue((self.work / "link").is_symlink())
        self.stack("cp", "-L", "web:/root/tree/link", "followed")
        self.assertEqual(len((self.work / "followed").read_text()), 200_000)
        self.inside("echo v >/data/v; chown 33:33 /data/v; chmod 4755 /data/v")
        self.stack("cp", "web:/data/v", "plain")
        self.stack("cp", "-a", "web:/data/v", "archived")
        plain, archived = os.stat(self.work / "plain"), os.stat(self.work / "archived")
        self.assertEqual((plain.st_uid, plain.st_mode & 0o7777), (0, 0o755))
        self.assertEqual((archived.st_uid, archived.st_mode & 0o7777), (33, 0o4755))
        self.write("hosts", "127.0.0.1 localhost replaced\n")
        self.stack("cp", "--index", "1", "hosts", "web:/etc/hosts")
        self.assertIn("replaced", self.inside("cat /etc/hosts"), "one that is mounted is written")
        self.assert_fails("cp", "plain", "web:/mounted/x", match="Read-only")
        self.assert_fails("cp", "none", "web:/x", match="none")
        self.assert_fails("cp", "web:/none", ".", match="/none")
        self.assert_fails("cp", "plain", "web:/none/", match="/none")
        self.assert_fails("cp", "web:/a", "web:/b", match="between containers")
        self.assert_fails("cp", "a", "b", match="neither")
        self.assert_fails("cp", "nothing:/a", ".", match="no such service")
        self.assert_fails("cp", "--index", "7", "web:/etc/hosts", ".", match="no such container")
        self.stack("down", "-v", "-t", "0")

    def test_stopped(self):
        self.stack("up", "-d", "--scale", "web=1")
        self.inside("echo kept >/root/file; echo data >/data/file")
        self.stack("stop", "-t", "0")
        self.stack("cp", "web:/root/file", "file")
        self.assertEqual((self.work / "file").read_text(), "kept\n")
        self.stack("cp", "web:/data/file", "data")
        self.assertEqual((self.work / "data").read_text(), "data\n")
        self.stack("cp", "web:/mounted/in", "in")
        self.assertEqual((self.work / "in").read_text(), "bound\n")
        self.stack("cp", "in", "web:/data/in")
        self.stack("cp", "in", "web:/root/in")
        self.assert_fails("cp", "in", "web:/mounted/new", match="Read-only")
        self.assert_fails("cp", "in", "web:/usr/new", match="Read-only")
        self.assertFalse(os.path.exists("/usr/new"))
        self.stack("start")
        self.assertEqual(self.inside("cat /root/in /data/in"), "bound\nbound\n")
        self.stack("down", "-v", "-t", "0")

    def test_hostile(self):
        """Links that point out of the container, absolute and relative, in every place where one could stand."""
        victim = self.write("victim/secret", "the host's\n").parent
        before = {path.name: path.read_text() for path in victim.iterdir()}
        self.stack("up", "-d", "--scale", "web=1")
        up = "../" * 12
        self.inside(f"mkdir -p /t{victim} && echo inside >/t{victim}/secret; "
                    f"ln -s {victim} /abs; ln -s {up}{victim} /rel; ln -s {victim}/secret /file; "
                    f"ln -s /proc/1/root{victim} /magic; mkdir /d; ln -s {victim} /d/trap")
        for stopped in (False, True):
            if stopped:
                self.stack("stop", "-t", "0")
            for name in ("abs", "rel", "magic"):
                self.assert_fails("cp", f"web:/{name}/secret", "stolen", match=".")
                self.assert_fails("cp", "-L", f"web:/{name}", "stolen", match=".")
                self.assert_fails("cp", "compose.yaml", f"web:/{name}/planted", match=".")
            self.assert_fails("cp", "-L", "web:/file", "stolen", match=".")
            self.assertFalse((self.work / "stolen").exists())
            self.stack("cp", "web:/d", f"got-{stopped}")
            self.assertTrue((self.work / f"got-{stopped}/trap").is_symlink(), "as a link")
            # Copied there once more, what the link leads to is not written.
            self.assertEqual({path.name: path.read_text() for path in victim.iterdir()}, before)
        self.stack("start")
        self.inside("rm /d/trap; mkdir /d/trap; echo planted >/d/trap/secret")
        self.assert_fails("cp", "web:/d/.", "got-True", match="trap")
        self.assertEqual({path.name: path.read_text() for path in victim.iterdir()}, before)
        self.inside("mkfifo /d/pipe")
        shown = self.stack("cp", "web:/d", "pipes").err
        self.assertIn("left out: pipe", shown)
        self.stack("down", "-v", "-t", "0")

    def test_tar_streams(self):
        self.stack("up", "-d", "--scale", "web=1")
        self.inside("mkdir -p /t/sub; echo one >/t/one; echo two >/t/sub/two; ln -s one /t/link")
        packed = self.stack_bytes("cp", "web:/t", "-")
        with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
            self.assertEqual(sorted(tar.getnames()), ["t", "t/link", "t/one", "t/sub", "t/sub/two"])
            self.assertEqual(tar.extractfile("t/sub/two").read(), b"two\n")
            self.assertEqual(tar.getmember("t/link").linkname, "one")
        self.inside("mkdir /into")
        self.stack_bytes("cp", "-", "web:/into", data=packed)
        self.assertEqual(self.inside("cat /into/t/sub/two"), "two\n")
        for name, kind, target in (("../out", tarfile.REGTYPE, ""), ("t/x", tarfile.LNKTYPE, "t/one")):
            data = io.BytesIO()
            with tarfile.open(fileobj=data, mode="w") as tar:
                member = tarfile.TarInfo(name)
                member.type, member.linkname = kind, target
                tar.addfile(member)
            done = subprocess.run([harness.STACK, "cp", "-", "web:/into"], cwd=self.work, env=self.machine.env,
                                  input=data.getvalue(), capture_output=True, timeout=60, check=False)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn(b"tar stream", done.stderr)
        self.assertEqual(self.inside("ls / | grep out; true"), "")
        self.stack("down", "-v", "-t", "0")


if __name__ == "__main__":
    harness.main()
