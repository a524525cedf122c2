"""Images from layouts and archives: loaded by `up`, run with their own configuration, listed, saved, removed."""

import json
import os
import shutil

import harness
import image_support as images

CONFIG = {
    "Entrypoint": ["/bin/sh", "-c"],
    "Cmd": ["id -un >/data/who; echo $COLOUR >>/data/who; sleep 1000"],
    "Env": ["COLOUR=green", "PATH=/bin"],
    "User": "app",
    "WorkingDir": "/data",
    "Volumes": {"/data": {}},
    "Labels": {"from": "image"},
    "StopSignal": "SIGKILL",
    "ExposedPorts": {"80/tcp": {}},
    "Healthcheck": {"Test": ["CMD", "/bin/true"], "Interval": 1000000000},
}

FILE = """
name: imaged
services:
  box:
    image: oci:./layout:one
"""


class Image(harness.Case):
    def setUp(self):
        super().setUp()
        self.layout = images.Layout(self.machine.work / "layout")
        top = [
            images.entry("data/.wh.gone"),
            images.entry("etc/added", b"by the second layer\n"),
        ]
        base = images.base_entries() + [images.entry("data/gone", b"x")]
        self.layers = [images.layer(base), images.layer(top)]
        self.layout.image(self.layers, CONFIG, tag="one")

    def sh(self, script):
        return self.stack("exec", "-T", "-u", "0", "box", "/bin/sh", "-c", script).out

    def who_says(self, words):
        last = harness.wait_until(lambda: self.sh("cat /data/who 2>/dev/null; true").split()[-2:], "the program's words", 5)
        self.assertEqual(last, words, self.stack("logs").out)

    def blobs(self):
        return sorted(os.listdir(self.machine.root / "lib/images/blobs/sha256"))

    def layers_there(self):
        return sorted(os.listdir(self.machine.root / "lib/images/layers"))

    def test_up_from_a_layout(self):
        self.write("compose.yaml", FILE)
        missing = self.assert_fails("plan", match="compose.yaml:5:12: error: image oci:.* is not loaded")
        self.assertIn("stack image load", missing.err)
        up = self.stack("up", "-d", "--wait")
        self.assertRegex(up.err, "Extracting\n(.*\n)*.*Pull complete")
        # Entrypoint, command, user, environment, working directory, volume: the image's.
        self.who_says(["app", "green"])
        self.assertEqual(self.sh("cat /etc/added"), "by the second layer\n")
        self.assertEqual(self.sh("ls /data").split(), ["seed", "who"], "the whiteout hides what is below")
        self.assertEqual(self.sh("stat -c '%u:%g %a' /data /data/seed").split("\n")[:2], ["1234:1235 750", "1234:1235 640"])
        row = self.machine.ps()[0]
        self.assertEqual(row["Health"], "healthy", row)
        self.assertEqual(self.stack("plan").out.strip()[:13], "Nothing to do", self.stack("plan").out)

        listed = json.loads(self.stack("images", "--format", "json").out)[0]
        self.assertEqual(listed["ContainerName"], "imaged-box-1")
        self.assert_fails("image", "rm", listed["ID"], match="in use by imaged-box-1")
        self.stack("image", "prune", "-a", "-f")
        self.assertEqual(len(self.layers_there()), 2, "what a stack uses stays")
        self.assertRegex(self.stack("df").out, r"Images +1 +1 ")
        self.stack("image", "verify")

        # Another image under the same name: a replacement, with its reason.
        (self.machine.work / "layout/index.json").unlink()
        self.layout.manifests.clear()
        self.layout.image(self.layers, {**CONFIG, "Env": ["COLOUR=blue", "PATH=/bin"]}, tag="one")
        self.stack("image", "load", "oci:./layout:one")
        self.assertIn("image", self.stack("plan").out)
        self.stack("up", "-d", "--wait")
        self.who_says(["app", "blue"])
        self.assertEqual(len(self.layers_there()), 2, "nothing was unpacked again")
        self.stack("down", "-v")
        pruned = self.stack("image", "prune", "-a", "-f").out
        self.assertIn("deleted: sha256:", pruned)
        self.assertEqual((self.blobs(), self.layers_there()), ([], []))

    def test_part_of_a_health_check(self):
        """What the file leaves out of a health check is the image's, each part by itself."""
        self.write("compose.yaml", FILE + "    healthcheck: {retries: 7}\n")
        self.stack("up", "-d", "--wait")
        wish = json.loads((self.machine.root / "lib/stacks/imaged/desired.json").read_text())
        check = wish["containers"][0]["healthcheck"]
        self.assertEqual((check["test"], check["interval"], check["retries"]), (["CMD", "/bin/true"], 10**9, 7))
        self.stack("down", "-v")

    def test_policy(self):
        self.write("compose.yaml", FILE.replace("oci:./layout:one", "localhost:1/nobody/nothing:7\n    pull_policy: never"))
        self.assert_fails("up", "-d", match="compose.yaml:5:12: error: image localhost:1/.* pull_policy is never")
        self.write("compose.yaml", FILE + "    pull_policy: sometimes\n")
        self.assert_fails("config", match='compose.yaml:6:18: error: .*pull_policy: .sometimes. is not known')

    def test_only_what_is_asked_for(self):
        """`up SERVICE` needs the images of that service and of those it depends on, and no others."""
        self.layout.image(self.layers, {**CONFIG, "Healthcheck": None}, tag="two")
        text = FILE + "    depends_on: [base]\n  base: {image: 'oci:./layout:two'}\n"
        text += "  far: {image: 'localhost:1/nobody/nothing:7', ports: ['203.0.113.1:9000:9000']}\n"
        self.write("compose.yaml", text)
        self.assert_fails("up", "-d", match="compose.yaml:[0-9]+:[0-9]+: error: .*localhost:1/nobody/nothing")
        self.assertEqual(self.machine.ps("-a"), [])
        self.stack("up", "-d", "box")
        self.assertEqual(sorted(row["Service"] for row in self.machine.ps()), ["base", "box"])
        self.assertEqual(self.stack("plan", "box").out.strip()[:13], "Nothing to do")
        self.assertIn("imaged-base-1", self.stack("plan", "base", "--force-recreate").out)
        self.assert_fails("plan", match="image localhost:1/nobody/nothing:7 is not here")
        self.assert_fails("plan", "far", match="image localhost:1/nobody/nothing:7 is not here")
        # The name of an image in use is taken away: whoever is not asked for keeps the image it has.
        self.stack("image", "rm", "-f", f"oci:{self.machine.work}/layout:two")
        (self.machine.work / "layout/index.json").unlink()
        self.assertEqual(self.stack("plan", "--no-deps", "box").out.strip()[:13], "Nothing to do")
        self.stack("down", "-v")

    def test_same_by_every_road(self):
        images.need("skopeo", "umoci")
        work = self.machine.work
        root = work / "rootfs"
        (root / "bin").mkdir(parents=True)
        shutil.copy(images.BUSYBOX, root / "bin/busybox")
        (root / "bin/sh").symlink_to("busybox")
        (root / "twin").write_text("x")
        os.link(root / "twin", root / "twin2")
        os.chown(root / "twin", 7, 8)
        source = work / "made"
        images.tool("umoci", "init", "--layout", source)
        images.tool("umoci", "new", "--image", f"{source}:v1")
        images.tool("umoci", "insert", "--image", f"{source}:v1", root, "/")
        (root / "twin").write_text("changed")
        images.tool("umoci", "insert", "--image", f"{source}:v1", root / "twin", "/twin")
        images.tool("umoci", "insert", "--whiteout", "--image", f"{source}:v1", "/twin2")
        images.tool("umoci", "config", "--image", f"{source}:v1", "--config.cmd", "/bin/sh", "--config.label", "a=b")
        seen = set()
        for kind, target in (("oci", "copy-oci:v1"), ("oci-archive", "a.tar:v1"), ("docker-archive", "d.tar:some/name:v1")):
            images.tool("skopeo", "copy", "-q", f"oci:{source}:v1", f"{kind}:{work}/{target}")
            name = f"{kind}:./{target}"
            self.stack("image", "load", name)
            said = json.loads(self.stack("image", "inspect", f"{kind}:{work}/{target}").out)
            self.assertEqual(len(said[0]["RootFS"]["Layers"]), 3)
            self.assertEqual(said[0]["Config"]["Labels"], {"a": "b"})
            seen.add(json.dumps(said, sort_keys=True))
        self.assertEqual(len(seen), 1, "three forms, one image")
        self.assertEqual(len(self.layers_there()), 3, "unpacked once")
        self.stack("image", "verify")

        # A bare archive brings its names; what is saved can be loaded by others and by us.
        self.assertIn("Loaded image: docker.io/some/name:v1", self.stack("image", "load", "-i", "d.tar").out)
        for form in ("oci-archive", "docker-archive"):
            self.stack("image", "save", "--format", form, "-o", f"{form}.tar", "some/name:v1")
            got = json.loads(images.tool("skopeo", "inspect", f"{form}:{work}/{form}.tar"))
            self.assertEqual(got["Labels"], {"a": "b"})
            self.assertIn("some/name:v1", self.stack("image", "load", f"{form}.tar").out)
        piped = self.machine.work / "piped.tar"
        with open(piped, "wb") as file:
            harness.subprocess.run([harness.STACK, "image", "save", "some/name:v1"], stdout=file, check=True,
                                   env=self.machine.env, cwd=work)
        self.assertEqual(piped.read_bytes(), (work / "oci-archive.tar").read_bytes())
        with open(piped, "rb") as file, harness.subprocess.Popen(["cat", piped], stdout=harness.subprocess.PIPE) as cat:
            for stdin in (file, cat.stdout):
                done = harness.subprocess.run([harness.STACK, "image", "load", "-q"], stdin=stdin, capture_output=True, text=True,
                                              env=self.machine.env, cwd=work, check=False)
                self.assertEqual(done.stdout, "Loaded image: docker.io/some/name:v1\n", done.stderr)
        self.assertRegex(self.stack("image", "ls").out, r"some/name +v1 +[0-9a-f]{12} ")

        # Names go one by one; the image with its last.
        self.stack("image", "rm", f"oci:{work}/copy-oci:v1", f"oci-archive:{work}/a.tar:v1")
        self.assertEqual(len(self.layers_there()), 3)
        self.stack("image", "rm", f"docker-archive:{work}/d.tar:some/name:v1", "some/name:v1")
        self.assertEqual((self.blobs(), self.layers_there()), ([], []))

    def test_damage_is_found_and_mended(self):
        self.stack("image", "load", "oci:./layout:one")
        self.machine.settle_images()
        path = self.machine.root / "lib/images/layers" / images.sha(self.layers[0])[7:]
        (path / "fs/etc/passwd").write_text("root::0:0:::\n")
        self.assert_fails("image", "verify", match="unpacked layer sha256:[0-9a-f]+ was changed: etc/passwd: ")
        # As after a crash: unpacked during another boot, and no mark that it reached the disk.
        (path / "durable").unlink()
        meta = json.loads((path / "meta.json").read_text())
        (path / "meta.json").write_text(json.dumps({**meta, "boot": "another"}))
        self.write("compose.yaml", FILE)
        self.assert_fails("plan", match="may have suffered")
        self.stack("up", "-d")
        self.stack("image", "verify")
        self.stack("down", "-v")

    def test_platforms(self):
        for architecture in ("arm64", "s390x"):
            self.layout.image([images.layer([images.entry(architecture, b"x")])], tag=architecture, architecture=architecture)
        index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []}
        for described, architecture in zip(self.layout.manifests, ("amd64", "arm64", "s390x")):
            index["manifests"].append({**described, "platform": {"os": "linux", "architecture": architecture}})
        inner = self.layout.blob(json.dumps(index).encode(), index["mediaType"])
        self.layout.add(inner, "many")
        self.stack("image", "load", "oci:./layout:many")
        self.stack("image", "load", "--platform", "linux/arm64", "oci:./layout:many")
        got = self.stack("image", "ls", "--format", "json").out.splitlines()
        self.assertEqual(len({json.loads(line)["ID"] for line in got}), 2, got)
        self.assert_fails("image", "load", "--platform", "linux/mips", "oci:./layout:many",
                          match="there is no image for linux/mips\n.*there are images for linux/amd64, linux/arm64, linux/s390x")

    def test_many_layers(self):
        layers = [self.layers[0]]
        for number in range(39):
            layers.append(images.layer([images.entry(f"etc/layer-{number}", str(number).encode())]))
        self.layout.image(layers, CONFIG, tag="many")
        self.write("compose.yaml", FILE.replace("layout:one", "layout:many"))
        self.stack("up", "-d", "--wait")
        self.assertEqual(len(self.sh("ls /etc").split()), 39 + 5)
        self.stack("down", "-v")


if __name__ == "__main__":
    harness.main()
