"""SIGKILL at random moments of a pull, its unpacking included: the next pull succeeds and the store verifies."""

import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "registry"))

import harness
from bad_registry import BadRegistry
from registry_support import STACK_IMAGE, RegistryCase

KILLS = 200


class Killed(RegistryCase):
    def setUp(self):
        super().setUp()
        self.registry = BadRegistry("127.0.0.1")
        self.addCleanup(self.registry.stop)
        # Zeros compress to little: much is unpacked of what comes quickly, and some of it comes slowly.
        contents = [os.urandom(400_000) + bytes(3_000_000) for _ in range(5)]
        self.image = self.registry.add_image("app", "1", contents)
        self.ref = f"{self.registry.host}/app:1"

    def argv(self):
        return [STACK_IMAGE, "pull", "--root", str(self.machine.root), self.ref]

    def killed_after(self, delay):
        """True when the pull was killed, false when it had ended before."""
        child = subprocess.Popen(self.argv(), env=self.machine.env, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(delay)
        killed = child.poll() is None
        child.kill()
        child.wait()
        return killed

    def verify(self):
        code, events = self.image_command("verify")
        self.assertEqual(code, 0, events)
        self.assertEqual([event for event in events if event["event"] == "error"], [])
        self.assert_blobs_true()

    def test_killed_at_any_moment(self):
        images = self.machine.root / "lib/images"
        began = time.monotonic()
        self.pull(self.ref)
        whole = time.monotonic() - began
        self.forget(images)
        chance = random.Random()
        kills = rounds = with_partial = with_layers = with_name = 0
        while kills < KILLS:
            rounds += 1
            self.assertLess(rounds, 3 * KILLS, "the pull ends too early to be killed")
            # One to three killed pulls on top of each other, then a whole one.
            for _ in range(chance.randint(1, 3)):
                kills += self.killed_after(chance.uniform(0, whole * 1.1))
                with_partial += any(images.glob("partial/*")) if images.is_dir() else 0
                with_layers += any(images.glob("layers/*")) if images.is_dir() else 0
                with_name += any(images.glob("names/*")) if images.is_dir() else 0
                self.assert_blobs_true()
            [event] = self.pull(self.ref)
            self.assertEqual(event["digest"][:7], "sha256:")
            self.assertEqual(list(images.glob("partial/*")), [], "nothing is left on its way")
            self.assertEqual(len(list(images.glob("layers/*"))), len(self.image.layers))
            if rounds % 10 == 0:
                self.verify()
            self.forget(images)
        self.pull(self.ref)
        self.verify()
        print(f"{kills} pulls killed in {rounds} rounds (a whole one takes {whole * 1000:.0f} ms); after the kill "
              f"{with_partial} had partial blobs, {with_layers} unpacked layers, {with_name} the name", file=sys.stderr)
        self.assertGreater(with_partial, 0)
        self.assertGreater(with_layers, 0)

    def test_command_ended(self):
        """Who ends `stack`, and nothing else, ends what it fetches; the next pull goes on."""
        asked, go_on = threading.Event(), threading.Event()
        self.addCleanup(go_on.set)

        def hook(request):
            if request.is_blob(self.image.layers[4]):
                asked.set()
                go_on.wait(120)

        self.registry.hook = hook
        child = subprocess.Popen([harness.STACK, "image", "pull", "-q", self.ref], env=self.machine.env,
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.assertTrue(asked.wait(60))
        child.terminate()
        self.assertEqual(child.wait(60), -signal.SIGTERM)
        self.machine.settle_images()
        go_on.set()
        self.registry.hook = None
        self.assertNotIn("app", self.stack("image", "ls").out)
        self.stack("image", "pull", "-q", self.ref)
        self.verify()

    def forget(self, images):
        """An empty store again, once the process that makes things durable in the background is through."""
        self.machine.settle_images()
        shutil.rmtree(images)


if __name__ == "__main__":
    harness.main()
