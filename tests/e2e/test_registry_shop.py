"""examples/stacks/shop run from registry images: nginx, PostgreSQL, Redis and the application, made from Debian
packages, share their base; the second image pulls only what is its own."""

import json
import os
import pathlib
import shutil

import harness
from registry_support import DebianRegistry, Images, RegistryCase, need_tools

FILE = harness.TOP / "examples/stacks/shop/app.yaml"
ROLES = ("nginx", "app", "postgres", "redis")


def same(a, b):
    """Files of equal kind, mode, owner and content: they can be in a layer that both images have."""
    x, y = os.lstat(a), os.lstat(b)
    if (x.st_mode, x.st_uid, x.st_gid) != (y.st_mode, y.st_uid, y.st_gid):
        return False
    if os.path.islink(a):
        return os.readlink(a) == os.readlink(b)
    if not os.path.isfile(a) or x.st_size != y.st_size:
        return os.path.isdir(a)
    with open(a, "rb") as one, open(b, "rb") as other:
        return one.read() == other.read()


class Shop(RegistryCase):
    def setUp(self):
        need_tools()
        harness.need_shop()
        super().setUp()
        self.registry = DebianRegistry(self.machine, "shop")
        self.addCleanup(self.registry.stop)
        self.images = Images(self.machine.base / "images")

    def common(self):
        """Paths that all four root file systems have in common, by kind."""
        first = harness.SHOP_ROOTFS / ROLES[0]
        others = [harness.SHOP_ROOTFS / role for role in ROLES[1:]]
        found = []
        for folder, folders, names in os.walk(first):
            inner = pathlib.Path(folder).relative_to(first)
            for name in folders + names:
                path = inner / name
                if all(os.path.lexists(other / path) and same(first / path, other / path) for other in others):
                    found.append(path)
        return found

    def copy(self, source, paths, target):
        """With owners, modes and links, by tar, as a layer would be made by hand."""
        names = self.machine.base / "names"
        names.write_text("".join(f"./{path}\0" for path in paths))
        target.mkdir()
        archive = self.machine.base / "layer.tar"
        flags = ["--numeric-owner", "--xattrs", "--null", "--no-recursion"]
        harness.run("tar", "-C", str(source), *flags, "-T", str(names), "-cf", str(archive))
        harness.run("tar", "-C", str(target), "--numeric-owner", "--xattrs", "-p", "-xf", str(archive))
        archive.unlink()

    def make(self):
        shared = self.common()
        base = self.machine.base / "base"
        self.copy(harness.SHOP_ROOTFS / ROLES[0], shared, base)
        self.images.new("base")
        self.images.add("base", base)
        shutil.rmtree(base)
        known = set(shared)
        for role in ROLES:
            root = harness.SHOP_ROOTFS / role
            # Everything that is its own, with the folders above it.
            own = []
            for folder, folders, names in os.walk(root):
                inner = pathlib.Path(folder).relative_to(root)
                own += [inner / name for name in folders + names if inner / name not in known]
            above = {parent for path in own for parent in path.parents if parent != pathlib.Path(".")}
            tree = self.machine.base / role
            self.copy(root, sorted(above | set(own)), tree)
            self.images.add("base", tree, to=role)
            shutil.rmtree(tree)
            self.images.push(role, f"{self.registry.host}/shop/{role}:1")

    def stack_file(self):
        text = FILE.read_text()
        for role in ROLES:
            old = f"dir:${{SHOP_ROOTFS:-../../../build/rootfs}}/{role}"
            self.assertIn(old, text)
            text = text.replace(old, f"{self.registry.host}/shop/{role}:1")
        shutil.copytree(FILE.parent, self.machine.work / "shop")
        return self.write("shop/app.yaml", text)

    def test_shop(self):
        self.make()
        file = self.stack_file()
        sizes = {}
        for role in ROLES:
            mark = self.registry.mark()
            self.stack("image", "pull", f"{self.registry.host}/shop/{role}:1", timeout=300)
            layers = [layer["digest"] for layer in self.images.manifest(role)["layers"]]
            fetched = [name for name in self.registry.blobs_fetched(mark) if name in layers]
            self.assertEqual(sorted(fetched), sorted(layers if role == ROLES[0] else layers[1:]), role)
            sizes[role] = sum(layer["size"] for layer in self.images.manifest(role)["layers"][1:])
        mark = self.registry.mark()
        self.stack("-f", file, "up", "-d", "--wait", timeout=300)
        self.assertEqual(self.registry.blobs_fetched(mark), [], "everything was here")
        for row in self.machine.ps(before=("-f", file)):
            self.assertEqual((row["State"], row["Health"]), ("running", "healthy"), row)
        url = f"http://{harness.HOST_V4}:8090"
        got = self.machine.requests("--count", 200, "--threads", 4, url + "/buy")
        self.assertEqual((got["sent"], got["failed"]), (200, 0), got["errors"])
        stats = json.loads(list(self.machine.requests(url + "/stats")["answers"])[0])
        self.assertEqual((stats["rows"], stats["count"]), (200, 200), stats)
        self.assertEqual(self.stack("-f", file, "plan", "--detailed-exitcode").code, 0)
        self.stack("-f", file, "down", "-v")
        code, events = self.image_command("verify", timeout=300)
        self.assertEqual(code, 0, events)


if __name__ == "__main__":
    harness.main()
