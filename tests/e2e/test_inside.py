"""What a container sees and may do, looked at from the inside."""

import os
import sys

import harness

FILE = """
name: inside
services:
  box:
    image: host
    command: ["sleep", "1000"]
    hostname: boxname
  other:
    image: host
    command: ["sleep", "1000"]
  tight:
    image: host
    command: ["sleep", "1000"]
    read_only: true
    cap_drop: [ALL]
    user: nobody
    tmpfs: [/scratch]
  alone:
    image: host
    command: ["sleep", "1000"]
    network_mode: none
  reaped:
    image: host
    command: ["sleep", "1000"]
    init: true
"""

# podman's default set: chown dac_override fowner fsetid kill net_bind_service setfcap setgid setpcap setuid sys_chroot
DEFAULT_CAPABILITIES = 0x800405FB


# Asks the supervisor for a plan that is none. Prints its answer; nothing when it is not let in.
ASK = """
import json, socket, struct, sys
text = json.dumps({"op": "apply", "plan": {}}).encode()
with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
    stream.connect("\\0" + sys.argv[1])
    try:
        stream.sendall(struct.pack("<I", len(text)) + text)
        print(stream.recv(65536).decode(errors="replace"))
    except ConnectionError:
        pass
"""


class Inside(harness.Case):
    def setUp(self):
        super().setUp()
        self.write("compose.yaml", FILE)

    def sh(self, service, script, check=True):
        return self.stack("exec", "-T", service, "sh", "-c", script, check=check)

    def status(self, service):
        text = self.sh(service, "cat /proc/self/status").out
        return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)

    def test_view(self):
        secret = self.machine.base / "secret-of-the-machine"
        secret.write_text("nobody may see this")
        self.stack("up", "-d")
        self.processes_and_names()
        self.files(secret)
        self.rights()
        self.devices()
        self.others()
        self.stack("down")

    def test_who_may_command(self):
        """Its socket is seen by whoever is in the machine's network namespace: root alone is not enough."""
        self.write("compose.yaml", "name: inside\nservices:\n  box: {image: host, init: true, command: [sleep, '1000']}\n")
        self.stack("up", "-d")
        (name,) = {line.split()[-1][1:] for line in harness.read("/proc/net/unix").splitlines()
                   if line.endswith("/control")}
        ask = [sys.executable, "-B", "-c", ASK, name]
        self.assertIn('"end":true', harness.run(*ask))
        for way in (["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-all"],
                    ["setpriv", "--bounding-set=-all", "--inh-caps=-all"],
                    ["unshare", "--user", "--map-root-user"],
                    ["setpriv", "--reuid=1234", "--clear-groups"]):
            with self.subTest(way=way):
                said = self.machine.root / "lib/stacks/inside/supervisor.log"
                before = harness.read(said).count("refused a connection")
                self.assertEqual(harness.run(*way, *ask).strip(), "")
                self.assertEqual(harness.read(said).count("refused a connection"), before + 1)
        self.assertIn('"end":true', harness.run(*ask))
        self.stack("down", "-t", "1")

    def processes_and_names(self):
        self.assertEqual(self.sh("box", "tr '\\0' ' ' < /proc/1/cmdline").out.strip(), "sleep 1000")
        seen = self.sh("box", "ls /proc | grep -c '^[0-9]'").out
        self.assertLessEqual(int(seen), 5, "processes of others are visible")
        self.assertEqual(self.sh("box", "hostname").out.strip(), "boxname")
        self.assertEqual(sorted(self.sh("box", "ls /sys/class/net").out.split()), ["eth0", "lo"])
        self.assertEqual(self.sh("alone", "ls /sys/class/net").out.split(), ["lo"])
        self.assertEqual(self.sh("box", "cat /proc/self/cgroup | cut -d: -f3 | sort -u").out.strip(), "/")
        self.assertEqual(self.sh("reaped", "cat /proc/1/comm").out.strip(), "init")
        reaper, _ = self.machine.init("inside-reaped-1")
        self.assertEqual(os.readlink(f"/proc/{reaper}/exe"), "/memfd:init (deleted)")
        self.assertEqual(os.listdir(f"/proc/{reaper}/fd"), [], "the init holds nothing open")
        # A child nobody waits for disappears under an init.
        self.sh("reaped", "sh -c '(true & exec sleep 0.1) & exit' ; sleep 0.5")
        self.assertNotIn("Z", self.sh("reaped", "cat /proc/[0-9]*/stat 2>/dev/null | cut -d' ' -f3").out)

    def files(self, secret):
        for path in (secret, "/root/.bashrc", "/home", "/etc/shadow", self.machine.root, harness.TOP / "README.md"):
            listing = self.sh("box", f"ls -A '{path}' 2>/dev/null", check=False).out.strip()
            self.assertEqual(listing, "", f"{path} is visible inside")
        mounts = self.sh("box", "cat /proc/self/mountinfo").out
        self.assertNotIn(" /run/netns", mounts)
        self.assertNotIn("/sys/fs/cgroup/memory/process", mounts)
        for path in ("/usr/new", "/sys/kernel/new", "/proc/sys/kernel/domainname", "/proc/sysrq-trigger",
                     "/proc/irq/default_smp_affinity"):
            self.assertNotEqual(
                self.sh("box", f": 2>/dev/null > {path}", check=False).code, 0, f"{path} can be written")
        for path in ("/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/sched_debug"):
            self.assertEqual(
                self.sh("box", f"head -c 16 {path} 2>/dev/null | wc -c", check=False).out.strip(), "0", path)
        self.sh("box", "echo x > /etc/mine && echo x > /tmp/mine && echo x > /mine")
        for path in ("/etc/mine", "/mine"):
            self.assertNotEqual(self.sh("tight", f": > {path}", check=False).code, 0, f"{path} on a read-only root")
        self.sh("tight", "echo x > /scratch/mine && echo x > /dev/shm/mine")

    def rights(self):
        box = self.status("box")
        for name in ("CapPrm", "CapEff", "CapBnd"):
            self.assertEqual(int(box[name], 16) & ~DEFAULT_CAPABILITIES, 0, f"{name}: {box[name]}")
        for name in ("CapInh", "CapAmb"):
            self.assertEqual(int(box[name], 16), 0, f"{name}: {box[name]}")
        self.assertEqual((box["NoNewPrivs"], box["Seccomp"]), ("1", "2"))
        pid, _ = self.machine.init("inside-box-1")
        first = dict(line.split(":\t", 1) for line in harness.read(f"/proc/{pid}/status").splitlines() if ":\t" in line)
        for name in ("CapPrm", "CapEff", "CapBnd", "CapInh", "CapAmb", "NoNewPrivs", "Seccomp"):
            self.assertEqual(first[name], box[name], f"exec differs from pid 1 in {name}")
        tight = self.status("tight")
        self.assertEqual({int(tight[name], 16) for name in ("CapPrm", "CapEff", "CapBnd")}, {0})
        self.assertEqual(tight["Uid"].split()[0], "65534")
        for what, script in {
            "a user namespace": "unshare -U true",
            "a mount": "mount -t tmpfs none /tmp",
            "a host name": "hostname other",
            "the clock": "date -s 2020-01-01",
            "a device": "mknod /tmp/disk b 8 0",
            "a vsock": "python3 -c 'import socket; socket.socket(40, 1)'",
            "AF_ALG": "python3 -c 'import socket; socket.socket(38, 5)'",
            "a keyring": "python3 -c 'import ctypes,sys;"
                         "sys.exit(ctypes.CDLL(None).syscall(248, b\"user\", b\"a\", b\"b\", 1, -2) < 0)'",
        }.items():
            self.assertNotEqual(self.sh("box", script + " 2>/dev/null", check=False).code, 0, what)
        # Descriptors: 0, 1, 2 and the one `ls` opens itself.
        fds = os.listdir(f"/proc/{pid}/fd")
        self.assertEqual(sorted(fds), ["0", "1", "2"])

    def devices(self):
        listing = set(self.sh("box", "ls /dev").out.split())
        usual = {"console", "core", "fd", "full", "mqueue", "null", "ptmx", "pts", "random", "shm", "stderr",
                 "stdin", "stdout", "tty", "urandom", "zero"}
        self.assertLessEqual(listing, usual)
        self.assertLessEqual({"null", "zero", "random", "urandom", "pts", "shm"}, listing)
        self.sh("box", "echo x > /dev/null && head -c 8 /dev/urandom > /dev/null && echo y > /dev/shm/z")
        self.sh("box", "ls /dev/shm | grep -q z && ! ls /dev/pts | grep -q '[0-9]'")

    def others(self):
        self.assertNotIn("z", self.sh("other", "ls /dev/shm").out.split())
        self.assertEqual(self.sh("box", "echo > /tmp/of-box; ls /tmp").out.count("of-box"), 1)
        self.assertNotIn("of-box", self.sh("other", "ls /tmp").out)


if __name__ == "__main__":
    harness.main()
