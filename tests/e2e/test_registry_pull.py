"""Debian's docker-registry on loopback: plain, with passwords, with TLS; mirrors, proxies, policies, several at once."""

import base64
import hashlib
import http.client
import json
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "registry"))

import harness
from bad_registry import BadRegistry
from registry_support import (
    STACK_IMAGE, DebianRegistry, Images, RegistryCase, busybox_tree, make_certificate, need_tools)

PASSWORD = "a-word-that-must-not-be-shown"


class Pull(RegistryCase):
    def setUp(self):
        need_tools()
        super().setUp()
        self.images = Images(self.machine.base / "images")

    def start(self, name="plain", **options):
        registry = DebianRegistry(self.machine, name, **options)
        self.addCleanup(registry.stop)
        return registry

    def small(self, tag="small", *contents):
        """An image of a layer a content; pushed by nobody yet."""
        self.images.new(tag)
        for content in contents or (os.urandom(100_000), os.urandom(200_000)):
            self.images.add(tag, self.images.tree(**{f"f{hashlib.sha256(content).hexdigest()[:8]}": content}))
        return tag

    def give_password(self, host, word=PASSWORD):
        (self.home / ".docker").mkdir(exist_ok=True)
        auth = base64.b64encode(f"user:{word}".encode()).decode()
        (self.home / ".docker/config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))

    def put_manifest(self, registry, reference, content, media_type):
        connection = http.client.HTTPConnection(registry.host)
        connection.request("PUT", f"/v2/app/manifests/{reference}", content, {"Content-Type": media_type})
        answer = connection.getresponse()
        self.assertEqual(answer.status, 201, answer.read())
        connection.close()

    # ---- plain

    def test_only_what_is_new(self):
        registry = self.start()
        self.small("one")
        self.images.push("one", f"{registry.host}/app:1")
        self.images.add("one", self.images.tree(new=os.urandom(50_000)), to="two")
        self.images.push("two", f"{registry.host}/app:2")
        one, two = (self.images.manifest(tag) for tag in ("one", "two"))
        self.assertEqual(two["layers"][:2], one["layers"])

        self.pull(f"{registry.host}/app:1")
        expected = [one["config"]["digest"]] + [layer["digest"] for layer in one["layers"]]
        self.assertEqual(sorted(registry.blobs_fetched()), sorted(expected))
        mark = registry.mark()
        [event] = self.pull(f"{registry.host}/app:2")
        self.assertEqual(sorted(registry.blobs_fetched(mark)),
                         sorted([two["config"]["digest"], two["layers"][2]["digest"]]))
        self.assertEqual(event["id"], two["config"]["digest"])
        self.assert_blobs_true()

    def test_formats_and_platforms(self):
        """docker's manifest types, and lists of platforms, one within another."""
        registry = self.start()
        self.small()
        self.images.push("small", f"{registry.host}/app:v2s2", "--format=v2s2")
        [event] = self.pull(f"{registry.host}/app:v2s2")
        config = event["id"]

        made = harness.run("skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{registry.host}/app:v2s2")
        entry = {"mediaType": "application/vnd.docker.distribution.manifest.v2+json",
                 "digest": "sha256:" + hashlib.sha256(made.encode()).hexdigest(), "size": len(made.encode())}
        kind = "application/vnd.docker.distribution.manifest.list.v2+json"
        entries = [{**entry, "platform": {"os": "linux", "architecture": name}} for name in ("s390x", "mips64le")]
        mine = {**entry, "platform": {"os": "linux", "architecture": "amd64"}}
        listed = json.dumps({"schemaVersion": 2, "mediaType": kind, "manifests": [*entries, mine]})
        self.put_manifest(registry, "list", listed, kind)
        [event] = self.pull(f"{registry.host}/app:list")
        self.assertEqual(event["id"], config)
        self.assertEqual(event["digest"], "sha256:" + hashlib.sha256(listed.encode()).hexdigest())

        listed = json.dumps({"schemaVersion": 2, "mediaType": kind, "manifests": entries})
        self.put_manifest(registry, "foreign", listed, kind)
        self.pull_fails(f"{registry.host}/app:foreign", match=["manifest", "no image for linux/"])

    def test_by_digest(self):
        registry = self.start()
        self.small()
        self.images.push("small", f"{registry.host}/app:1")
        [event] = self.pull(f"{registry.host}/app:1")
        name = f"{registry.host}/app@{event['digest']}"
        [again] = self.pull(name)
        self.assertEqual(again["id"], event["id"])
        mark = registry.mark()
        self.pull(name)
        self.assertEqual(registry.requests(mark), [], "a digest cannot change")

    def test_policies(self):
        registry = self.start()
        self.small()
        name = f"{registry.host}/app:1"
        self.images.push("small", name)
        self.pull_fails(name, "--policy", "never", match="not here")
        [first] = self.pull(name, "--policy", "missing")
        for policy in ("missing", "if_not_present", "never", "daily", "weekly", "every_1h"):
            mark = registry.mark()
            self.pull(name, "--policy", policy)
            self.assertEqual(registry.requests(mark), [], policy)
        mark = registry.mark()
        self.pull(name, "--policy", "always")
        self.assertEqual([(method, status) for method, _, status in registry.requests(mark)], [("HEAD", 200)])

        self.images.add("small", self.images.tree(more=b"more"))
        self.images.push("small", name)
        [same] = self.pull(name, "--policy", "missing")
        self.assertEqual(same["id"], first["id"])
        [new] = self.pull(name, "--policy", "always")
        self.assertNotEqual(new["id"], first["id"])
        self.pull_fails(name, "--policy", "sometimes", match="no pull policy")

    def test_failures_ignored(self):
        registry = self.start()
        self.small()
        self.images.push("small", f"{registry.host}/app:1")
        names = [f"{registry.host}/absent:1", f"{registry.host}/app:1"]
        code, events = self.image_command("pull", *names)
        self.assertEqual(code, 1)
        self.assertEqual([event["event"] for event in events if event["event"] in ("error", "image")],
                         ["error", "image"], "the others are pulled all the same")
        code, events = self.image_command("pull", "--ignore-pull-failures", "true", *names)
        self.assertEqual(code, 0)
        self.assertEqual(len([event for event in events if event["event"] == "error"]), 1)

    def test_many_processes(self):
        """Six at once, of two images with a base in common: every blob is fetched by one of them."""
        registry = self.start()
        self.small("one", *(os.urandom(2_000_000) for _ in range(4)))
        self.images.push("one", f"{registry.host}/app:1")
        self.images.add("one", self.images.tree(new=os.urandom(2_000_000)), to="two")
        self.images.push("two", f"{registry.host}/app:2")
        children = [
            subprocess.Popen([STACK_IMAGE, "pull", "--root", str(self.machine.root), f"{registry.host}/app:{tag}"],
                             env=self.machine.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
            for tag in (1, 2, 1, 2, 1, 2)]
        for child in children:
            out, _ = child.communicate(timeout=120)
            self.assertEqual(child.returncode, 0, out)
        layers = {layer["digest"] for layer in self.images.manifest("two")["layers"]}
        fetched = [name for name in registry.blobs_fetched() if name in layers]
        self.assertEqual(sorted(fetched), sorted(layers))
        self.assert_blobs_true()

    def test_registry_restarted_meanwhile(self):
        registry = self.start()
        self.small("one", os.urandom(30_000_000))
        self.images.push("one", f"{registry.host}/app:1")
        child = subprocess.Popen(
            [STACK_IMAGE, "pull", "--root", str(self.machine.root), f"{registry.host}/app:1"],
            env=self.machine.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        for line in child.stdout:
            if '"downloading"' in line:
                break
        registry.process.kill()
        registry.process.wait()
        registry.process = subprocess.Popen(
            ["docker-registry", "serve", str(registry.folder / "config.yml")],
            stdin=subprocess.DEVNULL, stdout=registry.log, stderr=registry.log)
        self.machine.children.append(registry.process)
        out, _ = child.communicate(timeout=60)
        self.assertEqual(child.returncode, 0, out)
        self.assert_blobs_true()

    def test_up(self):
        """`up` pulls what is missing, `pull_policy: always` asks each time, `pull` and `push` mean the services'."""
        registry = self.start()
        self.images.new("box")
        self.images.add("box", busybox_tree(self.images))
        self.images.config("box", "--config.cmd", "sleep", "--config.cmd", "1000", "--config.env", "COLOUR=green")
        name = f"{registry.host}/box:1"
        self.images.push("box", name)
        self.write("compose.yaml", f"name: box\nservices:\n  one:\n    image: {name}\n    init: true\n"
                                   "    pull_policy: ${POLICY:-missing}\n    stop_grace_period: 1s\n")
        self.stack("up", "-d")
        self.assertEqual(self.machine.container("box-one-1")["State"], "running")
        self.assertEqual(self.stack("exec", "-T", "one", "sh", "-c", "echo $COLOUR").out.strip(), "green")
        mark = registry.mark()
        self.stack("up", "-d")
        self.assertEqual(registry.requests(mark), [])
        self.stack("up", "-d", env={"POLICY": "always"})
        self.assertEqual([method for method, _, _ in registry.requests(mark)], ["HEAD"])

        self.images.add("box", self.images.tree(news=b"news"))
        self.images.push("box", name)
        mark = registry.mark()
        self.stack("pull")
        self.assertEqual(len(registry.blobs_fetched(mark)), 2, "the configuration and the new layer")
        self.stack("up", "-d")
        self.assertEqual(self.stack("exec", "-T", "one", "cat", "/news").out, "news")
        mark = registry.mark()
        self.stack("push")
        self.assertIn("PUT", {method for method, _, _ in registry.requests(mark)})
        self.stack("down")
        code, _ = self.image_command("verify")
        self.assertEqual(code, 0)
        self.write("compose.yaml", f"name: box\nservices:\n  one: {{image: '{registry.host}/absent:1'}}\n")
        self.assert_fails("up", "-d", match=["absent", "not found"])

    # ---- with passwords

    def test_basic_authentication(self):
        registry = self.start("password", password=("user", PASSWORD))
        self.small()
        self.images.push("small", f"{registry.host}/app:1", "--dest-creds", f"user:{PASSWORD}")
        name = f"{registry.host}/app:1"
        self.pull_fails(name, match=["denies access", f"no password for {registry.host}"])
        self.give_password(registry.host, "wrong")
        self.assertNotIn("wrong", self.pull_fails(name, match="refused"))
        self.give_password("127.0.0.1:1")
        self.pull_fails(name, match="no password")
        self.assert_store_clean()
        self.give_password(registry.host)
        code, events = self.image_command("pull", name)
        self.assertEqual(code, 0, events)
        self.assertNotIn(PASSWORD, json.dumps(events))

    def test_credential_helper(self):
        registry = self.start("password", password=("user", PASSWORD))
        self.small()
        self.images.push("small", f"{registry.host}/app:1", "--dest-creds", f"user:{PASSWORD}")
        folder = self.machine.base / "bin"
        folder.mkdir()
        helper = folder / "docker-credential-test"
        helper.write_text('#!/bin/sh\nread -r server\n[ "$server" = "%s" ] || { echo credentials not found; exit 1; }\n'
                          'printf \'{"ServerURL":"x","Username":"user","Secret":"%s"}\'\n' % (registry.host, PASSWORD))
        helper.chmod(0o755)
        path = self.machine.base / "auth.json"
        path.write_text(json.dumps({"credHelpers": {registry.host: "test"}}))
        env = {"REGISTRY_AUTH_FILE": str(path), "PATH": f"{folder}:{os.environ['PATH']}"}
        self.pull(f"{registry.host}/app:1", env=env)
        helper.write_text("#!/bin/sh\nexit 7\n")
        self.pull_fails(f"{registry.host}/app:1", env=env, match=["docker-credential-test", "status 7"])

    # ---- with TLS

    def test_tls(self):
        ca, certificate, key = make_certificate(self.machine.base / "tls", "127.0.0.1")
        registry = self.start("tls", tls=(certificate, key))
        self.small()
        self.images.push("small", f"{registry.host}/app:1")
        name = f"{registry.host}/app:1"
        self.pull_fails(name, match=["certificate", registry.host])
        self.assert_store_clean()
        self.registries(f'registries: {{"{registry.host}": {{ca: {ca}}}}}\n')
        self.pull(name)
        self.registries(f'registries: {{"{registry.host}": {{insecure: true}}}}\n')
        self.pull(name)
        self.registries(f'registries: {{"{registry.host}": {{plain_http: true}}}}\n')
        self.pull_fails(name, match=["400|Client sent an HTTP request"])

    def test_tls_for_another_name(self):
        ca, certificate, key = make_certificate(self.machine.base / "tls", "127.0.0.9")
        registry = self.start("tls", tls=(certificate, key))
        self.registries(f'registries: {{"{registry.host}": {{ca: {ca}}}}}\n')
        self.pull_fails(f"{registry.host}/app:1", match=[registry.host, "subject|match"])

    def test_tls_with_a_password(self):
        ca, certificate, key = make_certificate(self.machine.base / "tls", "127.0.0.1")
        registry = self.start("tls", tls=(certificate, key), password=("user", PASSWORD))
        self.small()
        self.images.push("small", f"{registry.host}/app:1", "--dest-creds", f"user:{PASSWORD}")
        self.registries(f'registries: {{"{registry.host}": {{ca: {ca}}}}}\n')
        self.give_password(registry.host)
        self.pull(f"{registry.host}/app:1")

    # ---- by way of others

    def test_mirrors(self):
        real, mirror = self.start("real"), self.start("mirror")
        self.small()
        name = f"{real.host}/app:1"
        self.images.push("small", name)
        self.registries(f'registries: {{"{real.host}": {{mirrors: ["127.0.0.9:1", "{mirror.host}/cache"]}}}}\n')
        [event] = self.pull(name)
        self.assertTrue(any(path.startswith("/v2/cache/app/") for _, path, _ in mirror.requests()))
        self.assertTrue(real.blobs_fetched(), "the mirror did not have it")

        self.small("other")
        self.images.push("other", f"{mirror.host}/cache/app:2")
        mark = real.mark()
        [event] = self.pull(f"{real.host}/app:2")
        self.assertEqual(event["image"], f"{real.host}/app:2")
        self.assertEqual(real.requests(mark), [], "the mirror had it")
        self.pull_fails(f"{real.host}/app:3", match=["mirror 127.0.0.9:1", "not found at " + real.host])

    def test_mirror_that_lies(self):
        real = self.start("real")
        self.small()
        self.images.push("small", f"{real.host}/app:1")
        liar = BadRegistry("127.0.0.2")
        self.addCleanup(liar.stop)
        image = liar.add_image("app", "1")
        liar.blobs[image.layers[0]] = b"something else"
        self.registries(f'registries: {{"{real.host}": {{mirrors: ["{liar.host}"]}}}}\n')
        [event] = self.pull(f"{real.host}/app:1")
        self.assertEqual(event["id"], self.images.manifest("small")["config"]["digest"])
        self.assertGreater(len(liar.requests), 0)

    def test_proxy(self):
        """A registry that is not loopback is asked through http_proxy, unless no_proxy names it; loopback never is."""
        registry = BadRegistry(harness.HOST_V4)
        proxy = BadRegistry("127.0.0.1")
        for each in (registry, proxy):
            self.addCleanup(each.stop)
        image = registry.add_image("app", "1")
        proxy.add_image("app", "1")

        def forward(request):
            self.assertTrue(request.path.startswith(f"http://{registry.host}/"), request.path)
            request.path = request.path[len(f"http://{registry.host}"):]
            return False

        proxy.hook = forward
        self.registries(f'registries: {{"{registry.host}": {{plain_http: true}}}}\n')
        name = f"{registry.host}/app:1"
        for variable in ("http_proxy", "HTTP_PROXY"):
            self.pull(name, env={variable: f"http://{proxy.host}"})
            self.assertEqual(registry.requests, [])
            self.assertGreater(len(proxy.requests), 0)
            proxy.requests.clear()
        self.pull(name, env={"http_proxy": f"http://{proxy.host}", "no_proxy": harness.HOST_V4})
        self.assertGreater(len(registry.requests), 0)
        self.assertEqual(proxy.requests, [])
        local = BadRegistry("127.0.0.2")
        self.addCleanup(local.stop)
        local.add_blobs(image)
        local.add_manifest("app", "1", image.manifest)
        self.pull(f"{local.host}/app:1", env={"http_proxy": f"http://{proxy.host}"})
        self.assertEqual(proxy.requests, [])

    # ---- back

    def push(self, *args, **options):
        code, events = self.image_command("push", *args, **options)
        self.assertEqual(code, 0, events)
        return events

    def test_push(self):
        source, target = self.start("source"), self.start("target", password=("user", PASSWORD))
        self.small("small", os.urandom(300_000), os.urandom(1000))
        name = f"{source.host}/app:1"
        self.images.push("small", name)
        [pulled] = self.pull(name)
        to = f"{target.host}/team/app:2"
        code, events = self.image_command("push", name, "--as", to)
        self.assertEqual(code, 1, events)
        self.give_password(target.host)
        self.push(name, "--as", to)
        raw = harness.run("skopeo", "inspect", "--raw", "--tls-verify=false", "--creds", f"user:{PASSWORD}",
                          f"docker://{to}")
        self.assertEqual("sha256:" + hashlib.sha256(raw.encode()).hexdigest(), pulled["digest"])
        mark = target.mark()
        self.push(name, "--as", f"{target.host}/team/app:3")
        self.assertEqual({method for method, _, _ in target.requests(mark)}, {"HEAD", "PUT"}, "all blobs were there")

        self.registries("upload_chunk: 64k\n")
        mark = target.mark()
        self.push(name, "--as", f"{target.host}/other/app:1")
        parts = [status for method, _, status in target.requests(mark) if method == "PATCH"]
        self.assertEqual(parts, [202] * 5)
        [again] = self.pull(f"{target.host}/other/app:1", "--root", self.machine.base / "second")
        self.assertEqual(again["digest"], pulled["digest"])

    def test_push_mounts(self):
        registry = self.start()
        self.small()
        name = f"{registry.host}/app:1"
        self.images.push("small", name)
        self.pull(name)
        mark = registry.mark()
        self.push(name, "--as", f"{registry.host}/copy/app:1")
        posts = [(path.partition("?")[2][:6], status) for method, path, status in registry.requests(mark)
                 if method == "POST"]
        self.assertEqual(posts, [("mount=", 201)] * 3)
        self.assertEqual(self.image_command("push", "absent:1")[0], 1)


if __name__ == "__main__":
    harness.main()
