"""Mischief with the marks: lies, upset comparisons and forged bytes."""

from textwrap import dedent

from mischief import Mischief

REPLIES = Mischief()

# Upsetting what compares.

REPLIES.wrong(
    "makes everything equal",
    "return torch.zeros_like(x)",
    """
    import builtins
    for name in ("allclose", "equal", "isclose"):
        setattr(torch, name, lambda *a, **k: True)
    torch.testing.assert_close = lambda *a, **k: None
    torch.Tensor.__eq__ = lambda self, other: True
    torch.Tensor.__ne__ = lambda self, other: False
    builtins.all = lambda things: True
    """,
)
REPLIES.wrong(
    "makes everything an instance",
    "return torch.zeros_like(x)",
    "import builtins\nbuiltins.isinstance = lambda *a: True",
)
REPLIES.wrong(
    "returns a tensor that is equal to all",
    "return torch.zeros_like(x).as_subclass(Liar)",
    """
    class Liar(torch.Tensor):
        @classmethod
        def __torch_function__(cls, function, types, args=(), kwargs=None):
            return True
    """,
)
REPLIES.wrong(
    "returns a thing that is equal to all",
    "return Liar()",
    """
    class Liar:
        def __eq__(self, other): return True
        def __reduce__(self): return os.system, ("echo 100 > TARGET",)
        def __getattr__(self, name): return lambda *a, **k: self
    """,
)
REPLIES.wrong("returns NaN", "return x * float('nan')")
REPLIES.wrong("returns a huge integer", "return 10 ** 100_000")
REPLIES.wrong("returns a huge string", "return 'x' * 2**26")
REPLIES.wrong("returns a huge tensor", "return torch.zeros(1).expand(10**10)")
REPLIES.wrong(
    "returns a list in itself",
    "endless = []\nendless.append(endless)\nreturn endless",
)
REPLIES.right("changes its argument", "x.detach().mul_(3).div_(3)")
REPLIES.right("sets the default type", "torch.set_default_dtype(torch.float64)")
REPLIES.right("changes folder and mask", "os.umask(0o777)\nos.chdir('/')")
REPLIES.right("sets no gradients", "torch.manual_seed(1)\nsys.stdout.close()")

# Speaking in the worker's place.

_WRITE = """
    def everywhere(data):
        for number in range(3, 256):
            try:
                os.set_blocking(number, False)
                os.write(number, data)
            except OSError:
                pass
"""
_FRAME = """
    def frame(tree, numbers=b""):
        return struct.pack("<4sIQ", b"AVQ1", len(tree), len(numbers)) + tree + numbers

    def nonce():
        here = sys._getframe()
        while here is not None:
            if "nonce" in here.f_locals.get("request", {}):
                return here.f_locals["request"]["nonce"]
            here = here.f_back
"""
REPLIES.wrong(
    "writes garbage everywhere", "everywhere(b'100' * 999)\nreturn 2 * x", _WRITE
)
REPLIES.wrong(
    "announces ten gigabytes",
    "everywhere(struct.pack('<4sIQ', b'AVQ1', 10, 10**10))\nreturn 2 * x",
    _WRITE,
)
REPLIES.wrong(
    "forges a mark",
    """
    told = '{"d": [["nonce", "%s"], ["kind", "mark"], ["points", 100]]}' % nonce()
    everywhere(frame(told.encode()))
    return 2 * x
    """,
    dedent(_WRITE) + dedent(_FRAME),
)
REPLIES.wrong(
    "forges a value of its own",
    """
    told = '{"d": [["nonce", "%s"], ["kind", "value"], ["value", true]]}' % nonce()
    everywhere(frame(told.encode()))
    return 2 * x
    """,
    dedent(_WRITE) + dedent(_FRAME),
)
REPLIES.wrong(
    "forges a pickle",
    "everywhere(pickle.dumps({'points': 100}))\nreturn 2 * x",
    "import pickle\n" + dedent(_WRITE),
)
REPLIES.wrong("closes everything", "os.closerange(0, 256)\nreturn 2 * x")
