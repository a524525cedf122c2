"""examples/stacks/shop: nginx, an application, PostgreSQL and Redis, as real as they come."""

import json
import time

import harness

FILE = harness.TOP / "examples/stacks/shop/app.yaml"
URL = f"http://{harness.HOST_V4}:8090"
ALL = ["shop-app-1", "shop-app-2", "shop-nginx-1", "shop-postgres-1", "shop-redis-1"]


class Shop(harness.Case):
    def setUp(self):
        harness.need_shop()
        super().setUp()
        self.machine.env["SHOP_ROOTFS"] = str(harness.SHOP_ROOTFS)

    def shop(self, *args, **options):
        return self.stack("-f", FILE, *args, **options)

    def stats(self):
        got = self.machine.requests(URL + "/stats")
        self.assertEqual(got["failed"], 0, got)
        return json.loads(list(got["answers"])[0])

    def test_life(self):
        m = self.machine
        self.shop("up", "-d", "--wait")
        rows = {row["Name"]: row for row in m.ps(before=("-f", FILE))}
        self.assertEqual(sorted(rows), ALL)
        for row in rows.values():
            self.assertEqual((row["State"], row["Health"]), ("running", "healthy"), row)

        got = m.requests("--count", 1000, "--threads", 8, URL + "/buy")
        self.assertEqual((got["sent"], got["failed"]), (1000, 0), got["errors"])
        answers = [json.loads(body) for body in got["answers"]]
        self.assertEqual(len(answers), 1000, "every answer is one of its own")
        self.assertEqual(len({answer["instance"] for answer in answers}), 2, "both copies answer")
        self.assertEqual({answer["count"] for answer in answers}, set(range(1, 1001)))
        stats = self.stats()
        self.assertEqual((stats["rows"], stats["count"]), (1000, 1000), stats)
        self.assertEqual(len(stats["instances"]), 2)
        sql = self.shop("exec", "-T", "-u", "postgres", "postgres", "sh", "-c",
                        "PGPASSWORD=$POSTGRES_PASSWORD exec /usr/lib/postgresql/*/bin/psql -h 127.0.0.1"
                        " -U shop -d shop -At -c 'select count(*) from requests'").out
        self.assertEqual(sql.strip(), "1000")
        counted = self.shop("exec", "-T", "redis", "sh", "-c",
                            "REDISCLI_AUTH=$REDIS_PASSWORD exec redis-cli get requests").out
        self.assertEqual(counted.strip().strip('"'), "1000")

        # The database is for the application alone: no name for nginx, no way out, no way in.
        self.assertNotEqual(
            self.shop("exec", "-T", "nginx", "getent", "hosts", "postgres", check=False).code, 0)
        self.assertNotIn("default", self.shop("exec", "-T", "postgres", "cat", "/proc/net/route").out)
        self.assertEqual(self.shop("plan", "--detailed-exitcode").code, 0)

        self.shop("down")
        self.assert_no_leaks()
        self.shop("up", "-d", "--wait")
        stats = self.stats()
        self.assertEqual((stats["rows"], stats["count"]), (1000, 1000), "the data outlived down and up")

        self.shop("down", "-v")
        self.assertEqual(list((m.root / "lib/volumes").glob("shop_*")), [])
        self.shop("up", "-d", "--wait")
        self.assertEqual(self.stats()["rows"], 0, "down -v forgot the data")
        self.shop("down", "-v")

    def test_supervisor_killed_under_load(self):
        m = self.machine
        self.shop("up", "-d", "--wait")
        inits = m.inits(*ALL)
        load = m.load("--threads", 4, URL + "/load")
        for _ in range(3):
            old = m.supervisor("shop")
            harness.kill(old)
            harness.wait_until(lambda: m.supervisor("shop") != old, "the keeper's new supervisor", 10)
            time.sleep(0.5)  # a stretch of load on the new one
        harness.kill(m.keeper("shop"))
        for pid in m.ours("stack-supervisor", "shop"):
            harness.kill_if_there(pid)
        time.sleep(0.5)
        self.shop("up", "-d", "--wait")
        got = load.finish()
        self.assertGreater(got["sent"], 50)
        # Names are refused, not timed out, for at most a second while there is no supervisor; nginx keeps the last
        # answer for a second. A request may meet that gap, but nothing restarts and nothing hangs.
        self.assertEqual(m.inits(*ALL), inits, "no container was restarted")
        after = m.requests("--count", 50, URL + "/after")
        self.assertEqual(after["failed"], 0, after)
        self.shop("down", "-v")


if __name__ == "__main__":
    harness.main()
