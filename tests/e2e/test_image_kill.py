"""Loads that are killed at any moment, and a disk that is full: the next load succeeds, the store verifies, nothing
is left over, and the rest of the program goes on working."""

import os
import pathlib
import random
import shutil
import signal
import subprocess
import time

import harness
import image_support as images
from image_support import entry, folder

KILLS = int(os.environ.get("IMAGE_KILLS", "200"))


def content(seed, size):
    return random.Random(seed).randbytes(size)


class Kill(harness.Case):
    def setUp(self):
        super().setUp()
        self.store = self.machine.root / "lib/images"
        self.layout = images.Layout(self.machine.work / "layout")

    def make(self, tag, files, size):
        layers = []
        for number in range(3):
            made = [folder(f"d{number}")]
            made += [entry(f"d{number}/f{n}", content(f"{tag}{number}{n}", size)) for n in range(files)]
            layers.append(images.layer(made))
        self.layout.image(layers, {"Cmd": ["/x"]}, tag=tag)

    def names(self, *folders):
        return sorted(
            str(path.relative_to(self.store)) for name in folders for path in (self.store / name).glob("*"))

    def stack_image(self, *argv):
        return [str(pathlib.Path(harness.STACK).parent / "stack-image"), *argv, "--root", str(self.machine.root)]

    def load(self):
        harness.run(*self.stack_image("load", self.name), cwd=self.machine.work)

    def forget(self):
        """An empty store again, once nobody writes into it in the background."""
        self.machine.settle_images()
        shutil.rmtree(self.store)

    def unpackers(self):
        return [pid for pid in harness.all_pids() if harness.read(f"/proc/{pid}/comm") == "stack-unpack\n" and harness.is_alive(pid)]

    def killed_after(self, delay, unpacker):
        """(a process was killed, the load ended by it)"""
        child = subprocess.Popen(self.stack_image("load", self.name), cwd=self.machine.work, env=self.machine.env,
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(delay)
        # One of those that unpack, or the whole program.
        victims = self.unpackers() if unpacker else []
        if child.poll() is not None:
            return False, False
        victim = random.choice(victims) if victims else child.pid
        try:
            os.kill(victim, signal.SIGKILL)
        except ProcessLookupError:
            victim = None
        code = child.wait(timeout=60)
        harness.wait_until(lambda: not self.unpackers(), "the end of what unpacks, whose parent was killed")
        return victim is not None, code != 0

    def test_killed_loads(self):
        # In memory: what syncfs takes on a busy disk would be most of the time.
        lib = self.machine.root / "lib"
        lib.mkdir()
        harness.run("mount", "-t", "tmpfs", "-o", "size=64m,mode=700", "tmpfs", lib)
        self.addCleanup(lambda: harness.run("umount", "-q", "-l", lib, check=False))
        self.make("one", files=40, size=8_000)
        self.name = "oci:./layout:one"
        began = time.monotonic()
        self.load()
        whole = time.monotonic() - began
        self.forget()
        kills = failed = rounds = with_layers = with_name = 0
        while kills < KILLS:
            rounds += 1
            self.assertLess(rounds, 3 * KILLS, "the load ends too early to be killed")
            # One to three killed loads on top of each other, then a whole one.
            for _ in range(random.randint(1, 3)):
                killed, ended = self.killed_after(random.uniform(0, whole * 1.1), unpacker=random.random() < 0.3)
                kills += killed
                failed += killed and ended
                with_layers += killed and bool(self.names("layers"))
                with_name += killed and bool(self.names("names"))
            self.load()
            self.assertEqual(self.names("tmp", "partial"), [], f"after {kills} kills")
            self.assertEqual(len(self.names("layers")), 3)
            if rounds % 10 == 0:
                self.stack("image", "verify", "-q")
            self.forget()
        self.load()
        self.stack("image", "verify")
        self.machine.settle_images()
        print(f"{kills} loads with a process killed in {rounds} rounds (a whole one takes {whole * 1000:.0f} ms), {failed} ended by it; "
              f"after the kill {with_layers} had unpacked layers, {with_name} the name", flush=True)
        self.assertGreater(failed, KILLS // 2, "the moments hit the load")
        self.assertGreater(with_layers, 0)
        harness.run("umount", lib)
        lib.rmdir()

    def test_many_at_once(self):
        self.make("one", files=60, size=20_000)
        children = [
            subprocess.Popen([harness.STACK, "image", "load", "-q", "oci:./layout:one"], cwd=self.machine.work,
                             env=self.machine.env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            for _ in range(6)]
        for child in children:
            _, err = child.communicate(timeout=120)
            self.assertEqual(child.returncode, 0, err)
        self.stack("image", "verify")
        self.assertEqual(len(self.names("layers")), 3)
        self.assertEqual(self.names("tmp", "partial"), [])


class FullDisk(harness.Case):
    def small_disk(self, where):
        """A file system of 32 MiB in a file; where loop devices cannot be had, one in memory. mount's loop devices clear
        themselves when nothing has them mounted any more, which is at the latest when this mount namespace ends."""
        file = self.machine.base / "disk"
        with open(file, "wb") as made:
            made.truncate(32 << 20)
        where.mkdir()
        self.addCleanup(lambda: harness.run("umount", "-q", "-l", where, check=False))
        done = None
        for command in (["mkfs.ext4", "-q", "-F", "-m", "0", file], ["mount", "-t", "ext4", "-o", "loop", file, where]):
            if shutil.which(command[0]) is None:
                done = f"{command[0]} is not installed"
                break
            tried = subprocess.run(command, capture_output=True, text=True, check=False)
            done = None if tried.returncode == 0 else f"{command[0]}: {tried.stderr.strip()}"
            if done:
                break
        if done:
            print(f"no loop device ({done}): a full tmpfs instead of a full disk", flush=True)
            harness.run("mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", where)
        os.chmod(where, 0o700)
        self.disk = [line.split(" - ")[1] for line in harness.read("/proc/self/mountinfo").splitlines() if f" {where} " in line]
        print("full disk:", *self.disk, flush=True)
        return file

    def loops_of(self, file):
        return [path for path in pathlib.Path("/sys/block").glob("loop*/loop/backing_file") if harness.read(path).strip() == str(file)]

    def test_full_disk(self):
        work = self.machine.work
        layout = images.Layout(work / "layout")
        layout.image([images.layer(images.base_entries())], {"Cmd": ["/bin/sleep", "1000"]}, tag="small")
        layout.image([images.layer([entry("big", content("big", 30 << 20))])], tag="big")
        # Packed small, unpacked large.
        layout.image([images.layer([entry(f"f{n}", bytes([n + 1]) * (1 << 20)) for n in range(40)])], tag="wide")
        small = self.machine.root / "lib"
        file = self.small_disk(small)
        self.write("compose.yaml", "name: full\nservices:\n  box:\n    image: oci:./layout:small\n    stop_grace_period: 0s\n")
        self.stack("up", "-d")
        for tag in ("big", "wide"):
            failed = self.assert_fails("image", "load", "-q", f"oci:./layout:{tag}", match="No space left on device\n  hint: make room")
            self.assertNotIn("terminate", failed.err)
            images_dir = small / "images"
            self.assertEqual(os.listdir(images_dir / "partial"), [])
            self.assertEqual(len(os.listdir(images_dir / "layers")), 1)
        # Not a byte more.
        with open(small / "filler", "wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 65536)
            except OSError:
                pass
        self.assertEqual(self.machine.ps()[0]["State"], "running")
        self.assertIn("layout:small", self.stack("image", "ls").out)
        self.stack("df")
        self.assert_fails("image", "load", "-q", "oci:./layout:big", match="No space left on device")
        self.stack("down")
        self.assertEqual(self.machine.ps(), [])
        self.stack("image", "rm", f"oci:{work}/layout:small")
        (small / "filler").unlink()
        self.stack("image", "load", "-q", "oci:./layout:small")
        self.stack("image", "verify")
        self.machine.settle_images()
        harness.run("umount", small)
        small.rmdir()
        harness.wait_until(lambda: not self.loops_of(file), "the loop device is given back")


if __name__ == "__main__":
    harness.main()
