# SPDX-License-Identifier: Apache-2.0
"""TLS to the database: certificates of server and client, each way of saying so, what is wrong with them; and where passwords come
from and are not shown."""

import os
import re
import shutil
import subprocess
import sys
import urllib.parse

from harness import Backend, Postgres, Worker, case, clean_environment, graph, main, program, tmpdir, wait_until, wfworker

if not shutil.which("openssl"):
    print("1..0 # SKIP openssl is not installed")
    sys.exit(0)

CERTIFICATES = os.path.join(tmpdir(), "certificates")
os.mkdir(CERTIFICATES, 0o711)


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, cwd=CERTIFICATES, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)


def path(name):
    return os.path.join(CERTIFICATES, name)


def authority(name):
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=%s" % name, "-keyout", name + ".key",
            "-out", name + ".crt")


def certificate(name, common, of, names=None):
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=%s" % common, "-keyout", name + ".key", "-out", name + ".csr")
    with open(path(name + ".ext"), "w") as f:
        f.write("subjectAltName = %s\n" % names if names else "basicConstraints = CA:FALSE\n")
    openssl("x509", "-req", "-days", "2", "-in", name + ".csr", "-CA", of + ".crt", "-CAkey", of + ".key", "-CAcreateserial",
            "-extfile", name + ".ext", "-out", name + ".crt")


authority("ours")
authority("theirs")
certificate("server", "database", "ours", "IP:127.0.0.1")
certificate("client", "certified", "ours")
certificate("stranger", "certified", "theirs")
postgres = Postgres(tcp=True)
for file in ("server.key", "server.crt", "ours.crt"):
    shutil.copy(path(file), postgres.data)
    os.chmod(os.path.join(postgres.data, file), 0o600)
    if postgres.user:
        os.chown(os.path.join(postgres.data, file), postgres.user.pw_uid, postgres.user.pw_gid)
for command in ("ALTER SYSTEM SET ssl = on", "ALTER SYSTEM SET ssl_cert_file = 'server.crt'", "ALTER SYSTEM SET ssl_key_file = 'server.key'",
                "ALTER SYSTEM SET ssl_ca_file = 'ours.crt'", "CREATE ROLE certified LOGIN SUPERUSER"):
    postgres.sql("postgres", command)
with open(postgres.data + "/pg_hba.conf", "w") as f:
    f.write("local all all trust\nhostssl all certified 127.0.0.1/32 cert\nhostssl all all 127.0.0.1/32 scram-sha-256\n")
postgres.stop()
postgres.start()
backend = Backend(postgres, "secure")
assert wfworker("migrate", "--db", backend.dsn).status == 0
SECRET = Postgres.PASSWORD
ENCODED = urllib.parse.quote(SECRET, safe="")
FULL = "sslmode=verify-full&sslrootcert=" + path("ours.crt")


def url(parameters=FULL, password=ENCODED, host="127.0.0.1", user="postgres"):
    return "postgresql://%s%s@%s:%d/secure?%s" % (user, ":" + password if password else "", host, postgres.port, parameters)


def clean(text):
    for secret in (SECRET, ENCODED):
        assert secret not in text, "a password was printed: " + text
    return text


def checked(dsn=None, env=None, arguments=()):
    done = wfworker("check", "--db-only", *arguments, *(["--db", dsn] if dsn else []), env=env)
    assert done.status == 0 and "✓ connection" in done.out, done
    clean(done.out + done.err)


def refused(dsn, *texts):
    """check says why, in one line, with what to do."""
    done = wfworker("check", "--db-only", "--db", dsn)
    lines = [line for line in clean(done.out + done.err).splitlines() if line.startswith("✗ connection")]
    assert done.status == 1 and len(lines) == 1, done
    for text in texts:
        assert text in lines[0], (text, lines)


def works(worker):
    identity = backend.execution(backend.workflow(graph([("t", "trigger"), ("e", "end")], [("t", "e")])))
    assert backend.wait_end(identity).status == "completed"
    clean(worker.log())


def encrypted():
    return backend.run("SELECT a.usename, s.ssl FROM pg_stat_activity a JOIN pg_stat_ssl s USING (pid)"
                       " WHERE a.application_name = 'wfworker' AND a.client_addr IS NOT NULL")


@case
def verified():
    """sslmode=verify-full in a URL: the worker works, and each of its three connections is encrypted"""
    worker = Worker(url())
    worker.wait_line("notifications arrive")
    works(worker)
    assert encrypted() == [("postgres", True)] * 3, encrypted()
    assert worker.terminate() == 0, worker.log()


@case
def spellings():
    """verify-full as keywords, in a configuration file, beside POSTGRES_*, as libpq's own variables, and in a service file"""
    words = "host=127.0.0.1 port=%d user=postgres dbname=secure sslmode=verify-full sslrootcert=%s" % (postgres.port, path("ours.crt"))
    checked("%s password='%s'" % (words, SECRET))
    with open(path("conf"), "w") as f:
        f.write("db = %s\n" % url())
    os.chmod(path("conf"), 0o600)
    checked(arguments=["--config", path("conf")])
    tls = {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": path("ours.crt")}
    checked(env={**tls, "POSTGRES_HOST": "127.0.0.1", "POSTGRES_PORT": str(postgres.port), "POSTGRES_USER": "postgres",
                 "POSTGRES_PASSWORD": SECRET, "POSTGRES_DB": "secure"})
    checked(env={**tls, "PGHOST": "127.0.0.1", "PGPORT": str(postgres.port), "PGUSER": "postgres", "PGPASSWORD": SECRET,
                 "PGDATABASE": "secure"})
    checked(env={"SUPABASE_DB_URL": url()})
    with open(path("services"), "w") as f:
        f.write("[ours]\nhost=127.0.0.1\nport=%d\nuser=postgres\ndbname=secure\nsslmode=verify-full\nsslrootcert=%s\npassword=%s\n" %
                (postgres.port, path("ours.crt"), SECRET))
    checked("service=ours", env={"PGSERVICEFILE": path("services")})
    checked(env={"PGSERVICE": "ours", "PGSERVICEFILE": path("services")})


@case
def password_file():
    """the password from a file like ~/.pgpass: run works, and goes on with it after its connections were cut"""
    with open(path("pgpass"), "w") as f:
        f.write("127.0.0.1:%d:secure:postgres:%s\n" % (postgres.port, SECRET.replace("\\", "\\\\").replace(":", "\\:")))
    os.chmod(path("pgpass"), 0o600)
    worker = Worker(url(password=None), env={"PGPASSFILE": path("pgpass")})
    works(worker)
    backend.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'wfworker'")
    works(worker)
    assert worker.terminate() == 0, worker.log()
    refused(url(password=None), "no password supplied", "Give a password in the database address, PGPASSWORD or ~/.pgpass.")


@case
def wrong_authority():
    """a certificate of another authority, no authority at all, another host's name: each is said clearly, and nothing is sent"""
    other = "sslmode=verify-full&sslrootcert=" + path("theirs.crt")
    refused(url(other), "certificate verify failed", "Check sslmode and sslrootcert of the database address.")
    refused(url("sslmode=verify-full&sslrootcert=" + path("missing.crt")), 'root certificate file "%s" does not exist' % path("missing.crt"))
    refused(url(FULL + "&hostaddr=127.0.0.1", host="elsewhere.invalid"), "elsewhere.invalid", "does not match host name")
    refused(url("sslmode=disable"), "no pg_hba.conf entry", "no encryption", "Allow this user, database and address")


@case
def wrong_authority_running():
    """a worker that does not trust the server says so once, waits, and goes on when its authority is put right"""
    shutil.copy(path("theirs.crt"), path("changing.crt"))
    worker = Worker(url("sslmode=verify-full&sslrootcert=" + path("changing.crt")), ready=False)
    worker.wait_line("certificate verify failed")
    shutil.copy(path("ours.crt"), path("changing.crt"))
    worker.wait_line(Worker.READY)
    works(worker)
    assert len(worker.lines("certificate verify failed")) == 1, worker.log()
    assert worker.terminate() == 0, worker.log()


@case
def client_certificates():
    """a client certificate instead of a password: with it, without it, with one of another authority"""
    def with_(name):
        return url(FULL + "&sslcert=%s&sslkey=%s" % (path(name + ".crt"), path(name + ".key")), None, user="certified")
    for name in ("client", "stranger"):
        os.chmod(path(name + ".key"), 0o600)
    worker = Worker(with_("client"))
    works(worker)
    wait_until("all to be the certified", lambda: encrypted() == [("certified", True)] * 3)
    assert worker.terminate() == 0, worker.log()
    refused(url(user="certified"), "connection requires a valid client certificate")
    refused(with_("stranger"), "alert unknown ca")


def shown(process):
    with open("/proc/%d/cmdline" % process.pid, "rb") as f:
        return f.read().replace(b"\0", b" ").decode()


@case
def not_in_the_process_list():
    """a password on the command line is gone from what ps shows, and the worker still has it"""
    if not os.path.exists("/proc/self/cmdline"):
        return
    for arguments in (["--db", url()], ["--db=" + url(), "--listen-dsn", url()],
                      ["--db", "host=127.0.0.1 port=%d user=postgres dbname=secure sslmode=require password='%s'" % (postgres.port, SECRET)]):
        worker = Worker(None, *arguments)
        clean(shown(worker.process))
        assert re.search(r"--db[ =]x{40,}( |$)", shown(worker.process)), shown(worker.process)
        works(worker)
        backend.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'wfworker'")
        works(worker)
        titles = backend.run("SELECT application_name, query FROM pg_stat_activity WHERE datname = 'secure'")
        clean(str(titles))
        assert worker.terminate() == 0, worker.log()
    plain = Worker(backend.dsn)
    assert backend.dsn in shown(plain.process), "an address without a password is left alone"
    assert plain.terminate() == 0, plain.log()
    done = subprocess.run([program(), "config", "--db", url()], env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=60, check=True)
    clean(done.stdout)


if __name__ == "__main__":
    sys.exit(main())
