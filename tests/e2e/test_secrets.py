"""Configs and secrets: every source, owners and modes as a user inside sees them, who gets them and who does not,
what a change costs, and that what a secret holds is told to nobody."""

import base64
import json
import os
import pathlib
import stat

import harness

WORD = "hunter2-of-the-test"
OTHER = "another-word-of-the-test"

FILE = """
name: sec
services:
  web:
    image: host
    init: true
    user: "1234:1234"
    command: ["sleep", "1000"]
    read_only: true
    secrets:
      - token
      - {source: token, target: short}
      - {source: token, target: /opt/mine, uid: "1234", gid: "4321", mode: 0400}
      - {source: token, target: roots, mode: 0400}
      - bound
      - {source: bound, target: copied, mode: 0440, gid: "1234"}
    configs:
      - motd
      - {source: motd, target: /etc/app/motd, mode: 0555}
      - {source: shell, target: /opt/bin/greet, mode: 0755}
      - place
  other: {image: host, init: true, command: ["sleep", "1000"]}
secrets:
  token: {environment: TOKEN}
  bound: {file: ./bound.txt}
configs:
  motd: {content: "hello $${NAME}\\n"}
  shell: {content: "#!/bin/sh\\necho greetings\\n"}
  place: {environment: PLACE}
"""


class Secrets(harness.Case):
    def setUp(self):
        super().setUp()
        self.write("compose.yaml", FILE)
        self.write("bound.txt", "from the host\n")
        self.env = {"TOKEN": WORD, "PLACE": "here"}

    def up(self, *args, **env):
        return self.stack("up", "-d", *args, env={**self.env, **env})

    def inside(self, service, script, check=True):
        return self.stack("exec", "-T", service, "sh", "-c", script, check=check)

    def seen(self, *paths):
        """What a program inside reads, or None where it may not."""
        out = []
        for path in paths:
            result = self.inside("web", f"cat {path}", check=False)
            out.append(result.out if result.code == 0 else None)
        return out

    def test_every_source_as_the_user_sees_it(self):
        shown = self.up()
        self.assertNotIn("no effect", shown.err)
        run = "/run/secrets"
        self.assertEqual(self.seen(f"{run}/token", f"{run}/short", "/opt/mine", f"{run}/roots"),
                         [WORD, WORD, WORD, None])
        self.assertEqual(self.seen(f"{run}/bound", f"{run}/copied"), ["from the host\n"] * 2)
        self.assertEqual(self.seen("/motd", "/etc/app/motd", "/place"), ["hello ${NAME}\n"] * 2 + ["here"])
        self.assertEqual(self.inside("web", "/opt/bin/greet").out, "greetings\n", "a config may be a program")
        look = self.inside("web", f"stat -c '%F %a %u %g' {run}/token /opt/mine {run}/copied /opt/bin/greet").out
        self.assertEqual(look.splitlines(), ["regular file 444 0 0", "regular file 400 1234 4321",
                                             "regular file 440 0 1234", "regular file 755 0 0"])
        # Read-only even for root, and each without what it does not need.
        for path in (f"{run}/token", f"{run}/bound", "/motd"):
            result = self.stack("exec", "-T", "-u", "0", "web", "sh", "-c", f"echo x >> {path}", check=False)
            self.assertRegex(result.err, "Read-only file system", str(result))
        mounts = {line.split()[4]: line.split()[5].split(",") for line in self.inside(
            "web", "cat /proc/self/mountinfo").out.splitlines()}
        usual = {"ro", "nosuid", "nodev"}
        for path, options in ((f"{run}/token", usual | {"noexec"}), ("/motd", usual)):
            self.assertLessEqual(options, set(mounts[path]), path)
        # Nobody else has them.
        self.assertEqual(self.inside("other", "ls /run/secrets /motd 2>/dev/null", check=False).out, "")
        # A file that is bound is the host's own: written in place, it is seen at once; a copy stays.
        self.write("bound.txt", "changed\n")
        self.assertEqual(self.seen(f"{run}/bound", f"{run}/copied"), ["changed\n", "from the host\n"])
        # A one-off has them too, and leaves nothing.
        once = self.stack("run", "--rm", "-T", "web", "sh", "-c", "cat /run/secrets/token /motd", env=self.env)
        self.assertEqual(once.out, WORD + "hello ${NAME}\n")
        self.stack("restart", "-t", "1", "web")
        self.assertEqual(self.seen(f"{run}/token", "/opt/mine"), [WORD, WORD])
        self.stack("down", "-t", "1")

    def test_a_step_before_it_has_them(self):
        text = FILE.replace("    read_only: true\n", """    read_only: true
    pre_start:
      - command: ["cat", "/run/secrets/token", "/motd"]
""")
        self.assertNotEqual(text, FILE)
        self.write("compose.yaml", text)
        self.up()
        self.assertEqual(self.stack("logs", "--no-color", "web").out.splitlines(),
                         [f"web-pre_start-1  | {WORD}hello ${{NAME}}"])
        web = self.machine.init("sec-web-1")
        # Who is not asked for needs none of it again, and is what was recorded of it.
        self.stack("up", "-d", "other")
        self.assertEqual(self.stack("-p", "sec", "reconcile").out, "")
        self.assertIn("Nothing to do", self.stack("plan", env=self.env).out)
        self.assertEqual(self.machine.init("sec-web-1"), web)
        self.up(TOKEN=OTHER)
        self.assertNotEqual(self.machine.init("sec-web-1"), web)
        self.assertIn(OTHER, self.stack("logs", "--no-color", "web").out)
        self.stack("down", "-t", "1")

    def test_a_change_replaces_who_has_it(self):
        self.up()
        self.assertIn("Nothing to do", self.stack("plan", env=self.env).out)
        other = self.machine.init("sec-other-1")
        plan = self.stack("plan", env={**self.env, "TOKEN": OTHER})
        self.assertRegex(plan.out, r"container +sec-web-1 +replace +secrets.token changed \(value not shown\)")
        self.assertIn("Plan: 1 to replace", plan.out)
        shown = [plan, self.up(TOKEN=OTHER)]
        self.assertEqual(self.seen("/run/secrets/token"), [OTHER])
        self.assertEqual(self.machine.init("sec-other-1"), other)
        self.env["TOKEN"] = OTHER
        # Content of a config, and a mode.
        self.write("compose.yaml", FILE.replace("hello", "good day").replace("mode: 0440", "mode: 0444"))
        plan = self.stack("plan", env=self.env)
        self.assertIn("configs.motd changed (value not shown)", plan.out)
        self.assertIn("secrets.bound", plan.out)
        shown += [plan, self.up()]
        self.assertEqual(self.seen("/motd"), ["good day ${NAME}\n"])
        self.assertEqual(self.machine.init("sec-other-1"), other)
        # A copied file is read again by each up.
        self.write("bound.txt", "changed\n")
        self.assertIn("secrets.bound at /run/secrets/copied changed", self.up("--dry-run").out)
        self.up()
        self.assertEqual(self.seen("/run/secrets/copied"), ["changed\n"])
        # Gone from the file, gone from the container.
        self.write("compose.yaml", FILE.replace("      - token\n", ""))
        self.up()
        self.assertEqual(self.seen("/run/secrets/token", "/run/secrets/short"), [None, OTHER])
        for each in shown:
            for word in (WORD, OTHER):
                self.assertNotIn(word, each.out + each.err)
        self.stack("down", "-t", "1")

    def test_told_to_nobody(self):
        shown = [self.up(), self.stack("plan", "--format", "json", env={**self.env, "TOKEN": OTHER}),
                 self.stack("plan", env={**self.env, "TOKEN": OTHER}), self.stack("ps", "-a", "--format", "json"),
                 self.stack("logs"), self.stack("config", env=self.env), self.stack("doctor", check=False),
                 self.stack("top"), self.stack("ls", "--format", "json")]
        # As it is, and as the records keep it.
        words = [text for word in (WORD, OTHER) for text in (word, base64.b64encode(word.encode()).decode())]
        for each in shown:
            for word in words:
                self.assertNotIn(word, each.out + each.err, str(each.argv))
        json.loads(shown[1].out)
        found = self.files_with(words)
        self.assertTrue(found, "it is kept, so that it comes back after a reboot")
        for path in found:
            closed = stat.S_IMODE(path.stat().st_mode) == 0o600 or path.parent.name == "files"
            self.assertTrue(closed, f"{path}: {path.stat().st_mode:o}")
            folders = [parent for parent in path.parents if self.machine.root in (parent, *parent.parents)]
            self.assertTrue(any(stat.S_IMODE(each.stat().st_mode) == 0o700 for each in folders[:-1]), path)
            if path.parent.name == "files":
                self.assertEqual(stat.S_IMODE(path.parent.stat().st_mode), 0o700)
        self.assertFalse([pid for pid in harness.all_pids() if WORD in " ".join(harness.command_line(pid))])
        self.stack("down", "-t", "1")
        self.assertEqual(self.files_with(words), [], "and down forgets it")

    def files_with(self, words):
        out = []
        for folder, _, names in os.walk(self.machine.root):
            for name in names:
                path = pathlib.Path(folder) / name
                if path.is_symlink() or not path.is_file() or path.name in ("netns", "pidfd"):
                    continue  # pins of the kernel's
                content = path.read_bytes()
                if any(word.encode() in content for word in words):
                    out.append(path)
        return out

    def test_lost_inside_is_mended(self):
        self.up()
        pid, _ = self.machine.init("sec-web-1")
        harness.run("nsenter", "--target", str(pid), "--mount", "--root", "--pid", "umount", "-l", "/run/secrets/token")
        self.assertIn("nothing is mounted at /run/secrets/token any more", self.stack("plan", env=self.env).out)
        self.up()
        self.assertEqual(self.seen("/run/secrets/token"), [WORD])
        # What was made is not needed any more once it is mounted; the next start makes it again.
        harness.run("rm", "-rf", str(self.machine.root / "run/stacks/sec/containers/sec-web-1/files"))
        self.assertEqual(self.seen("/run/secrets/token"), [WORD])
        self.stack("restart", "-t", "1")
        self.assertEqual(self.seen("/run/secrets/token"), [WORD])
        self.stack("down", "-t", "1")

    def test_what_is_wrong_is_said_before_anything_is_done(self):
        before = self.machine.snapshot()
        for old, new, at, said in (
                ("./bound.txt", "./missing.txt", "./missing", r'secret "bound": .*/missing.txt does not exist'),
                ("./bound.txt", "/dev/null", "/dev/null", "is not a regular file"),
                ("TOKEN}", "ABSENT}", "ABSENT", 'environment variable "ABSENT" required by secret "token" is not set'),
                ("{environment: TOKEN}", "{external: true}", "true}", 'unsupported external secret "token"'),
                ('uid: "1234"', 'uid: "me"', "{source: token, target: /opt", 'uid "me" is not a number'),
                ("target: short", "target: /motd", "{source: token, target: /motd", "two mounts at /motd"),
                ("target: short", "target: /", "{source: token, target: /}", "cannot be at /"),
        ):
            text = FILE.replace(old, new)
            self.write("compose.yaml", text)
            lines = text[: text.index(at)].split("\n")
            place = f"{len(lines)}:{len(lines[-1]) + 1}"
            result = self.assert_fails("up", "-d", match=[f"compose.yaml:{place}: error: ", said], env=self.env)
            self.assertNotIn(WORD, result.out + result.err)
            self.machine.unchanged(before)
        self.write("compose.yaml", FILE.replace("./bound.txt", "./big.bin"))
        self.write("big.bin", "x" * (500 * 1024 + 1))
        self.assert_fails("up", "-d", match="is larger than 512000 bytes", env=self.env)
        # Where the image lets nothing be made, the container does not start, and the file is named by its place inside.
        self.write("compose.yaml", FILE.replace("/opt/bin/greet", "/usr/local/bin/greet"))
        self.assert_fails("up", "-d", match="config at /usr/local/bin/greet .*Read-only file system", env=self.env)
        self.stack("down", "-t", "1")
        # Who is not asked for may lack it.
        self.write("compose.yaml", FILE.replace("./bound.txt", "./missing.txt"))
        self.stack("up", "-d", "other", env=self.env)
        self.assertEqual([row["Name"] for row in self.machine.ps()], ["sec-other-1"])
        self.stack("config", "-q", env=self.env)
        self.stack("down", "-t", "1")


if __name__ == "__main__":
    harness.main()
