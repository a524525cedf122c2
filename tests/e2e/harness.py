"""What every end-to-end test shares: a machine of its own (root folder, cgroup parent, a neighbour across a veth
pair), the program run as a person would run it, and a leak check at the end.

Run through tests/run-isolated: everything here assumes fresh network, mount, uts, ipc and pid namespaces.
Owns nothing of the program's insides; looks at the kernel with iproute2, nft and /proc.
"""

import functools
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
HERE = pathlib.Path(__file__).resolve().parent
STACK = os.environ.get("STACK_BIN", str(TOP / "build/dev/stack"))
SHOP_ROOTFS = pathlib.Path(os.environ.get("SHOP_ROOTFS") or TOP / "build/rootfs")

NEIGHBOUR = "out"
HOST_V4, NEIGHBOUR_V4 = "203.0.113.1", "203.0.113.2"
HOST_V6, NEIGHBOUR_V6 = "fd00:cafe::1", "fd00:cafe::2"


def run(*argv, check=True, **options):
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False, **options)
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)}: {done.stderr.strip()}")
    return done.stdout


def wait_until(condition, what, timeout=30.0, interval=0.05):
    """The value of condition() once it is true; exceptions of assertions inside count as "not yet"."""
    deadline = time.monotonic() + timeout
    last = None
    while True:
        try:
            value = condition()
            if value:
                return value
        except AssertionError as error:
            last = error
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} s: {what}" + (f" ({last})" if last else ""))
        time.sleep(interval)


# ---- processes ----------------------------------------------------------------------------------------------


def read(path, default=""):
    try:
        return pathlib.Path(path).read_text(errors="replace")
    except OSError:
        return default


def stat_fields(pid):
    """Fields of /proc/PID/stat from the state on; nothing when there is no such process."""
    text = read(f"/proc/{pid}/stat")
    return text.rpartition(")")[2].split() if text else None


def is_alive(pid):
    fields = stat_fields(pid)
    return bool(fields) and fields[0] not in "ZX"


def start_time(pid):
    fields = stat_fields(pid)
    return int(fields[19]) if fields else None


def all_pids():
    return sorted(int(name) for name in os.listdir("/proc") if name.isdigit())


def command_line(pid):
    return read(f"/proc/{pid}/cmdline").split("\0")[:-1]


def kill_if_there(pid):
    """For a process that may be on its way out by itself, as a supervisor that has just lost its keeper."""
    try:
        kill(pid)
    except ProcessLookupError:
        pass


def kill(pid, number=signal.SIGKILL):
    """Stops one process, by pid, that the test knows to be its own; waits until it has gone."""
    assert pid > 2, "never the harness itself"
    started = start_time(pid)
    os.kill(pid, number)
    if number == signal.SIGKILL:
        wait_until(lambda: not is_alive(pid) or start_time(pid) != started, f"death of {pid}")
    if number == signal.SIGSTOP:
        wait_until(lambda: (stat_fields(pid) or "T")[0] == "T", f"stop of {pid}")


# ---- cgroups ------------------------------------------------------------------------------------------------


def cgroup_mounts():
    mounts = []
    for line in read("/proc/self/mountinfo").splitlines():
        left, _, right = line.partition(" - ")
        if right.split()[0] in ("cgroup", "cgroup2"):
            mounts.append(pathlib.Path(left.split()[4]))
    return mounts


def cgroup_tree(parent):
    """Every group at or below `parent`, in every hierarchy."""
    found = []
    for mount in cgroup_mounts():
        top = mount / parent.lstrip("/")
        if top.is_dir():
            found += [pathlib.Path(folder) for folder, _, _ in os.walk(top)]
    return sorted(found)


def remove_old_cgroups():
    """Empty groups of test runs that were killed; rmdir refuses what still has processes."""
    for mount in cgroup_mounts():
        for top in mount.glob("stack-test-*"):
            try:
                if time.time() - top.stat().st_mtime <= 3600:
                    continue
            except FileNotFoundError:  # of another test that has just ended
                continue
            for folder, _, _ in os.walk(top, topdown=False):
                try:
                    os.rmdir(folder)
                except OSError:
                    pass


def remove_cgroups(parent):
    for group in sorted(cgroup_tree(parent), key=lambda path: -len(path.parts)):
        for pid in read(group / "cgroup.procs").split():
            if int(pid) > 2 and int(pid) != os.getpid():
                try:
                    os.kill(int(pid), signal.SIGKILL)
                except ProcessLookupError:
                    pass
        for _ in range(100):
            try:
                group.rmdir()
                break
            except FileNotFoundError:
                break
            except OSError:
                time.sleep(0.05)


# ---- the machine of one test -----------------------------------------------------------------------------------


class Result:
    def __init__(self, argv, code, out, err):
        self.argv, self.code, self.out, self.err = argv, code, out, err

    def __str__(self):
        return f"$ {' '.join(self.argv)}\nexit {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


# What may stay below the root after `down`: named volumes, images, and what belongs to the root, not to a stack.
STAYS = re.compile(r"^lib/(volumes|images)(/|$)|^(lib|run)(/(stacks|networks|containers))?$|(^|/)\.?lock$")


class Machine:
    def __init__(self, name):
        token = f"{name}-{os.urandom(4).hex()}"
        self.base = pathlib.Path(tempfile.mkdtemp(prefix=f"stack-e2e-{name}-", dir="/var/tmp"))
        self.root = self.base / "root"
        self.work = self.base / "work"
        self.root.mkdir(mode=0o700)
        self.work.mkdir()
        self.base.chmod(0o755)
        self.cgroup = f"/stack-test-{token}"
        self.env = {
            key: value for key, value in os.environ.items() if not key.startswith(("STACK_", "COMPOSE_"))
        }
        self.env.update(STACK_ROOT=str(self.root), STACK_CGROUP_PARENT=self.cgroup, LC_ALL="C.UTF-8")
        self.children = []
        self.before = self.snapshot()

    # -- the program

    def write(self, name, text):
        path = self.work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def stack(self, *args, check=True, cwd=None, env=None, input=None, timeout=180):
        argv = [STACK, *map(str, args)]
        stdin = {"input": input} if input is not None else {"stdin": subprocess.DEVNULL}
        try:
            done = subprocess.run(
                argv, cwd=cwd or self.work, env={**self.env, **(env or {})}, capture_output=True,
                text=True, errors="replace", timeout=timeout, check=False, **stdin,
            )
        except subprocess.TimeoutExpired as late:
            raise AssertionError(
                f"{' '.join(argv)} did not end within {timeout} s\n{late.stdout}\n{late.stderr}") from None
        result = Result(argv[1:], done.returncode, done.stdout, done.stderr)
        for sign in ("terminate called", "AddressSanitizer", "LeakSanitizer", "runtime error:"):
            assert sign not in done.stderr, str(result)
        if check:
            assert done.returncode == 0, str(result)
        return result

    def spawn(self, *args, cwd=None, env=None, **options):
        """Starts the program and leaves it running; killed at the end of the test if need be."""
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT,
                   "text": True, **options}
        child = subprocess.Popen(
            [STACK, *map(str, args)], cwd=cwd or self.work, env={**self.env, **(env or {})}, **options)
        self.children.append(child)
        return child

    def ps(self, *args, before=()):
        """`ps --format json` as a list; accepts one object a line (as docker compose prints) and an array."""
        out = self.stack(*before, "ps", *args, "--format", "json").out.strip()
        if not out:
            return []
        if out.startswith("["):
            return json.loads(out)
        return [json.loads(line) for line in out.splitlines()]

    def container(self, name, before=()):
        found = [row for row in self.ps("-a", before=before) if row["Name"] == name]
        assert len(found) == 1, f"{name}: {found}"
        return found[0]

    def log_lines(self, *args, before=()):
        """The logged lines without their `name | ` prefix: those of stdout, then those of stderr."""
        result = self.stack(*before, "logs", *args, timeout=60)
        lines = result.out.splitlines() + [line for line in result.err.splitlines() if "|" in line]
        return [line.split("|", 1)[1].removeprefix(" ") if "|" in line else line for line in lines]

    # -- the kernel's view

    def cgroup_of(self, container):
        for group in cgroup_tree(self.cgroup):
            if group.name == container:
                return group
        return None

    def cgroup_with(self, container, file):
        """The container's group in the hierarchy that has `file`."""
        for group in cgroup_tree(self.cgroup):
            if group.name == container and (group / file).exists():
                return group / file
        return None

    def pids(self, container):
        found = set()
        for group in cgroup_tree(self.cgroup):
            if container in group.parts:
                found.update(int(pid) for pid in read(group / "cgroup.procs").split())
        return sorted(pid for pid in found if pid > 0)

    def init(self, container):
        """(pid, start time) of the container's pid 1, as seen from here."""
        for pid in self.pids(container):
            match = re.search(r"^NSpid:\s(.*)$", read(f"/proc/{pid}/status"), re.MULTILINE)
            if match and len(match.group(1).split()) > 1 and match.group(1).split()[-1] == "1":
                return pid, start_time(pid)
        raise AssertionError(f"{container} has no pid 1")

    def inits(self, *containers):
        return {name: self.init(name) for name in containers}

    def ours(self, role, project):
        """Pids of `stack-keeper` or `stack-supervisor` of one project."""
        found = []
        for pid in all_pids():
            argv = command_line(pid)
            if argv and argv[0] == role and project in argv[1:] and is_alive(pid):
                if any(word.startswith(str(self.root)) for word in argv[1:]):
                    found.append(pid)
        # A supervisor's child at work (writing the intent to disk, emptying the trash) is no second supervisor.
        return [pid for pid in found if int((stat_fields(pid) or [0, 0])[1]) not in found]

    def supervisor(self, project):
        return wait_until(lambda: self.ours("stack-supervisor", project), "a supervisor", 10)[0]

    def keeper(self, project):
        return wait_until(lambda: self.ours("stack-keeper", project), "a keeper", 10)[0]

    def settle_images(self):
        """Waits for the process that makes images durable in the background: it waits for the disk, which others use, too."""
        wait_until(lambda: not any((command_line(pid)[:1] or [""])[0].endswith("stack-image") and is_alive(pid)
                                   for pid in all_pids()), "the end of what stack-image does in the background", 120)

    # -- the outside world

    def neighbour(self, *argv, **options):
        return run("ip", "netns", "exec", NEIGHBOUR, *argv, **options)

    def requests(self, *args, inside=NEIGHBOUR, timeout=120):
        """Runs tests/e2e/client.py in the neighbour's network (inside=None: the machine's own); its JSON."""
        prefix = ["ip", "netns", "exec", inside] if inside else []
        done = subprocess.run(
            [*prefix, sys.executable, str(HERE / "client.py"), *map(str, args)],
            capture_output=True, text=True, timeout=timeout, check=True, stdin=subprocess.DEVNULL)
        return json.loads(done.stdout)

    def load(self, *args, inside=NEIGHBOUR):
        """Requests without a pause until .finish() is called, which returns their JSON."""
        prefix = ["ip", "netns", "exec", inside] if inside else []
        child = subprocess.Popen(
            [*prefix, sys.executable, str(HERE / "client.py"), "--until-eof", *map(str, args)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.children.append(child)

        def finish():
            out, _ = child.communicate(timeout=60)
            return json.loads(out)

        child.finish = finish
        return child

    # -- leaks

    def snapshot(self):
        own = {child.pid for child in self.children if child.poll() is None}
        own |= {1, os.getpid(), os.getppid()}
        processes = {}
        for pid in all_pids():
            if pid not in own and is_alive(pid):
                processes[pid] = " ".join(command_line(pid)) or read(f"/proc/{pid}/comm").strip()
        files = []
        for folder, folders, names in os.walk(self.root):
            for name in folders + names:
                path = os.path.relpath(os.path.join(folder, name), self.root)
                if not STAYS.search(path):
                    files.append(path)
        mounts = []
        for line in read("/proc/self/mountinfo").splitlines():
            left, _, right = line.partition(" - ")
            mounts.append(" ".join([left.split()[4], *right.split()[:1]]))
        sockets = [line.split()[-1] for line in read("/proc/net/unix").splitlines() if " @stack" in line]
        links = json.loads(run("ip", "-j", "link") or "[]")
        return {
            "links": sorted(link["ifname"] for link in links),
            "nft tables": sorted(run("nft", "list", "tables").splitlines()),
            "mounts": sorted(mounts),
            "cgroups": [str(path) for path in cgroup_tree(self.cgroup)],
            "network namespaces": sorted(os.listdir("/run/netns")),
            "routes": sorted(run("ip", "-4", "route").splitlines()),
            "processes": processes,
            "files": sorted(files),
            "sockets": sorted(sockets),
        }

    def leaks(self, before=None):
        before = before or self.before
        after = self.snapshot()
        report = []
        for what, were in before.items():
            if isinstance(were, dict):
                new = [f"{pid} {text}" for pid, text in after[what].items() if pid not in were]
                gone = []
            else:
                new = [item for item in after[what] if item not in were]
                gone = [item for item in were if item not in after[what]]
                if len(after[what]) > len(were) and not new:
                    new = ["a second one of: " + ", ".join(sorted({x for x in were if after[what].count(x) > were.count(x)}))]
            report += [f"left over ({what}): {item}" for item in new]
            report += [f"missing ({what}): {item}" for item in gone]
        return report

    def unchanged(self, before):
        """Nothing was made or ended since `before`, but for what comes and goes behind it: a file on its way to its place."""

        def same():
            leaks = self.leaks(before)
            assert not leaks, "\n".join(leaks)
            return True

        wait_until(same, "as it was before", 3)

    # -- the end

    def down_everything(self):
        """Best effort after a failed test, so that the next one starts clean."""
        for child in self.children:
            if child.poll() is None:
                child.kill()
            child.wait()
            for stream in (child.stdin, child.stdout, child.stderr):
                if stream:
                    stream.close()
        for role in ("stack-keeper", "stack-supervisor"):
            for pid in all_pids():
                argv = command_line(pid)
                if argv and argv[0] == role and str(self.root) in " ".join(argv):
                    try:
                        os.kill(pid, signal.SIGKILL)
                    except ProcessLookupError:
                        pass
        remove_cgroups(self.cgroup)
        for pid in self.snapshot()["processes"].keys() - self.before["processes"].keys():
            try:
                os.kill(pid, signal.SIGKILL)  # in this pid namespace, all of them are ours
            except ProcessLookupError:
                pass
        for name in [link["ifname"] for link in json.loads(run("ip", "-j", "link") or "[]")]:
            if name.startswith(("st-", "sv-")):
                run("ip", "link", "del", name, check=False)
        for line in run("nft", "list", "tables").splitlines():
            if line.split()[2].startswith("stack-"):
                run("nft", "delete", *line.split(), check=False)
        mounted = [line.split()[4] for line in read("/proc/self/mountinfo").splitlines()]
        for path in sorted(mounted, key=len, reverse=True):
            if path.startswith(str(self.base) + "/"):
                run("umount", "-l", path, check=False)

    def remove(self):
        mounted = [line.split()[4] for line in read("/proc/self/mountinfo").splitlines()]
        still = [path for path in mounted if path.startswith(str(self.base))]
        assert not still, f"still mounted: {still}"
        run("rm", "-rf", "--one-file-system", "--", str(self.base))


class Case(unittest.TestCase):
    """A test with a machine; fails when something is left over after the stacks have gone down."""

    maxDiff = None
    leak_check = True

    def setUp(self):
        self.machine = Machine(type(self).__name__.lower())
        self.addCleanup(self.machine.remove)
        self.addCleanup(self.machine.down_everything)

    def run(self, result=None):
        # The leak check is part of the test, so that it runs before the clean-up and only after success.
        method = getattr(self, self._testMethodName)

        @functools.wraps(method)
        def checked():
            method()
            if self.leak_check:
                self.assert_no_leaks()

        setattr(self, self._testMethodName, checked)
        return super().run(result)

    def assert_no_leaks(self, before=None):
        self.machine.settle_images()
        deadline = time.monotonic() + 5
        while True:
            report = self.machine.leaks(before)
            if not report:
                return
            if time.monotonic() > deadline:
                self.fail("\n".join(report))
            time.sleep(0.1)

    # Short names for what every test says.
    def stack(self, *args, **options):
        return self.machine.stack(*args, **options)

    def write(self, name, text):
        return self.machine.write(name, text)

    def assert_fails(self, *args, code=1, match=(), **options):
        result = self.stack(*args, check=False, **options)
        self.assertEqual(result.code, code, str(result))
        for pattern in [match] if isinstance(match, str) else match:
            self.assertRegex(result.err, pattern, str(result))
        return result


def get(url, timeout=5):
    """The body of a page, fetched from the machine itself."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=timeout) as answer:
        return answer.read().decode()


def get_soon(url):
    """As get, but waits for a server that was started without a health check to listen."""

    def attempt():
        try:
            return get(url)
        except urllib.error.URLError as error:
            if isinstance(error.reason, ConnectionRefusedError):
                return None
            raise

    return wait_until(attempt, f"an answer from {url}", 5)


def need_shop():
    for role in ("nginx", "app", "postgres", "redis"):
        if not (SHOP_ROOTFS / role / ".stamp").exists():
            raise unittest.SkipTest(f"no root file system {SHOP_ROOTFS / role}: run scripts/make-rootfs")


# ---- the outer world of a test file --------------------------------------------------------------------------------


def prepare_world():
    """/run of our own (ip netns, runtime files), loopback, and a neighbour across a veth pair."""
    remove_old_cgroups()
    run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    os.makedirs("/run/netns")
    run("ip", "link", "set", "lo", "up")
    run("ip", "netns", "add", NEIGHBOUR)
    run("ip", "link", "add", "nb0", "type", "veth", "peer", "name", "nb1", "netns", NEIGHBOUR)
    run("ip", "addr", "add", f"{HOST_V4}/24", "dev", "nb0")
    run("ip", "addr", "add", f"{HOST_V6}/64", "dev", "nb0", "nodad")
    run("ip", "link", "set", "nb0", "up")
    inside = ("ip", "-n", NEIGHBOUR)
    run(*inside, "link", "set", "lo", "up")
    run(*inside, "addr", "add", f"{NEIGHBOUR_V4}/24", "dev", "nb1")
    run(*inside, "addr", "add", f"{NEIGHBOUR_V6}/64", "dev", "nb1", "nodad")
    run(*inside, "link", "set", "nb1", "up")
    # The neighbour is the machine's way out, too.
    run("ip", "route", "add", "default", "via", NEIGHBOUR_V4)
    wait_until(lambda: "LOWER_UP" in run("ip", "link", "show", "nb0"), "the veth pair")


def be_init():
    """Pid 1 of the namespace reaps, as a machine's does; the tests run in a child of it."""
    child = os.fork()
    if child == 0:
        return
    status = None
    while status is None:
        pid, code = os.wait()
        if pid == child:
            status = os.waitstatus_to_exitcode(code)
    os._exit(status if status >= 0 else 1)


def main():
    if os.getuid() != 0:
        print("SKIPPED: needs root", file=sys.stderr)
        sys.exit(77)
    if os.getpid() != 1:
        print("run this through tests/run-isolated", file=sys.stderr)
        sys.exit(2)
    if not os.access(STACK, os.X_OK):
        print(f"no program at {STACK}: build first, or set STACK_BIN", file=sys.stderr)
        sys.exit(2)
    be_init()
    for tool in ("ip", "nft", "busybox"):
        if shutil.which(tool) is None:
            print(f"SKIPPED: {tool} is not installed", file=sys.stderr)
            sys.exit(77)
    prepare_world()
    program = unittest.main(module="__main__", exit=False)
    result = program.result
    if result.testsRun and len(result.skipped) == result.testsRun:
        sys.exit(77)
    sys.exit(0 if result.wasSuccessful() else 1)
