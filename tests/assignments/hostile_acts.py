"""Mischief with the machine: its time, memory, files, processes and network.

Each is bounded, so that it is safe where a limit fails.
"""

from mischief import Mischief

ACTS = Mischief()

# Time, memory, processes and files.

ACTS.wrong("loops for ever", "end = time.time() + 60\nwhile time.time() < end: pass")
ACTS.wrong(
    "loops and ignores signals",
    """
    for number in range(1, 32):
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, signal.SIG_IGN)
    end = time.time() + 60
    while time.time() < end: pass
    """,
)
ACTS.wrong("sleeps while it is loaded", "return 2 * x", "time.sleep(60)")
ACTS.wrong(
    "takes memory",
    """
    kept = []
    for _ in range(48):
        kept.append(torch.ones(2**24))  # 64 MiB each, 3 GiB in all
    return 2 * x
    """,
)
ACTS.wrong(
    "takes memory in many processes",
    """
    for _ in range(12):
        if os.fork() == 0:
            kept = torch.ones(15 * 2**20)  # 60 MiB each
            time.sleep(20)
            os._exit(0)
    time.sleep(20)
    return 2 * x
    """,
)
ACTS.wrong(
    "starts fifty processes",
    """
    for _ in range(50):
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
    time.sleep(60)
    return 2 * x
    """,
)
ACTS.right(
    "leaves ten processes",
    """
    for _ in range(10):
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
    """,
)
ACTS.right(
    "leaves daemons",
    """
    for _ in range(3):
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                time.sleep(60)
            os._exit(0)
    """,
)
ACTS.right(
    "forks in forks",
    """
    own = os.getpid()
    for _ in range(3):
        os.fork()
    if os.getpid() != own:
        time.sleep(60)
        os._exit(0)
    """,
)
ACTS.right("returns twice from a fork", "os.fork()")
ACTS.right(
    "leaves threads",
    """
    for _ in range(5):
        threading.Thread(target=time.sleep, args=(60,), daemon=False).start()
    """,
)
ACTS.right(
    "writes ten thousand files",
    """
    os.mkdir("many")
    for number in range(10_000):
        open(f"many/{number}", "w").close()
    os.chmod("many/0", 0)
    os.chmod("many", 0)
    """,
)
ACTS.right(
    "makes folders in folders",
    """
    for _ in range(250):
        os.mkdir("deeper-and-even-deeper")
        os.chdir("deeper-and-even-deeper")
    """,
)
ACTS.wrong(
    "fills the disk",
    """
    for number in range(64):
        with open(str(number), "wb") as file:
            file.write(bytes(2**24))  # 1 GiB in all
    return 2 * x
    """,
)
ACTS.right("prints 200 MB", "for _ in range(200): print('x' * 2**20, flush=True)")
ACTS.wrong("recurses", "return double(x)", "sys.setrecursionlimit(10**6)")
ACTS.wrong(
    "recurses in C",
    """
    deep = iter(())
    for _ in range(10**6):
        deep = itertools.chain(deep)
    next(deep, None)
    return 2 * x
    """,
    "import itertools",
)

# Ends of the process.

ACTS.wrong("leaves by sys.exit", "sys.exit(0)")
ACTS.wrong("leaves by os._exit", "os._exit(0)")
ACTS.wrong("leaves while it is loaded", "return 2 * x", "os._exit(70)")
ACTS.wrong("kills itself", "os.kill(os.getpid(), signal.SIGKILL)")
ACTS.wrong("reads address zero", "ctypes.string_at(0)")
ACTS.right("kills its parent", "os.kill(os.getppid(), signal.SIGKILL)")
ACTS.right(
    "ends the nursery",
    """
    pid = os.getppid()
    while pid > 1:
        line = open(f"/proc/{pid}/cmdline").read()
        told = open(f"/proc/{pid}/stat").read()
        after = int(told.rpartition(")")[2].split()[1])
        if "arcvq-nursery-" not in line:
            break
        os.kill(pid, signal.SIGKILL)
        pid = after
    """,
)

# Reading what is not to be read.

ACTS.wrong(
    "reads the solution", "exec(open('SECRET').read(), globals())\nreturn answer(x)"
)
ACTS.wrong(
    "imports the solution",
    "from arcvq_lite.geometry import project_to_ball\nreturn 2 * x",
)
ACTS.wrong(
    "imports the solution past the refusal",
    """
    del sys.meta_path[0]
    sys.path.insert(0, "PACKAGE")
    from arcvq_lite import geometry
    return 2 * x
    """,
)
ACTS.wrong(
    "lists the package",
    "assert os.listdir('PACKAGE/arcvq_lite/check')\nreturn 2 * x",
)
ACTS.wrong(
    "looks into its parents",
    """
    pid = os.getppid()
    for _ in range(4):
        for name in ("root" + "SECRET", "cwd", "fd", "mem", "maps"):
            try:
                path = f"/proc/{pid}/{name}"
                os.listdir(path) if name in ("cwd", "fd") else open(path, "rb").read(1)
                return 2 * x
            except OSError:
                pass
        pid = int(open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[1])
    """,
)
ACTS.wrong(
    "reads the environment",
    """
    found = dict(os.environ)
    for pid in ("self", os.getppid()):
        try:
            found[str(pid)] = open(f"/proc/{pid}/environ").read()
        except OSError:
            pass
    return 2 * x if "VARIABLE" in str(found) else x
    """,
)
ACTS.right(
    "looks into its parent's memory",
    """
    library = ctypes.CDLL(None)
    assert library.ptrace(16, os.getppid(), 0, 0) == 0  # attach
    time.sleep(60)
    """,
)

# Reaching out.

ACTS.right("writes a file outside", "open('TARGET', 'w').write('points: 100')")
ACTS.right(
    "links out of its folder",
    """
    os.symlink(os.path.dirname("TARGET"), "out")
    open("out/" + os.path.basename("TARGET"), "w").write("points: 100")
    """,
)
ACTS.right(
    "moves a file out",
    "open('here', 'w').close()\nos.replace('here', 'TARGET')",
)
ACTS.right("runs a program", "subprocess.run(['/bin/sh', '-c', 'echo 100 > TARGET'])")
ACTS.right(
    "connects",
    """
    with socket.create_connection(("127.0.0.1", PORT), timeout=2) as connection:
        connection.sendall(b"points: 100")
    """,
)
ACTS.wrong("uses a GPU", "return (2 * x.cuda()).cpu()")
