"""A registry that misbehaves: each fault is a clear error that names the object, exit 1, and nothing in the store; what
can be mended on the way (a broken connection, a wrong part) is mended."""

import base64
import json
import os
import pathlib
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "registry"))

import harness
from bad_registry import CONFIG, INDEX, LAYER, MANIFEST, BadRegistry, Image, descriptor, sha256
from registry_support import RegistryCase

PASSWORD = "only-for-the-registry"


class Hostile(RegistryCase):
    def setUp(self):
        super().setUp()
        self.registry = self.new_registry("127.0.0.1")
        self.ref = f"{self.registry.host}/app:1"
        # Few and short waits; what is tried again is tried twice.
        self.registries("tries: 3\ntimeouts: {connect: 2s, stall: 2s, total: 60s}\n")

    def new_registry(self, host):
        registry = BadRegistry(host)
        self.addCleanup(registry.stop)
        return registry

    def image(self, *contents, **options):
        return self.registry.add_image("app", "1", contents or (b"hello",), **options)

    def refused(self, *match):
        text = self.pull_fails(self.ref, match=match)
        self.assertIn("app", text, "the object is named")
        self.assert_store_clean()
        return text

    def give_password(self, *hosts):
        auths = {host: {"auth": base64.b64encode(f"user:{PASSWORD}".encode()).decode()} for host in hosts}
        (self.home / ".docker").mkdir(exist_ok=True)
        (self.home / ".docker/config.json").write_text(json.dumps({"auths": auths}))

    # ---- what a blob can be

    def test_good(self):
        image = self.image(b"one", b"two")
        [event] = self.pull(self.ref)
        self.assertEqual(event["digest"], sha256(image.manifest))
        self.assertEqual(event["id"], sha256(image.config))
        self.assert_blobs_true()
        self.assertNotEqual(self.names(), [])

    def test_no_head(self):
        """Asked again whether the image has changed, of a registry that knows no HEAD: it is asked for the manifest."""
        image = self.image()
        self.pull(self.ref)
        self.registry.hook = lambda r: r.method == "HEAD" and r.answer(405)
        self.registry.requests.clear()
        [event] = self.pull(self.ref)
        self.assertEqual(event["digest"], sha256(image.manifest))
        self.assertEqual([request.method for request in self.registry.requests], ["HEAD", "GET"])

    def test_flipped_bit(self):
        image = self.image()
        blob = bytearray(image.blobs[0])
        blob[len(blob) // 2] ^= 1
        self.registry.blobs[image.layers[0]] = bytes(blob)
        self.refused(image.layers[0], "digest")
        self.assertEqual(len(self.registry.blob_requests(image.layers[0])), 1, "asking again would not help")

    def test_flipped_bit_in_the_configuration(self):
        image = self.image()
        self.registry.blobs[sha256(image.config)] = image.config.replace(b"/bin/sh", b"/bin/su")
        self.refused(sha256(image.config), "digest")

    def test_flipped_bit_in_the_manifest(self):
        image = self.image()
        wrong = image.manifest.replace(b'"size"', b'"sise"', 1)
        self.registry.hook = lambda r: r.is_manifest("1") and r.answer(
            200, wrong, Content_Type=MANIFEST, Docker_Content_Digest=sha256(image.manifest))
        self.refused("manifest 1", "digest")

    def test_another_manifest_than_asked_for_by_digest(self):
        image = self.image()
        other = Image([b"other"])
        wanted = sha256(image.manifest)
        self.registry.add_blobs(other)
        self.registry.hook = lambda r: r.is_manifest(wanted) and r.answer(200, other.manifest, Content_Type=MANIFEST)
        self.ref = f"{self.registry.host}/app@{wanted}"
        self.refused(wanted, sha256(other.manifest))

    def test_wrong_size(self):
        for change, said in ((-1, "offers|larger"), (1, "offers|bytes")):
            with self.subTest(change=change):
                image = Image([b"hello"])
                image.fields["layers"][0]["size"] += change
                self.registry.add_blobs(image)
                self.registry.add_manifest("app", "1", image.manifest)
                self.refused(image.layers[0], said)

    def test_wrong_size_without_a_length(self):
        image = Image([os.urandom(100_000)])
        image.fields["layers"][0]["size"] -= 10
        self.registry.add_blobs(image)
        self.registry.add_manifest("app", "1", image.manifest)
        self.registry.hook = lambda r: r.is_blob(image.layers[0]) and r.answer(200, image.blobs[0], length="none")
        self.refused(image.layers[0], "larger")

    def test_truncated_again_and_again(self):
        """The same bytes and then the end, whatever is asked for: given up, after what `tries` says."""
        image = self.image(os.urandom(100_000))
        size = len(image.blobs[0])
        self.registry.hook = lambda r: r.is_blob(image.layers[0]) and r.answer(
            200, image.blobs[0][:50_000], length=size)
        self.refused(image.layers[0], "tried 3 times")
        self.assertLessEqual(len(self.registry.blob_requests(image.layers[0])), 4)

    def test_truncated_without_a_length(self):
        image = self.image(os.urandom(100_000))
        self.registry.hook = lambda r: r.is_blob(image.layers[0]) and r.answer(
            200, image.blobs[0][:50_000], length="none")
        self.refused(image.layers[0], "50000 of")

    def test_broken_off_and_resumed(self):
        """Each answer brings 100 kB and breaks; the next one is asked for from there on."""
        image = self.image(os.urandom(450_000))
        blob, name = image.blobs[0], image.layers[0]

        def some(request):
            if not request.is_blob(name):
                return False
            first = request.first_byte
            part = blob[first:first + 100_000]
            more = {"Content_Range": f"bytes {first}-{len(blob) - 1}/{len(blob)}"} if first else {}
            return request.answer(206 if first else 200, part, length=len(blob) - first, **more)

        self.registry.hook = some
        self.pull(self.ref)
        asked = [request.first_byte for request in self.registry.blob_requests(name)]
        self.assertEqual(asked, [0, 100_000, 200_000, 300_000, 400_000])
        self.assert_blobs_true()

    def test_range_ignored(self):
        image = self.image(os.urandom(300_000))
        blob, name = image.blobs[0], image.layers[0]

        def whole(request):
            if not request.is_blob(name):
                return False
            if len(self.registry.blob_requests(name)) == 1:
                return request.answer(200, blob[:200_000], length=len(blob))
            return request.answer(200, blob)

        self.registry.hook = whole
        self.pull(self.ref)
        self.assertEqual([r.first_byte for r in self.registry.blob_requests(name)], [0, 200_000])
        self.assert_blobs_true()

    def test_wrong_part(self):
        """A part from elsewhere, or wrong bytes in it: the whole is asked for once more."""
        image = self.image(os.urandom(300_000))
        blob, name = image.blobs[0], image.layers[0]
        for what in ("elsewhere", "bytes"):
            with self.subTest(what=what):
                self.registry.requests.clear()

                def part(request):
                    if not request.is_blob(name):
                        return False
                    if len(self.registry.blob_requests(name)) == 1:
                        return request.answer(200, blob[:200_000], length=len(blob))
                    first = request.first_byte
                    if not first:
                        return False
                    said = first + 7 if what == "elsewhere" else first
                    return request.answer(206, os.urandom(len(blob) - first),
                                          Content_Range=f"bytes {said}-{len(blob) - 1}/{len(blob)}")

                self.registry.hook = part
                self.ref = f"{self.registry.host}/app:{what}"
                self.registry.add_manifest("app", what, image.manifest)
                (self.blobs / name[len("sha256:"):]).unlink(missing_ok=True)
                if what == "bytes":
                    image = self.registry.add_image("app", what, (os.urandom(300_000),))
                    blob, name = image.blobs[0], image.layers[0]
                self.pull(self.ref)
                self.assertEqual([r.first_byte for r in self.registry.blob_requests(name)], [0, 200_000, 0])
                self.assert_blobs_true()

    # ---- where it leads

    def test_redirect_loop(self):
        image = self.image()
        self.registry.hook = lambda r: r.is_blob(image.layers[0]) and r.redirect(r.path)
        self.refused(image.layers[0], "redirects")
        self.assertLessEqual(len(self.registry.blob_requests(image.layers[0])), 7)

    def test_redirects_in_turn(self):
        self.image()
        other = self.new_registry("127.0.0.2")
        other.hook = lambda r: r.redirect(f"http://{self.registry.host}{r.path}")
        self.registry.hook = lambda r: r.is_manifest() and r.redirect(f"http://{other.host}{r.path}")
        self.refused("manifest 1", "redirects")

    def test_redirects_that_lead_nowhere(self):
        image = self.image()
        for location, said in (("", "no http"), ("file:///etc/passwd", "no http"), ("ftp://127.0.0.1/x", "no http"),
                               ("http://user:word@127.0.0.2/", "no http"), ("http:///x", "no http"),
                               ("http://127.0.0.2:99999/", "no http")):
            with self.subTest(location=location):
                self.registry.hook = lambda r: r.is_blob(image.layers[0]) and r.redirect(location)
                self.refused(image.layers[0], said)

    def token_registry(self, realm=None):
        """Makes the registry ask for a token from `realm` (its own host by default); what the token server saw."""
        seen = []
        realm = realm or f"http://{self.registry.host}/token"

        def hook(request):
            if request.path.startswith("/token"):
                seen.append(request.headers.get("authorization"))
                return request.answer(200, json.dumps({"token": "the-token"}).encode())
            if request.headers.get("authorization") != "Bearer the-token":
                return request.answer(401, WWW_Authenticate=f'Bearer realm="{realm}",service="test",'
                                                            'scope="repository:app:pull"')
            return False

        self.registry.hook = hook
        return seen

    def test_token_does_not_follow_to_another_host(self):
        image = self.image()
        other = self.new_registry("127.0.0.2")
        other.blobs = self.registry.blobs
        self.token_registry()
        inner = self.registry.hook
        self.registry.hook = lambda r: inner(r) or (
            r.is_blob(image.layers[0]) and r.redirect(f"http://{other.host}{r.path}?signature=secret"))
        self.give_password(self.registry.host)
        self.pull(self.ref)
        self.assertEqual(len(other.requests), 1)
        self.assertNotIn("authorization", other.requests[0].headers)
        self.assertNotIn("cookie", other.requests[0].headers)

    def test_password_asked_for_by_a_host_redirected_to(self):
        image = self.image()
        other = self.new_registry("127.0.0.2")
        other.hook = lambda r: r.answer(401, WWW_Authenticate='Basic realm="give it to me"')
        self.registry.hook = lambda r: r.is_blob(image.layers[0]) and r.redirect(f"http://{other.host}{r.path}")
        self.give_password(self.registry.host, other.host)
        self.refused(image.layers[0], "denies access")
        for request in other.requests:
            self.assertNotIn("authorization", request.headers)

    def test_another_port_is_another_host(self):
        image = self.image()
        other = self.new_registry("127.0.0.1")
        other.blobs = self.registry.blobs
        self.token_registry()
        inner = self.registry.hook
        self.registry.hook = lambda r: inner(r) or (
            r.is_blob(image.layers[0]) and r.redirect(f"http://{other.host}{r.path}"))
        self.pull(self.ref)
        self.assertNotIn("authorization", other.requests[0].headers)

    # ---- who asks

    def test_token_with_a_password(self):
        self.image()
        seen = self.token_registry()
        self.give_password(self.registry.host)
        self.pull(self.ref)
        self.assertEqual(seen, ["Basic " + base64.b64encode(f"user:{PASSWORD}".encode()).decode()])

    def test_identity_token(self):
        """Given to the token server in a form (OAuth 2), never to the registry."""
        self.image()
        self.token_registry()
        inner, forms = self.registry.hook, []

        def hook(request):
            if request.method == "POST":
                forms.append(request.handler.rfile.read(int(request.headers["content-length"])).decode())
                return request.answer(200, b'{"access_token": "the-token", "expires_in": 300}')
            return inner(request)

        self.registry.hook = hook
        (self.home / ".docker").mkdir()
        (self.home / ".docker/config.json").write_text(json.dumps(
            {"auths": {self.registry.host: {"identitytoken": "long&lived"}}}))
        self.pull(self.ref)
        self.assertEqual(len(forms), 1)
        self.assertIn("grant_type=refresh_token", forms[0])
        self.assertIn("refresh_token=long%26lived", forms[0])
        self.assertIn("scope=repository%3Aapp%3Apull", forms[0])
        for request in self.registry.requests:
            self.assertNotIn("long", request.path + str(request.headers))

    def test_realm_elsewhere_gets_no_password(self):
        self.image()
        elsewhere = self.new_registry("127.0.0.2")
        elsewhere.hook = lambda r: r.answer(401)
        self.token_registry(f"http://{elsewhere.host}/token")
        self.give_password(self.registry.host)
        text = self.refused("denies access", f"not sent to {elsewhere.host}")
        self.assertNotIn(PASSWORD, text)
        self.assertGreater(len(elsewhere.requests), 0)
        for request in elsewhere.requests:
            self.assertNotIn("authorization", request.headers)

    def test_realm_elsewhere_for_everybody(self):
        """A token that needs no password may come from anywhere."""
        self.image()
        elsewhere = self.new_registry("127.0.0.2")
        elsewhere.hook = lambda r: r.answer(200, json.dumps({"token": "the-token"}).encode())
        self.token_registry(f"http://{elsewhere.host}/token")
        self.pull(self.ref)
        self.assertIn("scope=repository%3Aapp%3Apull", elsewhere.requests[0].path)

    def test_realms_that_are_none(self):
        self.image()
        for realm in ("", "file:///etc/passwd", "//127.0.0.1/token", "nonsense"):
            with self.subTest(realm=realm):
                self.registry.hook = lambda r: r.answer(401, WWW_Authenticate=f'Bearer realm="{realm}"')
                self.refused("token server|no method")

    def test_token_that_is_none(self):
        self.image()
        answers = (b"{}", b"[]", b"no json", b'{"token": 7}', b'{"token": "a\\r\\nX-Evil: 1"}', b'{"token": ""}',
                   b'{"token": "' + b"x" * 70_000 + b'"}')
        for body in answers:
            with self.subTest(body=body[:40]):
                self.token_registry()
                inner = self.registry.hook
                self.registry.hook = lambda r: (r.path.startswith("/token") and r.answer(200, body)) or inner(r)
                self.refused("denies access", "token server")
        for request in self.registry.requests:
            self.assertNotIn("x-evil", request.headers)

    def test_never_content(self):
        """A registry that wants a token, gets it, and wants it again."""
        self.image()
        self.token_registry()
        inner = self.registry.hook
        self.registry.hook = lambda r: (r.path.startswith("/token") and inner(r)) or r.answer(
            401, WWW_Authenticate=f'Bearer realm="http://{self.registry.host}/token"')
        self.refused("denies access")
        self.assertLess(len(self.registry.requests), 10)

    # ---- what it says

    def test_slow_answers(self):
        """One byte a second, in the headers or in a body: given up at the bound, not held for ever."""
        image = self.image(os.urandom(50_000))
        self.registries("tries: 1\ntimeouts: {connect: 2s, stall: 2s, total: 60s}\n")
        stop = threading.Event()
        self.addCleanup(stop.set)

        def drip(request, body):
            h = request.handler
            if body:
                h.send_response(200)
                h.send_header("Content-Length", str(len(image.blobs[0])))
                h.end_headers()
            else:
                h.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
            for _ in range(60):
                h.wfile.write(b"x")
                h.wfile.flush()
                if stop.wait(1):
                    break
            h.close_connection = True
            return True

        for body in (False, True):
            with self.subTest(body=body):
                self.registry.hook = lambda r: r.is_blob(image.layers[0]) and drip(r, body)
                began = time.monotonic()
                self.refused(image.layers[0], "slow|too slow|Operation")
                self.assertLess(time.monotonic() - began, 20)

    def test_busy_for_a_while(self):
        image = self.image()
        answers = [503, 429, 500]

        def busy(request):
            if answers and request.is_blob(image.layers[0]):
                return request.answer(answers.pop(), Retry_After="0")
            return False

        self.registry.hook = busy
        self.registries("tries: 5\n")
        self.pull(self.ref)
        self.assertEqual(answers, [])

    def test_asks_to_wait(self):
        image = self.image()
        times = []

        def wait(request):
            if not request.is_blob(image.layers[0]):
                return False
            times.append(time.monotonic())
            return len(times) == 1 and request.answer(429, Retry_After="2")

        self.registry.hook = wait
        self.pull(self.ref)
        self.assertEqual(len(times), 2)
        self.assertGreaterEqual(times[1] - times[0], 2)
        times.clear()
        self.registry.hook = lambda r: r.is_manifest() and r.answer(429, Retry_After="86400")
        self.refused_name = self.pull_fails(f"{self.registry.host}/app:other", match=["429", "asks to wait"])

    def test_headers_without_end(self):
        self.image()

        def many(request):
            h = request.handler
            h.send_response(200)
            for number in range(5000):
                h.send_header(f"X-{number}", "y" * 100)
            h.end_headers()
            h.close_connection = True
            return True

        self.registry.hook = lambda r: r.is_manifest() and many(r)
        self.refused("manifest 1", "headers")

    def test_manifest_without_end(self):
        self.image()
        for length in (None, "none"):
            with self.subTest(length=length):
                self.registry.hook = lambda r: r.is_manifest() and r.answer(
                    200, b" " * (5 << 20), length=length, Content_Type=MANIFEST)
                self.refused("manifest 1", "4194304")

    def test_errors_are_printable(self):
        self.registry.hook = lambda r: r.answer(403, json.dumps(
            {"errors": [{"code": "DENIED", "message": "\x1b[2Jgone\r\n\x07"}]}).encode())
        text = self.refused("denies access", "DENIED")
        self.assertTrue(text.isprintable(), repr(text))

    def test_not_found(self):
        self.refused("manifest 1", "not found", "MANIFEST_UNKNOWN")

    def test_nobody_there(self):
        registry = self.new_registry("127.0.0.3")
        registry.server.server_close()
        self.pull_fails(f"{registry.host}/app:1", match=["app", registry.host])
        self.assert_store_clean()

    # ---- what a manifest can be

    def manifest(self, text, media_type=MANIFEST):
        content = text if isinstance(text, bytes) else json.dumps(text).encode()
        self.registry.add_manifest("app", "1", content, media_type)
        return content

    def test_layers_and_manifests(self):
        image = self.image()
        both = {**image.fields, "manifests": [descriptor(MANIFEST, image.manifest)]}
        for media_type in (MANIFEST, INDEX):
            with self.subTest(media_type=media_type):
                self.manifest({**both, "mediaType": media_type}, media_type)
                self.refused("manifest", "layers", "manifests")

    def test_type_that_contradicts(self):
        image = self.image()
        self.manifest(image.manifest, INDEX)
        self.refused("manifest")

    def test_index_that_refers_to_itself(self):
        """A digest cannot name a text that contains it; so the same text is sent for whatever the index names."""
        name = "sha256:" + "1" * 64
        index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [
            {"mediaType": INDEX, "digest": name, "size": 0, "platform": {"os": "linux", "architecture": "amd64"}}]})
        index = index.replace('"size": 0', f'"size": {len(index) + 2}').encode()
        self.registry.hook = lambda r: r.is_manifest() and r.answer(200, index, Content_Type=INDEX)
        self.refused("manifest", name)

    def test_indexes_without_end(self):
        image = Image([b"hello"])
        self.registry.add_blobs(image)
        content, kind = image.manifest, MANIFEST
        self.registry.add_manifest("app", "deepest", content)
        for depth in range(12):
            content = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [
                descriptor(kind, content, platform={"os": "linux", "architecture": "amd64"})]}).encode()
            kind = INDEX
            self.registry.add_manifest("app", f"depth-{depth}", content, INDEX)
        self.registry.add_manifest("app", "1", content, INDEX)
        self.refused("too deep")

    def test_digests_that_are_none(self):
        for wrong in ("sha256:../../x", "sha256:" + "A" * 64, "sha256:abc", "md5:" + "0" * 32, "sha256",
                      "sha256:" + "0" * 64 + "/../x", "", "sha3-256:" + "0" * 64):
            for where in ("layers", "config"):
                with self.subTest(wrong=wrong, where=where):
                    image = Image([b"hello"])
                    self.registry.add_blobs(image)
                    target = image.fields["config"] if where == "config" else image.fields["layers"][0]
                    target["digest"] = wrong
                    self.manifest(image.fields)
                    self.refused("manifest")
        self.assertEqual(self.registry.blob_requests(), [], "not even asked for")

    def test_digest_header_that_is_none(self):
        image = self.image()
        for wrong in ("sha256:../../x", "md5:" + "0" * 32, "nonsense"):
            with self.subTest(wrong=wrong):
                self.registry.hook = lambda r: r.is_manifest() and r.answer(
                    200, image.manifest, Content_Type=MANIFEST, Docker_Content_Digest=wrong)
                self.refused("manifest 1", "Docker-Content-Digest")

    def test_schema_1(self):
        self.manifest({"schemaVersion": 1, "name": "app", "tag": "1", "fsLayers": [], "history": []},
                      "application/vnd.docker.distribution.manifest.v1+prettyjws")
        self.refused("manifest", "schema")

    def test_texts_that_are_no_manifest(self):
        deep = b'{"layers":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
        for content in (b"", b"null", b"[]", b"{}", b"\xff\xfe", b'{"schemaVersion": 2}', deep,
                        json.dumps({"schemaVersion": 2, "layers": "many", "config": {}}).encode(),
                        json.dumps({"schemaVersion": 2, "manifests": [7]}).encode()):
            with self.subTest(content=content[:40]):
                self.manifest(content)
                self.refused("manifest")

    def test_sizes_that_are_none(self):
        for size in (-1, 1.5, "7", None, 2**63, 2**70):
            with self.subTest(size=size):
                image = Image([b"hello"])
                self.registry.add_blobs(image)
                image.fields["layers"][0]["size"] = size
                self.manifest(image.fields)
                self.refused("manifest|layer")


if __name__ == "__main__":
    harness.main()
