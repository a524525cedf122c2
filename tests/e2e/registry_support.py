"""What the tests of registries share: Debian's docker-registry on loopback (plain, with passwords, with TLS), images made
by umoci and put there by skopeo, and the program's JSON lines.

Run through tests/run-isolated, like harness.py. Knows nothing of the store's insides but where blobs lie.
"""

import hashlib
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import unittest

import harness

NEEDS = ("docker-registry", "skopeo", "umoci", "htpasswd", "openssl")
STACK_IMAGE = os.environ.get("STACK_IMAGE_BIN") or str(pathlib.Path(harness.STACK).parent / "stack-image")


def need_tools(*names):
    missing = [name for name in names or NEEDS if shutil.which(name) is None]
    if missing:
        raise unittest.SkipTest("not installed: " + ", ".join(missing))


def free_port(host="127.0.0.1"):
    with socket.socket() as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


def digest(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


class DebianRegistry:
    """docker-registry with a folder of its own. password=(USER, PASSWORD), tls=(CERTIFICATE, KEY), host: 127.0.0.x"""

    def __init__(self, machine, name, password=None, tls=None, host="127.0.0.1"):
        self.folder = machine.base / f"registry-{name}"
        self.folder.mkdir()
        self.port = free_port(host)
        self.host = f"{host}:{self.port}"
        self.log_path = self.folder / "log"
        lines = ["version: 0.1", "log: {level: info, accesslog: {disabled: false}}",
                 f"storage: {{filesystem: {{rootdirectory: {self.folder}/data}}, delete: {{enabled: true}}}}",
                 f"http:\n  addr: {self.host}\n  secret: of-the-test"]
        if tls:
            lines.append(f"  tls: {{certificate: {tls[0]}, key: {tls[1]}}}")
        if password:
            made = harness.run("htpasswd", "-Bbn", *password)
            (self.folder / "htpasswd").write_text(made)
            lines.append(f"auth: {{htpasswd: {{realm: test, path: {self.folder}/htpasswd}}}}")
        (self.folder / "config.yml").write_text("\n".join(lines) + "\n")
        self.log = open(self.log_path, "wb")
        self.process = subprocess.Popen(
            ["docker-registry", "serve", str(self.folder / "config.yml")],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        machine.children.append(self.process)
        harness.wait_until(self.listens, f"{name} listens", 20)

    def listens(self):
        with socket.socket() as probe:
            return probe.connect_ex((self.host.split(":")[0], self.port)) == 0

    def requests(self, since=0):
        """(method, path, status) of every request since that many bytes of the log, in their order."""
        self.log.flush()
        found = []
        for line in self.log_path.read_text(errors="replace")[since:].splitlines():
            match = re.search(r'"(GET|HEAD|PUT|POST|PATCH|DELETE) (\S+) HTTP/[\d.]+" (\d+)', line)
            if match:
                found.append((match.group(1), match.group(2), int(match.group(3))))
        return found

    def mark(self):
        return len(self.log_path.read_text(errors="replace"))

    def blobs_fetched(self, since=0):
        return [path.rsplit("/", 1)[1] for method, path, status in self.requests(since)
                if method == "GET" and "/blobs/sha256:" in path and status in (200, 206)]

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.log.close()


def make_certificate(folder, *names):
    """A certificate authority and a certificate for addresses or names; (ca, certificate, key) paths."""
    folder.mkdir(exist_ok=True)
    alternatives = ",".join(("IP:" if name[0].isdigit() else "DNS:") + name for name in names)
    ca, ca_key, key, request, certificate, extra = (
        folder / name for name in ("ca.pem", "ca.key", "key.pem", "request.pem", "cert.pem", "extra"))
    extra.write_text(f"subjectAltName={alternatives}\n")
    quiet = {"check": True}
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    harness.run("openssl", "req", "-x509", *curve, "-subj", "/CN=test authority", "-days", "2",
                "-addext", "keyUsage=critical,keyCertSign", "-keyout", str(ca_key), "-out", str(ca), **quiet)
    harness.run("openssl", "req", *curve, "-subj", "/CN=test registry", "-keyout", str(key), "-out", str(request))
    harness.run("openssl", "x509", "-req", "-in", str(request), "-CA", str(ca), "-CAkey", str(ca_key),
                "-CAcreateserial", "-days", "2", "-extfile", str(extra), "-out", str(certificate))
    return ca, certificate, key


class Images:
    """An OCI layout in which umoci makes images, a layer a call."""

    def __init__(self, folder):
        self.folder = folder
        self.layout = folder / "layout"
        folder.mkdir(exist_ok=True)
        harness.run("umoci", "init", "--layout", str(self.layout))
        self.count = 0

    def new(self, tag):
        harness.run("umoci", "new", "--image", f"{self.layout}:{tag}")

    def add(self, tag, tree, to=None):
        """One more layer with the content of the folder `tree`."""
        options = ["--tag", to] if to else []
        harness.run("umoci", "insert", "--image", f"{self.layout}:{tag}", *options, str(tree), "/")

    def tree(self, **files):
        """A folder to insert; keys are names, values bytes. Underscores of a name stay."""
        self.count += 1
        folder = self.folder / f"tree-{self.count}"
        folder.mkdir()
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return folder

    def config(self, tag, *options):
        harness.run("umoci", "config", "--image", f"{self.layout}:{tag}", *options)

    def manifest(self, tag):
        index = json.loads((self.layout / "index.json").read_text())
        for entry in index["manifests"]:
            if entry.get("annotations", {}).get("org.opencontainers.image.ref.name") == tag:
                return json.loads((self.layout / "blobs" / entry["digest"].replace(":", "/")).read_text())
        raise AssertionError(f"no {tag} in {self.layout}")

    def push(self, tag, target, *options):
        """To a registry, by skopeo: `target` is HOST/NAME:TAG."""
        harness.run("skopeo", "copy", "--dest-tls-verify=false", *options, f"oci:{self.layout}:{tag}",
                    f"docker://{target}")


def busybox_tree(images):
    """The machine's own busybox with its libraries: a root file system that can run a command."""
    folder = images.tree()
    (folder / "bin").mkdir()
    (folder / "etc").mkdir()
    shutil.copy2("/bin/busybox", folder / "bin/busybox")
    for name in ("sh", "cat", "ls", "sleep", "id", "httpd"):
        (folder / "bin" / name).symlink_to("busybox")
    for path in re.findall(r"(/\S+) \(0x", harness.run("ldd", "/bin/busybox", check=False)):
        target = folder / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)
    (folder / "etc/passwd").write_text("root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n")
    return folder


class RegistryCase(harness.Case):
    def setUp(self):
        super().setUp()
        # Nothing of whoever runs the tests: no passwords, no configuration, no proxies.
        home = self.machine.base / "home"
        home.mkdir()
        for name in list(self.machine.env):
            if name.lower().endswith("_proxy") or name.startswith(("XDG_", "DOCKER_", "REGISTRY_")):
                del self.machine.env[name]
        self.machine.env["HOME"] = str(home)
        self.home = home

    def image_command(self, command, *args, env=None, timeout=120):
        """Runs stack-image; (exit status, its JSON lines)."""
        done = subprocess.run(
            [STACK_IMAGE, command, "--root", str(self.machine.root), *map(str, args)], cwd=self.machine.work,
            env={**self.machine.env, **(env or {})}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=timeout, check=False)
        for sign in ("terminate called", "AddressSanitizer", "LeakSanitizer", "runtime error:"):
            self.assertNotIn(sign, done.stderr)
        return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]

    def pull(self, *args, **options):
        """Pulls with stack-image; the `image` events."""
        code, events = self.image_command("pull", *args, **options)
        self.assertEqual(code, 0, events)
        return [event for event in events if event["event"] == "image"]

    def pull_fails(self, *args, match=(), **options):
        """Exit status 1 and one error that has each of the patterns; its text."""
        code, events = self.image_command("pull", *args, **options)
        self.assertEqual(code, 1, events)
        errors = [event for event in events if event["event"] == "error"]
        self.assertEqual(len(errors), 1, events)
        for pattern in [match] if isinstance(match, str) else match:
            self.assertRegex(errors[0]["text"], pattern)
        return errors[0]["text"]

    def registries(self, text):
        path = self.write("registries.yaml", text)
        self.machine.env["STACK_REGISTRIES"] = str(path)
        return path

    @property
    def blobs(self):
        return self.machine.root / "lib/images/blobs/sha256"

    def names(self):
        folder = self.machine.root / "lib/images/names"
        return sorted(os.listdir(folder)) if folder.is_dir() else []

    def assert_store_clean(self):
        """No name, no image, and every blob is what its name says."""
        images = self.machine.root / "lib/images"
        self.assertEqual(self.names(), [])
        records = images / "records"
        self.assertEqual(os.listdir(records) if records.is_dir() else [], [])
        self.assert_blobs_true()

    def assert_blobs_true(self):
        for path in self.blobs.iterdir() if self.blobs.is_dir() else ():
            self.assertEqual(hashlib.sha256(path.read_bytes()).hexdigest(), path.name)
