"""Layers that somebody hostile made: nothing outside the layer's folder is touched, each is accepted or refused as
containerd does, within 5 s and 256 MiB, and whatever was refused leaves nothing in the store."""

import gzip
import io
import os
import stat
import struct
import tarfile
import threading
import time

import harness
import image_support as images
from image_support import entry, folder, link

HARD, FIFO, CHAR, BLOCK = tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE


def raw_header(name, size=0, kind=b"0", link_name=b"", magic=b"ustar\0" b"00", mode=0o644, prefix=b""):
    """A tar header written by hand: names and sizes no library would write."""
    size_field = size if isinstance(size, bytes) else b"%011o\0" % size
    block = struct.pack("100s8s8s8s12s12s8s1s100s8s32s32s8s8s155s12x", name, b"%07o\0" % mode, b"0000000\0", b"0000000\0",
                        size_field, b"00000001750\0"[:12], b" " * 8, kind, link_name, magic, b"root", b"root",
                        b"0000000\0", b"0000000\0", prefix)
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def pax_record(key, value):
    body = b" " + key + b"=" + value + b"\n"
    size = len(body) + 1
    while len(b"%d" % size) + len(body) != size:
        size = len(b"%d" % size) + len(body)
    return b"%d" % size + body


def pax(*records, kind=b"x"):
    data = b"".join(pax_record(key, value) for key, value in records)
    return raw_header(b"pax", len(data), kind) + pad(data)


def pad(data):
    return data + b"\0" * (-len(data) % 512)


END = b"\0" * 1024


def victim_name(victim):
    return str(victim).lstrip("/")


def cases(victim):
    """name → (layer bytes, accepted, what to look at below the layer's folder)."""
    up = "../" * 12
    inside = victim_name(victim)
    target = str(victim)
    tree = images.layer
    return {
        "traversal by name": (tree([entry(f"{up}{inside}/file", b"owned")]), True, None),
        "traversal, absolute": (tree([entry(f"{target}/file", b"owned")]), True, None),
        "traversal in the middle": (tree([folder("a"), entry(f"a/../{up}{inside}/file", b"owned")]), True, None),
        "through an absolute link": (tree([link("out", target), entry("out/file", b"owned")]), True, None),
        "through a relative link": (tree([link("out", f"{up}{inside}"), entry("out/file", b"owned")]), True, None),
        "through chained links": (
            tree([link("a", "b"), link("b", "c/d"), folder("c"), link("c/d", target), entry("a/file", b"owned")]), True, None),
        "through a link replaced": (
            tree([folder("d"), link("d", target), entry("d/file", b"owned"), folder("d"), entry("d/x", b"y")]), True, "d/x"),
        "a file over a link": (tree([link("file", f"{target}/file"), entry("file", b"mine")]), True, "file"),
        "hard link outside": (tree([entry("h", kind=HARD, link=f"{target}/file")]), False, None),
        "hard link outside, relative": (tree([entry("h", kind=HARD, link=f"{up}{inside}/file")]), False, None),
        "hard link through a link": (
            tree([link("out", target), entry("h", kind=HARD, link="out/file"), entry("h", b"owned")]), False, None),
        "hard link to a link, then written": (
            tree([link("l", f"{target}/file"), entry("h", kind=HARD, link="l"), entry("h", b"owned")]), True, "h"),
        "hard link to itself": (tree([entry("x", b"1"), entry("x", kind=HARD, link="x")]), True, "x"),
        "whiteout of .": (tree([entry(".wh..")]), False, None),
        "whiteout of ..": (tree([folder("d"), entry("d/.wh...")]), False, None),
        "whiteout of nothing": (tree([entry(".wh.")]), False, None),
        "whiteout through a link": (tree([link("out", target), entry("out/.wh.file")]), True, None),
        "opaque through a link": (tree([link("out", target), entry("out/.wh..wh..opq")]), True, None),
        "whiteout outside": (tree([entry(f"{up}{inside}/.wh.file")]), True, None),
        "device nodes": (
            tree([entry("null", kind=CHAR, device=(1, 3)), entry("disk", kind=BLOCK, device=(254, 0)), entry("ok", b"1"),
                  entry("null2", kind=HARD, link="null")]), True, "ok"),
        "FIFO": (tree([entry("pipe", kind=FIFO)]), True, "pipe"),
        "FIFO written through": (tree([entry("pipe", kind=FIFO), entry("pipe", b"data")]), True, "pipe"),
        "set-uid": (tree([entry("su", b"x", mode=0o4755)]), True, "su"),
        "PAX path override": (pax((b"path", f"{up}{inside}/file".encode())) + raw_header(b"ok", 5) + pad(b"owned") + END, True, None),
        "PAX linkpath override": (
            pax((b"linkpath", f"{target}/file".encode())) + raw_header(b"h", 0, b"1", b"ok") + END, False, None),
        "PAX size override": (pax((b"size", b"99999999999")) + raw_header(b"f", 5) + pad(b"12345") + END, False, None),
        "PAX xattrs of overlay and SELinux": (
            tree([entry("f", b"1", pax={"SCHILY.xattr.trusted.overlay.redirect": target,
                                        "SCHILY.xattr.security.selinux": "system_u:object_r:etc_t:s0",
                                        "SCHILY.xattr.user.kept": "yes"}),
                  folder("d", pax={"SCHILY.xattr.trusted.overlay.opaque": "y"})]), True, "f"),
        # NUL ends a name of a header and of GNU's long form; in the names of a PAX record it is refused, and so is a record
        # that is malformed (Go's archive/tar).
        "NUL in a PAX path": (pax((b"path", b"file\0/../x")) + raw_header(b"ok", 1) + pad(b"1") + END, False, None),
        "NUL in a PAX path between chunks": (
            raw_header(b"f", (512 << 10) - 1024) + b"x" * ((512 << 10) - 1024) + pax((b"path", b"file\0")) + raw_header(b"ok") + END,
            False, None),
        "NUL in a PAX path behind much": (
            pax((b"comment", b"x" * 700_000), (b"path", b"file\0")) + raw_header(b"ok") + END, False, None),
        "NUL in a PAX path behind other headers": (
            pax((b"path", b"good")) + raw_header(b"././@LongLink", 6, b"L", magic=b"ustar  \0") + pad(b"long\0\0") +
            pax((b"path", b"file\0")) + raw_header(b"ok") + END, False, None),
        "NUL in a PAX path, nothing behind it": (pax((b"path", b"file\0")), False, None),
        "NUL in a global PAX path": (pax((b"path", b"file\0"), kind=b"g") + raw_header(b"ok") + END, False, None),
        "NUL in a PAX linkpath": (
            pax((b"linkpath", f"{target}\0x".encode())) + raw_header(b"l", 0, b"2", b"ok") + raw_header(b"l/file", 1) + pad(b"1")
            + END, False, None),
        "NUL in a PAX user name": (pax((b"uname", b"a\0b")) + raw_header(b"ok", 1) + pad(b"1") + END, False, None),
        "NUL in a PAX key": (pax((b"a\0b", b"x")) + raw_header(b"ok") + END, False, None),
        "NUL in a file that looks like a PAX header": (
            raw_header(b"f", 1024) + pax((b"path", b"file\0")) + raw_header(b"ok") + END, True, "ok"),
        "PAX record malformed": (raw_header(b"pax", 9, b"x") + pad(b"9 path=x ") + raw_header(b"ok") + END, False, None),
        "PAX record too long for its header": (raw_header(b"pax", 9, b"x") + pad(b"99 path=x") + raw_header(b"ok") + END, False, None),
        "PAX header of no size": (raw_header(b"pax", 0, b"x") + raw_header(b"ok") + END, True, "ok"),
        "PAX header of an odd size": (
            raw_header(b"pax", b"\0" * 9 + b"17\0", b"x") + pad(pax_record(b"path", b"file\0")) + raw_header(b"ok") + END, False, None),
        "Solaris's extended header": (
            pax((b"path", b"file"), kind=b"X") + raw_header(b"ok") + END, False, None),
        "a volume's header": (raw_header(b"vol", 0, b"V") + raw_header(b"ok") + END, False, None),
        "forty extended headers": (pax((b"path", b"file")) * 40 + raw_header(b"ok") + END, None, None),
        "NUL in an attribute's value": (
            pax((b"SCHILY.xattr.user.x", b"a\0b")) + raw_header(b"ok", 1) + pad(b"1") + END, True, "ok"),
        "NUL in a name": (raw_header(b"ok\0/../../x", 1) + pad(b"1") + END, True, "ok"),
        "NUL in a GNU long name": (
            raw_header(b"././@LongLink", 9, b"L", magic=b"ustar  \0") + pad(b"ok\0/../x\0") + raw_header(b"n", 1) + pad(b"1") + END,
            True, "ok"),
        "newline in a name": (tree([entry("a\nb", b"1")]), True, "a\nb"),
        "name not UTF-8": (raw_header(b"caf\xe9", 1) + pad(b"1") + END, True, None),
        "name of 300 bytes in one part": (tree([entry("n" * 300, b"1")]), False, None),
        "name of 5000 bytes": (tree([entry("/".join(["d" * 100] * 50) + "/f", b"1")]), False, None),
        "name empty": (raw_header(b"", 1) + pad(b"1") + END, False, None),
        "the root as a file": (raw_header(b"./", 1) + pad(b"1") + END, None, None),
        "the root as a link": (tree([link(".", target), entry("file", b"owned")]), False, None),
        "duplicates": (tree([entry("f", b"1"), entry("f", b"22"), folder("f"), entry("f/g", b"3"), entry("f", b"4")]), True, "f"),
        "a folder over the folder in use": (tree([folder("d"), entry("d/a", b"1"), link("d", "."), entry("d/b", b"2")]), True, "b"),
        "checksum wrong": (b"x" + raw_header(b"f", 1)[1:] + pad(b"1") + END, False, None),
        "size negative": (raw_header(b"f", b"\xff" * 12) + END, False, None),
        "size of 8 EiB": (raw_header(b"f", b"\x80" + b"\0" * 3 + b"\x7f" + b"\xff" * 7) + END, False, None),
        "owner out of range": (pax((b"uid", b"99999999999999")) + raw_header(b"f", 1) + pad(b"1") + END, False, None),
        "truncated in content": (raw_header(b"f", 4000) + b"1" * 1500, False, None),
        "truncated in a header": (raw_header(b"f", 0)[:300], False, None),
        "garbage": (os.urandom(4096), False, None),
        "nothing at all": (b"", True, None),
        "no end marker": (raw_header(b"f", 1) + pad(b"1"), True, "f"),
        "garbage behind the end": (raw_header(b"f", 1) + pad(b"1") + END + b"garbage" * 100, True, "f"),
        "links in a circle": (tree([link("a", "b"), link("b", "a"), entry("a/f", b"1")]), False, None),
    }


class Hostile(harness.Case):
    def setUp(self):
        super().setUp()
        self.victim = self.machine.base / "victim"
        self.victim.mkdir()
        (self.victim / "file").write_text("untouched")
        os.chmod(self.victim / "file", 0o640)
        # Beside the store, on its file system: a hard link would be possible.
        self.near = self.machine.root / "lib/images/victim"
        self.make_near()
        self.number = 0

    def make_near(self):
        self.near.mkdir(parents=True)
        (self.near / "file").write_text("untouched")

    def state(self):
        out = []
        for place in (self.victim, self.near):
            for path in [place, *sorted(place.iterdir())]:
                info = path.lstat()
                text = path.read_text() if stat.S_ISREG(info.st_mode) else None
                out.append((str(path), info.st_mode, info.st_nlink, info.st_uid, info.st_mtime_ns, info.st_ctime_ns, text))
        return out

    def load(self, data, packed=None, diff_id=None):
        """(accepted, stderr, folder, seconds)"""
        self.number += 1
        layout = images.Layout(self.machine.work / f"layout-{self.number}")
        layout.image([data], tag="x", packed=[packed] if packed is not None else None, diff_ids=[diff_id] if diff_id else None)
        began = time.monotonic()
        result = self.stack("image", "load", "-q", f"oci:./layout-{self.number}:x", check=False)
        took = time.monotonic() - began
        where = self.machine.root / "lib/images/layers" / (diff_id or images.sha(data))[7:]
        return result.code == 0, result, where, took

    def store(self):
        top = self.machine.root / "lib/images"
        return sorted(
            str(path.relative_to(top)) for name in ("layers", "names", "records", "tmp", "partial")
            for path in (top / name).glob("*"))

    def check(self, name, data, accepted, look_at, before, most=5, **more):
        with self.subTest(name):
            there = self.store()
            good, result, where, took = self.load(data, **more)
            self.assertEqual(self.state(), before, f"{name}: the victim was touched")
            self.assertLess(took, most, name)
            if accepted is not None:
                self.assertEqual(good, accepted, str(result))
            if not good:
                self.assertEqual(result.code, 1)
                self.assertRegex(result.err, r"stack: error: load oci:\S+: layer sha256:", str(result))
                self.assertEqual(self.store(), there, f"{name}: something was left in the store")
            elif look_at:
                self.assertTrue(os.path.lexists(where / "fs" / look_at), str(result))
            return where / "fs"

    def test_layers(self):
        before = self.state()
        seen = {}
        refused = tried = 0
        all_cases = cases(self.victim)
        for at, victim in (("elsewhere", self.victim), ("beside the store", self.near)):
            for name, (data, accepted, look_at) in cases(victim).items():
                if victim is self.near and data == all_cases[name][0]:
                    continue  # of no victim
                tried += 1
                seen[name] = self.check(f"{name} ({at})", data, accepted, look_at, before)
                refused += accepted is False
        print(f"{tried} hostile layers, {refused} of them to be refused", flush=True)
        made = seen["device nodes"]
        self.assertEqual(sorted(os.listdir(made)), ["ok"], "device nodes are never made")
        self.assertTrue(stat.S_ISFIFO(os.lstat(seen["FIFO"] / "pipe").st_mode))
        self.assertTrue(stat.S_ISREG(os.lstat(seen["FIFO written through"] / "pipe").st_mode))
        self.assertEqual(stat.S_IMODE(os.lstat(seen["set-uid"] / "su").st_mode), 0o4755)
        kept = seen["PAX xattrs of overlay and SELinux"]
        self.assertEqual(os.listxattr(kept / "f"), ["user.kept"])
        self.assertEqual(os.listxattr(kept / "d"), [])
        self.assertEqual((seen["duplicates"] / "f").read_bytes(), b"4")
        self.stack("image", "verify")
        self.stack("image", "prune", "-a", "-f")
        self.assertEqual(self.store(), [])

    def test_packing(self):
        before = self.state()
        data = images.layer([entry("f", b"12345" * 1000)])
        packed = gzip.compress(data, mtime=0)
        self.check("plain tar", data, True, "f", before, packed=data)
        half = len(data) // 2
        members = gzip.compress(data[:half], mtime=0) + gzip.compress(data[half:], mtime=0)
        self.check("two gzip members", data, True, "f", before, packed=members)
        for name, bad in (("garbage behind gzip", packed + b"garbage"), ("gzip cut", packed[:-20]),
                          ("gzip with a wrong sum", packed[:-8] + b"\0" * 8), ("gzip header alone", packed[:10]),
                          ("zstd garbage", b"\x28\xb5\x2f\xfd" + b"x" * 100), ("xz", b"\xfd7zXZ\0" + b"x" * 100)):
            other = images.layer([entry("f", name.encode())])
            self.check(name, other, False, None, before, packed=bad)
        other = images.layer([entry("f", b"diff id")])
        self.check("another diff id", other, False, None, before, diff_id=images.sha(b"something else"))
        self.assertIn("not sha256:", self.load(other, diff_id=images.sha(b"something else"))[1].err)

    def test_zstd(self):
        images.need("zstd")
        data = images.layer([entry("f", b"12345" * 1000)])
        path = self.machine.work / "layer.tar"
        path.write_bytes(data)
        images.tool("zstd", "-q", path)
        self.check("zstd", data, True, "f", self.state(), packed=path.with_suffix(".tar.zst").read_bytes())

    def watch(self):
        """Peak memory in KiB and seconds of processor time of what unpacks, looked at while it runs: nobody waits for
        these processes."""
        peaks = [0, 0.0]
        done = threading.Event()

        def look():
            while not done.is_set():
                for pid in harness.all_pids():
                    text = harness.read(f"/proc/{pid}/status")
                    if text.startswith("Name:\tstack-unpack"):
                        found = [int(line.split()[1]) for line in text.splitlines() if line.startswith("VmHWM")]
                        peaks[0] = max([peaks[0], *found])
                        fields = harness.stat_fields(pid) or ["0"] * 13
                        peaks[1] = max(peaks[1], (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"))
                time.sleep(0.01)

        thread = threading.Thread(target=look)
        thread.start()
        self.addCleanup(lambda: (done.set(), thread.join()))
        return peaks

    def test_bomb(self):
        before = self.state()
        zeros = 1 << 30
        head, tail = raw_header(b"zeros", zeros), END
        digest = harness_hash(head, zeros, tail)
        out = io.BytesIO()
        with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=6, mtime=0) as file:
            file.write(head)
            block = b"\0" * (1 << 20)
            for _ in range(zeros >> 20):
                file.write(block)
            file.write(tail)
        # On a machine that is busy, what gzip alone takes is the measure.
        path = self.machine.work / "bomb.gz"
        path.write_bytes(out.getvalue())
        began = time.monotonic()
        images.tool("gzip", "-t", path)
        bare = time.monotonic() - began
        peaks = self.watch()
        where = self.check("1 GiB of zeros", b"", True, "zeros", before, packed=out.getvalue(), diff_id=digest, most=max(5, 3 * bare))
        info = (where / "zeros").stat()
        self.assertEqual(info.st_size, zeros)
        self.assertLess(info.st_blocks * 512, 1 << 20, "zeros take no room")
        self.assertTrue(0 < peaks[0] < 256 * 1024, f"{peaks[0]} KiB")
        print(f"bomb of 1 GiB: peak {peaks[0]} KiB", flush=True)

    def test_many_entries(self):
        count = 200_000
        out = io.BytesIO()
        for number in range(count):
            out.write(raw_header(b"d%d/f%d" % (number % 100, number), 0))
        data = out.getvalue() + END
        # Into memory: what an old disk's file system takes to find free inodes is up to a hundred times what we take.
        data_root = self.machine.root / "lib"
        data_root.mkdir(mode=0o700, exist_ok=True)
        harness.run("mount", "-t", "tmpfs", "-o", "mode=700", "tmpfs", str(data_root))
        self.addCleanup(harness.run, "umount", "-l", str(data_root))
        self.make_near()
        self.machine.before = self.machine.snapshot()
        # Wall time is the machine's load; processor time is ours. The rest is the whole program's, with a margin for load.
        peaks = self.watch()
        began = time.monotonic()
        self.check("200,000 entries", data, True, "d0/f0", self.state(), packed=gzip.compress(data, 1), most=60)
        print(f"200,000 entries: {time.monotonic() - began:.1f} s, {peaks[1]:.1f} s of it unpacking, peak {peaks[0]} KiB", flush=True)
        self.assertTrue(0 < peaks[1] < 5, f"{peaks[1]} s")
        self.assertTrue(0 < peaks[0] < 256 * 1024, f"{peaks[0]} KiB")

    def test_documents(self):
        """Manifests, indexes and configurations with lies in them."""
        layout = images.Layout(self.machine.work / "lies")
        kind = "application/vnd.oci.image."
        good = layout.image([images.layer([entry("f", b"1")])], tag="good")

        def put(tag, document, media="manifest.v1+json", data=None):
            layout.add(layout.blob(data or images.json.dumps(document).encode(), kind + media), tag)
            return tag

        digest = good["layers"][0]["digest"]
        loop = {"schemaVersion": 2, "manifests": [{"mediaType": kind + "index.v1+json", "digest": digest, "size": 5}]}
        deep = dict(good["config"])
        nested = layout.manifests[0]
        for _ in range(8):
            nested = layout.blob(images.json.dumps({"schemaVersion": 2, "manifests": [nested]}).encode(), kind + "index.v1+json")
        layout.add(nested, "deep")
        lies = {
            put("both", {**good, "manifests": []}): "both `layers` and `manifests`",
            put("neither", {"schemaVersion": 2}): "neither `layers` nor `manifests`",
            put("schema1", {**good, "schemaVersion": 1}): "only schemaVersion 2",
            put("digest", {**good, "layers": [{**good["layers"][0], "digest": "sha256:../../x"}]}): '"sha256:../../x" is not a digest',
            put("algorithm", {**good, "layers": [{**good["layers"][0], "digest": "md5:" + "0" * 32}]}): "unknown algorithm",
            put("size", {**good, "layers": [{**good["layers"][0], "size": 1}]}): "larger than the 1 bytes announced",
            put("size2", {**good, "layers": [{**good["layers"][0], "size": 10**7}]}): "ended after|has [0-9]+ bytes, not",
            put("negative", {**good, "layers": [{**good["layers"][0], "size": -1}]}): "no valid size",
            put("count", {**good, "layers": []}): "1 diff ids for 0 layers",
            put("many", {**good, "layers": good["layers"] * 600}): "more than 500 are refused",
            put("loop", loop, "index.v1+json"): "has other content",
            "deep": "more than 4 levels deep",
            put("json", None, data=b"{"): "not JSON",
            put("brackets", None, data=b'{"a":' + b"[" * 100000): "nested deeper",
            put("large", None, data=b'{"a":"' + b"x" * (5 << 20) + b'"}'): "more than 4194304 are refused",
            put("foreign", {**good, "layers": [{**deep, "urls": ["https://example.org"]}]}): "kept elsewhere",
            put("type", good, "index.v1+json"): "was announced as",
        }
        for tag, text in lies.items():
            with self.subTest(tag):
                self.assert_fails("image", "load", "-q", f"oci:./lies:{tag}", match=text)
        self.assertEqual(self.store(), [], "nothing was left")


def harness_hash(head, zeros, tail):
    import hashlib

    out = hashlib.sha256(head)
    block = b"\0" * (1 << 20)
    for _ in range(zeros >> 20):
        out.update(block)
    out.update(tail)
    return "sha256:" + out.hexdigest()


if __name__ == "__main__":
    harness.main()
