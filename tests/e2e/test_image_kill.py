"""Loads that are killed at any moment, and a disk that is full: the next load succeeds, the store verifies, nothing
is left over, and the rest of the program goes on working."""

import os
import random
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

    def make(self, tag, files=60, size=20_000):
        layers = []
        for number in range(3):
            made = [folder(f"d{number}")]
            made += [entry(f"d{number}/f{n}", content(f"{tag}{number}{n}", size)) for n in range(files)]
            layers.append(images.layer(made))
        self.layout.image(layers, {"Cmd": ["/x"]}, tag=tag)

    def names(self, *folders):
        return sorted(
            str(path.relative_to(self.store)) for name in folders for path in (self.store / name).glob("*"))

    def test_killed_loads(self):
        self.make("one")
        name = "oci:./layout:one"
        began = time.monotonic()
        self.stack("image", "load", "-q", name)
        whole = time.monotonic() - began
        moments = random.Random(4)
        killed = stages = 0
        for number in range(KILLS):
            if number % 4 == 0:
                self.stack("image", "prune", "-a", "-f")
            child = subprocess.Popen([harness.STACK, "image", "load", "-q", name], cwd=self.machine.work,
                                     env=self.machine.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(moments.uniform(0, whole * 1.1))
            victims = [pid for pid in harness.all_pids() if (harness.command_line(pid)[:1] or [""])[0].endswith("stack-image")]
            # The helper, one of its unpacking processes, or everything at once.
            for pid in moments.sample(victims, min(len(victims), moments.choice([1, 1, 3]))):
                killed += 1
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            child.wait(timeout=60)
            stages += child.returncode != 0
            if number % 10 == 9:
                self.stack("image", "load", "-q", name)
                self.stack("image", "verify", "-q")
                self.assertEqual(self.names("tmp", "partial"), [], f"after {number + 1} kills")
        self.stack("image", "load", "-q", name)
        self.stack("image", "verify")
        self.assertEqual(self.names("tmp", "partial"), [])
        print(f"{KILLS} loads, {killed} processes killed, {stages} loads failed by it; a whole load takes {whole:.2f} s", flush=True)
        self.assertGreater(stages, KILLS // 10, "the moments hit the load")

    def test_many_at_once(self):
        self.make("one")
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
    def test_full_disk(self):
        work = self.machine.work
        layout = images.Layout(work / "layout")
        layout.image([images.layer(images.base_entries())], {"Cmd": ["/bin/sleep", "1000"]}, tag="small")
        layout.image([images.layer([entry("big", content("big", 30 << 20))])], tag="big")
        # Packed small, unpacked large.
        layout.image([images.layer([entry(f"f{n}", bytes([n + 1]) * (1 << 20)) for n in range(40)])], tag="wide")
        small = self.machine.root / "lib"
        small.mkdir()
        harness.run("mount", "-t", "tmpfs", "-o", "size=24m,mode=700", "tmpfs", small)
        self.addCleanup(lambda: harness.run("umount", "-l", small, check=False))
        self.write("compose.yaml", "name: full\nservices:\n  box:\n    image: oci:./layout:small\n    stop_grace_period: 0s\n")
        self.stack("up", "-d")
        for tag in ("big", "wide"):
            failed = self.assert_fails("image", "load", "-q", f"oci:./layout:{tag}", match="No space left on device\n  hint: make room")
            self.assertNotIn("terminate", failed.err)
            images_dir = small / "images"
            self.assertEqual(os.listdir(images_dir / "partial"), [])
        # Not a byte more.
        with open(small / "filler", "wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 65536)
            except OSError:
                pass
        self.assertEqual(self.machine.ps()[0]["State"], "running")
        self.stack("image", "ls")
        self.stack("down")
        self.stack("image", "rm", f"oci:{work}/layout:small")
        (small / "filler").unlink()
        self.stack("image", "load", "-q", "oci:./layout:small")
        self.stack("image", "verify")
        self.machine.settle_images()
        harness.run("umount", small)
        small.rmdir()


if __name__ == "__main__":
    harness.main()
