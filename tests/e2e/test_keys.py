"""Every key that is said to be honoured has its effect inside the container."""

import json
import os

import harness

FILE = """
name: keys
x-note: anything may stand here
services:
  box:
    image: host
    container_name: the-box
    entrypoint: ["sh", "-c"]
    command: ["echo started as $$0; exec sleep 1000", "argument"]
    working_dir: /srv/deep
    user: "1234:5678"
    group_add: ["4321"]
    hostname: boxname
    domainname: example.test
    environment:
      PLAIN: value
      FROM_SHELL:
      MERGED: from environment
      DEFAULTED: "${UNSET_HERE:-fallback}"
    env_file: [one.env]
    labels: {role: tester}
    stop_grace_period: 1s
    tmpfs: ["/scratch:size=1m,mode=1777"]
    sysctls: {net.ipv4.ip_local_port_range: "40000 41000"}
    extra_hosts: ["friend:192.0.2.9"]
    cap_add: [SYS_TIME]
    cap_drop: [CHOWN]
    ulimits: {nofile: 321}
    expose: ["9999"]
    volumes:
      - ./host-folder:/bound
      - ./host-folder:/bound-ro:ro
      - data:/data
      - type: bind
        source: ./host-folder
        target: /long
        read_only: true
      - type: tmpfs
        target: /memory
        tmpfs: {size: 65536}
  root:
    image: host
    command: ["sleep", "1000"]
    stop_grace_period: 1s
    volumes: ["data:/data"]
    devices: ["/dev/null:/dev/extra"]
    mem_limit: 100m
    cpus: 0.5
    cpu_shares: 512
    pids_limit: 77
    cap_add: [ALL]
    security_opt: ["no-new-privileges:false", "seccomp=unconfined"]
  privileged:
    image: host
    command: ["sleep", "1000"]
    stop_grace_period: 1s
    privileged: true
  input:
    image: host
    command: ["cat"]
    stdin_open: true
    stop_grace_period: 1s
  deployed:
    image: host
    command: ["sleep", "1000"]
    stop_grace_period: 1s
    deploy:
      replicas: 2
      resources: {limits: {memory: 64M, cpus: "0.25", pids: 55}}
  talkative:
    image: host
    command: ["sh", "-c", "i=0; while [ $$i -lt 30000 ]; do echo line $$i; i=$$((i+1)); done; echo over; exec sleep 1000"]
    stop_grace_period: 1s
    logging: {options: {max-size: 20k, max-file: "2"}}
volumes:
  data:
"""


class Keys(harness.Case):
    def sh(self, service, script, check=True):
        return self.stack("exec", "-T", service, "sh", "-c", script, check=check)

    def say(self, service, script):
        return self.sh(service, script).out.strip()

    def test_keys(self):
        m = self.machine
        self.write("compose.yaml", FILE)
        self.write("one.env", "# comment\nFILED=from file\nMERGED=from file\n")
        self.write("host-folder/file", "on the host\n")
        os.chmod(m.work / "host-folder", 0o777)
        m.env["FROM_SHELL"] = "of the shell"
        self.stack("up", "-d", env={"FROM_SHELL": "of the shell"})
        self.identity()
        self.storage()
        self.rights()
        self.limits()
        self.logs()
        self.assertEqual(self.stack("plan", "--detailed-exitcode").code, 0)
        self.stack("down")
        self.assertTrue(list((m.root / "lib/volumes").iterdir()), "a named volume stays")
        self.stack("up", "-d")
        self.assertEqual(self.say("root", "cat /data/kept"), "data")
        self.stack("down", "-v")
        self.assertEqual(list((m.root / "lib/volumes").iterdir()), [])

    def identity(self):
        self.assertIn("the-box", self.stack("ps").out)
        self.assertIn("started as argument", self.stack("logs", "box").out)
        environment = self.say("box", "env").splitlines()
        for line in ("PLAIN=value", "FROM_SHELL=of the shell", "MERGED=from environment", "FILED=from file",
                     "DEFAULTED=fallback"):
            self.assertIn(line, environment)
        self.assertEqual(self.say("box", "pwd"), "/srv/deep")
        self.assertEqual(self.say("box", "id -u; id -g; id -G").split(), ["1234", "5678", "5678", "4321"])
        self.assertEqual(self.say("box", "hostname"), "boxname")
        self.assertEqual(self.say("box", "getent hosts friend").split()[0], "192.0.2.9")
        self.assertEqual(self.say("box", "cat /proc/sys/net/ipv4/ip_local_port_range").split(), ["40000", "41000"])
        self.assertEqual(len(self.say("deployed", "getent ahostsv4 deployed | cut -d' ' -f1 | sort -u").split()), 2)
        fd = os.readlink(f"/proc/{self.machine.init('keys-input-1')[0]}/fd/0")
        self.assertNotIn("/dev/null", fd, "stdin_open keeps standard input open")

    def storage(self):
        self.assertEqual(self.say("box", "cat /bound/file /bound-ro/file /long/file"), "on the host\n" * 2 + "on the host")
        self.sh("box", "echo new > /bound/new")
        self.assertEqual((self.machine.work / "host-folder/new").read_text(), "new\n")
        for path in ("/bound-ro/x", "/long/x"):
            self.assertNotEqual(self.sh("box", f": 2>/dev/null > {path}", check=False).code, 0, path)
        self.sh("root", "echo data > /data/kept")
        self.assertEqual(self.say("box", "cat /data/kept"), "data")
        self.assertIn("tmpfs", self.say("box", "grep -c ' /scratch ' /proc/self/mountinfo && grep ' /memory ' /proc/self/mountinfo"))
        self.sh("box", "echo x > /scratch/x")

    def rights(self):
        mask = int(self.say("root", "grep CapEff /proc/self/status | cut -f2"), 16)
        self.assertTrue(mask >> 21 & 1, "cap_add: ALL")
        bound = int(self.say("box", "grep CapBnd /proc/self/status | cut -f2"), 16)
        self.assertTrue(bound >> 25 & 1, "SYS_TIME was added")
        self.assertFalse(bound & 1, "CHOWN was dropped")
        status = self.say("root", "grep -E 'NoNewPrivs|Seccomp:' /proc/self/status")
        self.assertEqual([line.split()[1] for line in status.splitlines()], ["0", "0"])
        self.assertEqual(self.say("root", "echo x > /dev/extra && stat -c %t:%T /dev/extra"), "1:3")
        self.sh("privileged", "mount -t tmpfs none /mnt && umount /mnt")
        self.assertEqual(self.say("box", "ulimit -n"), "321")

    def limits(self):
        m = self.machine

        def value(container, v1, v2):
            return harness.read(m.cgroup_with(container, v1) or m.cgroup_with(container, v2)).split()

        self.assertEqual(value("keys-root-1", "memory.limit_in_bytes", "memory.max"), [str(100 << 20)])
        self.assertEqual(value("keys-root-1", "pids.max", "pids.max"), ["77"])
        quota = value("keys-root-1", "cpu.cfs_quota_us", "cpu.max")
        self.assertIn(quota, (["50000"], ["50000", "100000"]))
        if m.cgroup_with("keys-root-1", "cpu.shares"):
            self.assertEqual(value("keys-root-1", "cpu.shares", ""), ["512"])
        self.assertEqual(value("keys-deployed-2", "memory.limit_in_bytes", "memory.max"), [str(64 << 20)])
        self.assertEqual(value("keys-deployed-2", "pids.max", "pids.max"), ["55"])

    def logs(self):
        harness.wait_until(lambda: self.machine.log_lines("--tail", "1", "talkative") == ["over"], "the last line")
        lines = self.machine.log_lines("talkative")
        self.assertLess(sum(len(line) + 1 for line in lines), 3 * 20 * 1024, "max-size and max-file hold")
        self.assertGreater(len(lines), 100)
        numbers = [int(line.split()[1]) for line in lines[:-1] if line.startswith("line ")][1:]
        self.assertEqual(numbers, list(range(numbers[0], 30000)), "what is kept has no gap")

    def test_command_line(self):
        m = self.machine
        self.write("base.yaml", "name: cmd\nservices:\n  a: {image: host, command: [sleep, '1000'], stop_grace_period: 1s}\n"
                   "  b: {image: host, command: [sleep, '1000'], stop_grace_period: 1s, depends_on: [a]}\n"
                   "  c: {image: host, command: [sleep, '1000'], stop_grace_period: 1s}\n")
        self.write("more.yaml", "services:\n  a: {environment: {V: '${W:-none}'}}\n")
        self.write("vars", "W=set\n")
        env = {"COMPOSE_FILE": "base.yaml:more.yaml"}
        model = json.loads(self.stack("--env-file", "vars", "config", "--format", "json", env=env).out)
        self.assertEqual(model["name"], "cmd")
        self.assertEqual(model["services"]["a"]["environment"]["V"], "set")
        self.assertIn("services:", self.stack("config", env=env).out)
        self.stack("up", "-d", "b", env=env)
        self.assertEqual(sorted(row["Service"] for row in m.ps(before=("-p", "cmd"))), ["a", "b"])
        self.stack("up", "-d", env={**env, "COMPOSE_PROJECT_NAME": "other"})
        self.assertEqual(len(m.ps(before=("-p", "other"))), 3)
        names = self.stack("ls", "-q").out.split()
        self.assertEqual(sorted(names), ["cmd", "other"])
        quiet = self.stack("-p", "other", "--progress", "quiet", "down")
        self.assertEqual((quiet.out, quiet.err), ("", ""))
        events = self.stack("-p", "cmd", "--progress", "json", "down")
        for line in (events.out + events.err).splitlines():
            json.loads(line)


if __name__ == "__main__":
    harness.main()
