"""Images for the tests: layers written byte by byte, OCI layouts of them, small root file systems with busybox. What
real tools make (umoci, skopeo) is made in the tests themselves."""

import gzip
import hashlib
import io
import json
import pathlib
import shutil
import subprocess
import tarfile

BUSYBOX = "/bin/busybox"


def sha(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def entry(name, data=b"", kind=tarfile.REGTYPE, link="", mode=0o644, uid=0, gid=0, mtime=1000, pax=None, device=(0, 0)):
    """(TarInfo, content) for layer()."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode, info.uid, info.gid, info.mtime = kind, link, mode, uid, gid, mtime
    info.size = len(data) if kind == tarfile.REGTYPE else 0
    info.devmajor, info.devminor = device
    info.pax_headers = pax or {}
    return info, data


def folder(name, mode=0o755, **more):
    return entry(name, kind=tarfile.DIRTYPE, mode=mode, **more)


def link(name, target):
    return entry(name, kind=tarfile.SYMTYPE, link=target, mode=0o777)


def layer(entries, form=tarfile.PAX_FORMAT):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for info, data in entries:
            tar.addfile(info, io.BytesIO(data) if info.type == tarfile.REGTYPE else None)
    return out.getvalue()


def libraries():
    """What busybox loads, where it is linked dynamically; by the names it looks for."""
    said = subprocess.run(["ldd", BUSYBOX], capture_output=True, text=True, check=False).stdout
    return [word for line in said.splitlines() for word in line.split() if word.startswith("/")]


def base_entries():
    """A root in which a shell runs."""
    out = [folder("bin"), folder("etc"), folder("tmp", mode=0o1777), folder("data", mode=0o750, uid=1234, gid=1235)]
    out.append(entry("bin/busybox", pathlib.Path(BUSYBOX).read_bytes(), mode=0o755))
    out += [entry(path.lstrip("/"), pathlib.Path(path).read_bytes(), mode=0o755) for path in libraries()]
    for name in ("sh", "cat", "ls", "id", "sleep", "stat", "true", "touch"):
        out.append(link("bin/" + name, "busybox"))
    out.append(entry("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\napp:x:1234:1235:app:/data:/bin/sh\n"))
    out.append(entry("etc/group", b"root:x:0:\napp:x:1235:\n"))
    out.append(entry("data/seed", b"from the image\n", uid=1234, gid=1235, mode=0o640))
    return out


class Layout:
    """An OCI layout in a folder."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        (self.path / "blobs/sha256").mkdir(parents=True, exist_ok=True)
        (self.path / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
        self.manifests = []

    def blob(self, data, kind, **more):
        digest = sha(data)
        (self.path / "blobs/sha256" / digest[7:]).write_bytes(data)
        return {"mediaType": kind, "digest": digest, "size": len(data), **more}

    def image(self, layers, config=None, tag="latest", packed=None, diff_ids=None, **platform):
        """`layers`: tar bytes; `packed`: what is stored instead (default: gzip)."""
        packed = packed or [gzip.compress(data, 1, mtime=0) for data in layers]
        document = {
            "architecture": platform.get("architecture", "amd64"),
            "os": "linux",
            "created": "2024-05-01T10:00:00Z",
            "config": config or {},
            "rootfs": {"type": "layers", "diff_ids": diff_ids or [sha(data) for data in layers]},
        }
        kind = "application/vnd.oci.image."
        manifest = {
            "schemaVersion": 2,
            "mediaType": kind + "manifest.v1+json",
            "config": self.blob(json.dumps(document).encode(), kind + "config.v1+json"),
            "layers": [self.blob(data, kind + "layer.v1.tar+gzip") for data in packed],
        }
        described = self.blob(json.dumps(manifest).encode(), kind + "manifest.v1+json")
        self.add(described, tag)
        return manifest

    def add(self, descriptor, tag):
        self.manifests.append({**descriptor, "annotations": {"org.opencontainers.image.ref.name": tag}})
        self.write()

    def write(self):
        index = {"schemaVersion": 2, "manifests": self.manifests}
        (self.path / "index.json").write_text(json.dumps(index))


def need(*tools):
    import unittest

    for tool in tools:
        if shutil.which(tool) is None:
            raise unittest.SkipTest(f"{tool} is not installed")


def tool(*argv):
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, argv))}: {done.stderr}")
    return done.stdout
