"""Images of several platforms on their way to a registry and out of the store, as with docker; images that buildah makes."""

import json
import os
import pathlib

import harness
import image_support as images
from registry_support import DebianRegistry, RegistryCase, need_tools

INDEX = "application/vnd.oci.image.index.v1+json"


class Push(RegistryCase):
    def setUp(self):
        need_tools("docker-registry", "skopeo", "htpasswd")
        super().setUp()
        self.registry = DebianRegistry(self.machine, "plain")
        self.addCleanup(self.registry.stop)

    def put_index(self, name):
        """An index of two platforms in the registry; its digest, and the manifests' by architecture."""
        layout = images.Layout(self.machine.work / "layout")
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": []}
        shared = images.layer([images.entry("shared", b"of both")])
        for architecture in ("amd64", "arm64"):
            own = images.layer([images.entry("own", architecture.encode())])
            layout.image([shared, own], {"Cmd": ["/x"]}, tag=architecture, architecture=architecture)
            described = {key: value for key, value in layout.manifests[-1].items() if key != "annotations"}
            index["manifests"].append({**described, "platform": {"os": "linux", "architecture": architecture}})
        layout.add(layout.blob(json.dumps(index).encode(), INDEX), "many")
        images.tool("skopeo", "copy", "-q", "--all", "--dest-tls-verify=false", f"oci:{layout.path}:many", f"docker://{name}")
        by_name = {entry["platform"]["architecture"]: entry["digest"] for entry in index["manifests"]}
        return images.sha(json.dumps(index).encode()), by_name

    def at(self, name):
        """The digest of what a name means in the registry."""
        raw = images.tool("skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{name}")
        return images.sha(raw.encode())

    def test_index(self):
        name = f"{self.registry.host}/app:1"
        index, manifests = self.put_index(name)
        self.stack("image", "pull", "-q", name)
        self.assert_fails("image", "pull", "--platform", "linux/arm64", f"{name.rpartition(':')[0]}@{manifests['amd64']}",
                          match="the image is for linux/amd64, not for linux/arm64")
        self.assertEqual(self.stack("image", "pull", "-q", f"{name}@{index}").out, f"{name.rpartition(':')[0]}@{index}\n")
        [said] = json.loads(self.stack("image", "inspect", name).out)
        self.assertEqual(said["RepoDigests"], [f"{name.rpartition(':')[0]}@{index}"])
        alone = self.stack("image", "push", name, "--as", f"{self.registry.host}/alone:1")
        self.assertRegex(alone.err, f"Not every platform is here, so only one .*linux/amd64 {manifests['amd64']}")
        self.assertEqual(self.at(f"{self.registry.host}/alone:1"), manifests["amd64"])

        self.stack("image", "pull", "-q", "--platform", "linux/arm64", name)
        whole = self.stack("image", "push", name, "--as", f"{self.registry.host}/whole:1")
        self.assertNotIn("only one", whole.err)
        self.assertEqual(self.at(f"{self.registry.host}/whole:1"), index)
        images.tool("skopeo", "copy", "-q", "--all", "--src-tls-verify=false", f"docker://{self.registry.host}/whole:1",
                    f"oci:{self.machine.work}/back:x")

        self.stack("image", "push", "-q", "--platform", "linux/arm64", name, "--as", f"{self.registry.host}/arm:1")
        self.assertEqual(self.at(f"{self.registry.host}/arm:1"), manifests["arm64"])
        self.assert_fails("image", "push", "--platform", "linux/s390x", name, match="not here for linux/s390x")

        # What cannot be told from a damaged index is said, and nothing is sent.
        (self.blobs / index[7:]).chmod(0o600)
        (self.blobs / index[7:]).write_text("{}")
        mark = self.registry.mark()
        self.assert_fails("image", "push", name, match="in the store is damaged")
        self.assertEqual({method for method, _, _ in self.registry.requests(mark)} - {"GET", "HEAD"}, set())
        self.assert_fails("image", "verify", match="in the store is damaged")

    def test_remove(self):
        """`rm NAME` takes every platform away, `rm --platform` one; the index goes with the last."""
        name = f"{self.registry.host}/app:1"
        self.put_index(name)

        def pull():
            for platform in ("linux/amd64", "linux/arm64"):
                self.stack("image", "pull", "-q", "--platform", platform, name)
            self.assertEqual(len(self.names()), 2)

        pull()
        self.stack("image", "rm", "--platform", "linux/amd64", name)
        self.assert_fails("image", "rm", "--platform", "linux/amd64", name, match="not here for linux/amd64")
        [left] = json.loads(self.stack("image", "inspect", name).out)
        self.assertEqual(left["Architecture"], "arm64")
        self.stack("image", "verify")
        self.stack("image", "rm", name)
        self.assert_nothing()
        pull()
        self.stack("image", "rm", name)
        self.assert_nothing()

        # By its id an image of several repositories is not meant for sure.
        self.stack("image", "pull", "-q", name)
        images.tool("skopeo", "copy", "-q", "--src-tls-verify=false", "--dest-tls-verify=false", f"docker://{name}",
                    f"docker://{self.registry.host}/other:1")
        self.stack("image", "pull", "-q", f"{self.registry.host}/other:1")
        [image] = json.loads(self.stack("image", "inspect", name).out)
        self.assert_fails("image", "rm", image["Id"], match="has several names: .*/app, .*/other")
        self.stack("image", "rm", "-f", image["Id"])
        self.assert_nothing()

    def assert_nothing(self):
        self.assertEqual(self.names(), [])
        self.assertEqual(list(self.blobs.iterdir()), [])
        self.assertEqual(os.listdir(self.machine.root / "lib/images/layers"), [])

    def test_buildah(self):
        """From scratch, by copy and commit; pushed by buildah, pulled by us, and its layout loaded: the same image."""
        need_tools("buildah")
        work = self.machine.work
        store = ["buildah", "--root", f"{work}/buildah", "--runroot", f"{work}/buildah-run", "--storage-driver", "vfs"]
        policy = work / "policy.json"
        policy.write_text('{"default": [{"type": "insecureAcceptAnything"}]}')

        def buildah(*args):
            return images.tool(*store, *args).strip()

        tree = work / "tree"
        (tree / "bin").mkdir(parents=True)
        (tree / "bin/busybox").write_bytes(pathlib.Path(images.BUSYBOX).read_bytes())
        (tree / "bin/busybox").chmod(0o755)
        (tree / "bin/sh").symlink_to("busybox")
        for path in images.libraries():
            (tree / path.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
            (tree / path.lstrip("/")).write_bytes(pathlib.Path(path).read_bytes())
            (tree / path.lstrip("/")).chmod(0o755)
        box = buildah("from", "scratch")
        buildah("copy", box, str(tree), "/")
        buildah("config", "--cmd", "/bin/sh -c 'exec /bin/busybox sleep 1000'", "--label", "made=by buildah", box)
        name = f"{self.registry.host}/built:1"
        buildah("commit", "--signature-policy", str(policy), "--tls-verify=false", box, f"docker://{name}")
        buildah("commit", "--signature-policy", str(policy), box, f"oci:{work}/built:1")
        buildah("rm", box)

        self.write("compose.yaml", f"name: built\nservices:\n  box: {{image: '{name}', stop_grace_period: 0s}}\n")
        self.stack("up", "-d")
        [row] = self.machine.ps()
        self.assertEqual(row["State"], "running", row)
        self.assertEqual(self.stack("exec", "-T", "box", "/bin/busybox", "echo", "well").out, "well\n")
        self.stack("image", "load", "-q", "oci:./built:1")
        [pulled] = json.loads(self.stack("image", "inspect", name).out)
        [loaded] = json.loads(self.stack("image", "inspect", f"oci:{work}/built:1").out)
        self.assertEqual(pulled["Config"]["Labels"]["made"], "by buildah")
        self.assertEqual(pulled["RootFS"], loaded["RootFS"])
        self.assertEqual(pulled["Config"], loaded["Config"])
        self.stack("image", "verify")
        self.stack("down")


if __name__ == "__main__":
    harness.main()
