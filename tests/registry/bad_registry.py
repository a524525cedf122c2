"""A registry that can misbehave in every way a test asks for: a small correct one (OCI distribution, pull only) with a
hook before each answer. Listens on a loopback address of its own, in a thread of the test; keeps what it was asked.

    registry = BadRegistry("127.0.0.2")
    image = registry.add_image("app", "1", [b"content of a layer"])
    registry.hook = lambda request: request.answer(500) if request.is_blob(image.layers[0]) else None
"""

import gzip
import hashlib
import http.server
import io
import json
import tarfile
import threading

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def sha256(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def descriptor(media_type, content, **more):
    return {"mediaType": media_type, "digest": sha256(content), "size": len(content), **more}


def layer_of(name, content):
    """(compressed, diff id) of a layer with one file."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    return gzip.compress(raw.getvalue(), 1, mtime=0), sha256(raw.getvalue())


class Image:
    """What was made for one image: bytes and digests, for a test to spoil."""

    def __init__(self, contents, architecture="amd64"):
        made = [layer_of(f"file-{number}", content) for number, content in enumerate(contents)]
        self.blobs = [blob for blob, _ in made]
        self.layers = [sha256(blob) for blob in self.blobs]
        self.config = json.dumps({
            "architecture": architecture, "os": "linux", "config": {"Cmd": ["/bin/sh"]},
            "rootfs": {"type": "layers", "diff_ids": [diff for _, diff in made]}}).encode()
        self.fields = {
            "schemaVersion": 2, "mediaType": MANIFEST, "config": descriptor(CONFIG, self.config),
            "layers": [descriptor(LAYER, blob) for blob in self.blobs]}

    @property
    def manifest(self):
        return json.dumps(self.fields).encode()


class Request:
    """One request, and the ways to answer it. True from an answer: nothing else is to be said."""

    def __init__(self, handler):
        self.handler = handler
        self.method, self.path = handler.command, handler.path
        self.headers = {key.lower(): value for key, value in handler.headers.items()}

    def is_blob(self, digest=None):
        return "/blobs/" in self.path and (digest is None or self.path.endswith(digest))

    def is_manifest(self, reference=None):
        return "/manifests/" in self.path and (reference is None or self.path.endswith("/" + reference))

    @property
    def first_byte(self):
        text = self.headers.get("range", "")
        return int(text[len("bytes="):].split("-")[0]) if text.startswith("bytes=") else 0

    def answer(self, status, body=b"", length=None, **headers):
        """`length`: what Content-Length says, when that is a lie; header names with _ for -."""
        h = self.handler
        h.send_response(status)
        for name, value in headers.items():
            h.send_header(name.replace("_", "-"), value)
        if length != "none":
            h.send_header("Content-Length", str(len(body) if length is None else length))
        h.end_headers()
        if self.method != "HEAD":
            h.wfile.write(body)
        if length is not None:
            h.wfile.flush()
            h.close_connection = True
        return True

    def redirect(self, location, status=307):
        return self.answer(status, Location=location)

    def hang_up(self):
        self.handler.close_connection = True
        return True


class BadRegistry:
    def __init__(self, host="127.0.0.1"):
        self.manifests, self.blobs = {}, {}  # by (repository, reference) and by digest
        self.types = {}
        self.requests = []
        self.hook = None
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 20

            def log_message(self, *_):
                pass

            def do_GET(self):
                request = Request(self)
                registry.requests.append(request)
                try:
                    if registry.hook is None or not registry.hook(request):
                        registry.serve(request)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            do_HEAD = do_GET
            do_POST = do_GET
            do_PUT = do_GET

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass  # a client that speaks TLS first, or goes away

        self.server = Server((host, 0), Handler)
        self.host = f"{host}:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def add_manifest(self, repository, reference, content, media_type=MANIFEST):
        for name in (reference, sha256(content)):
            self.manifests[repository, name] = content
            self.types[repository, name] = media_type

    def add_image(self, repository, tag, contents=(b"hello",), **options):
        image = Image(contents, **options)
        self.add_blobs(image)
        self.add_manifest(repository, tag, image.manifest)
        return image

    def add_blobs(self, image):
        self.blobs[sha256(image.config)] = image.config
        for name, blob in zip(image.layers, image.blobs):
            self.blobs[name] = blob

    def blob_requests(self, digest=None):
        return [request for request in self.requests if request.is_blob(digest)]

    def serve(self, request):
        path = request.path.partition("?")[0]
        if "/manifests/" in path:
            repository, _, reference = path[len("/v2/"):].partition("/manifests/")
            content = self.manifests.get((repository, reference))
            if content is None:
                body = {"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}
                return request.answer(404, json.dumps(body).encode())
            return request.answer(200, content, Content_Type=self.types[repository, reference],
                                  Docker_Content_Digest=sha256(content))
        if "/blobs/" in path:
            content = self.blobs.get(path.rpartition("/")[2])
            if content is None:
                return request.answer(404, b"{}")
            first = request.first_byte
            if first:
                return request.answer(206, content[first:],
                                      Content_Range=f"bytes {first}-{len(content) - 1}/{len(content)}")
            return request.answer(200, content)
        return request.answer(404)
