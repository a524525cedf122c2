"""Networks and volumes that belong to no stack."""

import json

import harness

FILE = """
name: {name}
services:
  {service}:
    image: host
    command: ["busybox", "httpd", "-f", "-p", "80", "-h", "/www"]
    stop_grace_period: 1s
    volumes: ["./{name}:/www:ro"]
    networks: [meeting, default]
networks:
  meeting:
    name: meeting-place
    external: true
"""


class External(harness.Case):
    def two(self):
        for name, service in (("east", "sun"), ("west", "moon")):
            self.write(f"{name}.yaml", FILE.format(name=name, service=service))
            self.write(f"{name}/index.html", f"from {name}\n")

    def fetch(self, file, service, target):
        return self.stack("-f", file, "exec", "-T", service, "timeout", "5", "busybox", "wget", "-q", "-O", "-",
                          f"http://{target}/", check=False)

    def test_two_stacks_meet(self):
        self.two()
        result = self.assert_fails("-f", "east.yaml", "up", "-d", match=r"east\.yaml:\d+:\d+")
        self.assertIn("meeting-place", result.err)
        self.assert_no_leaks()

        self.stack("network", "create", "meeting-place")
        self.assertIn("meeting-place", self.stack("network", "ls").out)
        self.stack("-f", "east.yaml", "up", "-d")
        self.stack("-f", "west.yaml", "up", "-d")
        self.assertEqual(self.fetch("east.yaml", "sun", "moon").out, "from west\n")
        self.assertEqual(self.fetch("west.yaml", "moon", "sun").out, "from east\n")
        self.assertEqual(self.fetch("west.yaml", "moon", "east-sun-1").out, "from east\n")
        details = json.loads(self.stack("network", "inspect", "meeting-place").out)
        self.assertIn("east-sun-1", json.dumps(details))
        self.assertIn("west-moon-1", json.dumps(details))
        self.assert_fails("network", "rm", "meeting-place", match="east|west")

        # What has ended keeps its address, but is not answered for, whoever's it is.
        harness.kill(self.machine.init("east-sun-1")[0])
        gone = self.stack("-f", "west.yaml", "exec", "-T", "moon", "getent", "ahostsv4", "sun", check=False)
        self.assertNotEqual(gone.code, 0, str(gone))
        self.stack("-f", "east.yaml", "up", "-d")
        self.assertEqual(self.fetch("west.yaml", "moon", "sun").out, "from east\n")

        self.stack("-f", "east.yaml", "down")
        self.assertNotEqual(self.fetch("west.yaml", "moon", "sun").code, 0)
        self.assertEqual(self.fetch("west.yaml", "moon", "moon").out, "from west\n")
        self.stack("-f", "west.yaml", "down")
        self.assertIn("meeting-place", self.stack("network", "ls").out, "it belongs to neither")
        self.stack("network", "rm", "meeting-place")
        self.assertNotIn("meeting-place", self.stack("network", "ls").out)

    def test_an_address_is_kept_until_its_container_has_ended(self):
        self.write("compose.yaml", """
name: east
services:
  sun:
    image: host
    init: true
    command: ["sleep", "1000"]
    networks: [meeting]
    volumes: ["./out:/out"]
    pre_stop:
      - command: ["sh", "-c", "touch /out/stopping; until [ -e /out/go ]; do sleep 0.05; done"]
    stop_grace_period: 5m
networks:
  meeting: {name: meeting-place, external: true}
""")
        out = self.machine.work / "out"
        out.mkdir()

        def members():
            return self.stack("network", "inspect", "meeting-place").out

        self.stack("network", "create", "meeting-place")
        self.stack("up", "-d")
        leaving = self.machine.spawn("rm", "-s", "-f", "sun")
        harness.wait_until((out / "stopping").exists, "the hook")
        self.assertIn("east-sun-1", members(), "it still has its address")
        self.assert_fails("network", "rm", "meeting-place", match="in use by container east-sun-1")
        (out / "go").touch()
        said, _ = leaving.communicate(timeout=60)
        self.assertEqual(leaving.returncode, 0, said)
        self.assertNotIn("east-sun-1", members())
        self.stack("down")
        self.stack("network", "rm", "meeting-place")

    def test_only_shared_names_are_seen(self):
        """On its own default network a stack's services stay unknown to the other stack."""
        self.two()
        self.write("west.yaml", FILE.format(name="west", service="moon")
                   .replace("networks:\n  meeting:", "  private:\n    image: host\n"
                            "    command: [sleep, '1000']\n    stop_grace_period: 1s\nnetworks:\n  meeting:"))
        self.stack("network", "create", "meeting-place")
        self.stack("-f", "east.yaml", "up", "-d")
        self.stack("-f", "west.yaml", "up", "-d")
        known = self.stack("-f", "west.yaml", "exec", "-T", "moon", "getent", "hosts", "private", check=False)
        self.assertEqual(known.code, 0)
        unknown = self.stack("-f", "east.yaml", "exec", "-T", "sun", "getent", "hosts", "private", check=False)
        self.assertNotEqual(unknown.code, 0)
        self.stack("-f", "west.yaml", "down")
        self.stack("-f", "east.yaml", "down")
        self.stack("network", "prune", "-f")
        self.assertNotIn("meeting-place", self.stack("network", "ls").out)

    def test_volumes_that_are_folders_of_the_host(self):
        """driver_opts of the driver local, as docker has them; what cannot be had is refused, never a folder elsewhere."""
        place = self.machine.work / "srv"
        (place / "inner").mkdir(parents=True)
        (place / "inner/kept").write_text("theirs\n")
        text = """
name: opts
services:
  box:
    image: host
    command: [sleep, "1000"]
    init: true
    volumes:
      - data:/data
      - locked:/locked
      - fast:/fast
      - {type: volume, source: data, target: /part, volume: {subpath: inner}}
volumes:
  data: {driver: local, labels: {a: b}, driver_opts: {type: none, o: bind, device: PLACE}}
  locked: {driver_opts: {type: none, o: "bind,ro", device: PLACE}}
  fast: {driver_opts: {type: tmpfs, device: tmpfs, o: "size=1m,mode=0700,uid=7"}}
""".replace("PLACE", str(place))
        self.write("compose.yaml", text)
        self.stack("up", "-d")
        sh = lambda script, **options: self.stack("exec", "-T", "box", "sh", "-c", script, **options)
        self.assertEqual(sh("echo ours >/data/new; cat /part/kept").out, "theirs\n")
        self.assertEqual((place / "new").read_text(), "ours\n")
        self.assertIn("Read-only", sh("echo x >/locked/new", check=False).err)
        self.assertEqual(sh("stat -f -c %T /fast; stat -c '%u %a' /fast; stat -f -c '%b %S' /fast").out.split(),
                         ["tmpfs", "7", "700", "256", "4096"])
        self.assertIn("Nothing to do", self.stack("plan").out)
        told = json.loads(self.stack("volume", "inspect", "opts_data").out)[0]
        self.assertEqual((told["Mountpoint"], told["Labels"], told["Options"]["o"]), (str(place), {"a": "b"}, "bind"))
        self.assertEqual(self.stack("volumes", "--format", "{{.Name}} {{.Mountpoint}}").out.splitlines()[0],
                         f"opts_data {place}")

        # Another stack that is told its name has the same folder.
        self.write("other.yaml", "name: other\nservices:\n  peer: {image: host, init: true, command: [sleep, '1000'], "
                                 "volumes: ['shared:/d']}\nvolumes: {shared: {external: true, name: opts_data}}\n")
        self.stack("-f", "other.yaml", "up", "-d")
        self.assertEqual(self.stack("-f", "other.yaml", "exec", "-T", "peer", "cat", "/d/new").out, "ours\n")
        self.stack("-f", "other.yaml", "down")

        # Another folder: the container is made anew with it, and the record follows.
        moved = self.machine.work / "moved"
        self.write("compose.yaml", text.replace(str(place), str(moved)))
        self.assert_fails("up", "-d", match=f"compose.yaml:14:[0-9]+: error: volume data: the folder {moved} does not exist")
        (moved / "inner").mkdir(parents=True)
        self.stack("up", "-d")
        self.assertEqual(sh("ls /data").out, "inner\n")
        self.assertEqual(json.loads(self.stack("volume", "inspect", "opts_data").out)[0]["Mountpoint"], str(moved))

        self.stack("down", "-v")
        self.assertEqual((place / "new").read_text(), "ours\n", "what is the host's stays")
        self.assertEqual(self.stack("volume", "ls", "-q").out, "")

        self.write("compose.yaml", text.replace("type: none, o: bind,", "type: nfs, o: 'addr=192.0.2.1',"))
        self.assertIn("type: nfs", self.stack("config").out)
        self.assert_fails("up", "-d", match=["compose.yaml:14:[0-9]+: error: volume data: a file system of type nfs is not",
                                             "hint: mount it on the host"])
        self.assertEqual(self.stack("volume", "ls", "-q").out, "")

    def test_external_volume(self):
        self.write("compose.yaml", """
name: keeps
services:
  box:
    image: host
    command: ["sleep", "1000"]
    stop_grace_period: 1s
    volumes: ["kept:/data"]
volumes:
  kept:
    external: true
""")
        self.assert_fails("up", "-d", match=r"compose\.yaml:\d+:\d+.*kept|kept.*compose\.yaml:\d+:\d+")
        self.stack("volume", "create", "kept")
        self.assertIn("kept", self.stack("volume", "ls").out)
        self.stack("up", "-d")
        self.stack("exec", "-T", "box", "sh", "-c", "echo stays > /data/file")
        self.stack("down", "-v")
        self.assertIn("kept", self.stack("volume", "ls").out)
        self.stack("up", "-d")
        self.assertEqual(self.stack("exec", "-T", "box", "cat", "/data/file").out, "stays\n")
        self.assertIn("kept", self.stack("volume", "inspect", "kept").out)
        self.stack("down")
        self.stack("volume", "rm", "kept")
        self.assertNotIn("kept", self.stack("volume", "ls").out)


if __name__ == "__main__":
    harness.main()
