"""What a function may hand back instead of numbers, and objects that lie."""

from cases import FAST, inside

EXPRESSIONS = {  # of x, an array of one number or four
    "a number of 10,000 digits": "10**10_000",
    "a number of 4,000 digits": "10**4000",
    "a list of such": "[10**4000] * len(x)",
    "a negative zero dimension": "np.zeros((0, 4))",
    "nine axes": "(2 * x).reshape((-1,) + (1,) * 8)",
    "ragged": "[[1.0], [2.0, 3.0]]",
    "letters": "['2', '4', '6', '8'][: len(x)]",
    "bytes": "bytes(8)",
    "a set": "{2.0}",
    "a dictionary": "{'dtype': 'float64', 'array': [2.0], 'shape': [1]}",
    "a dictionary of arrays": "{'array': 2 * x}",
    "the wire's own form": "{'tuple': [2.0, 4.0]}",
    "complex": "2 * x + 0j",
    "dates": "np.array(['2020-01-01'] * len(x), 'datetime64[D]')",
    "a structured array": "np.zeros(len(x), [('a', float)])",
    "texts in an array": "np.array(['2'] * len(x))",
    "objects in an array": "np.array([object()] * len(x))",
    "masked": "np.ma.masked_array(3 * x, mask=True)",
    "a generator": "(2 * v for v in x)",
    "a function": "lambda: 2 * x",
    "itself": "double",
    "the module": "np",
    "an exception": "ValueError('2')",
    "NotImplemented": "NotImplemented",
    "infinity": "x * np.inf",
    "subnormal": "x * 5e-324",
    "memory": "memoryview(b'2')",
    "two million numbers": "np.zeros(2_000_000)",
    "two million and one": "np.zeros(2_000_001)",
    "deep": "deep(3000)",
    "twenty deep": "deep(19)",
    "in a circle": "circle()",
    "half a letter": "'\\ud800'",
    "markup": "'<script>alert(1)</script>'",
}
LIARS = {
    "a list that never ends": ("class L(list):\n    def __iter__(self):\n        while True: yield 2.0", "L()"),
    "a list that says it is short": (
        "class L(list):\n    def __len__(self): return 1\n    def __eq__(self, o): return True",
        "L([3.0] * 9)",
    ),
    "a number that says it is another": (
        "class F(float):\n    __repr__ = __str__ = lambda self: '2.0'\n    def __float__(self): return 2.0",
        "F(3.0)",
    ),
    "another class than it is": ("class C:\n    __class__ = np.ndarray", "C()"),
    "says it is a list": ("class C:\n    __class__ = list\n    def __iter__(self): return iter([3.0])", "C()"),
    "a dictionary that lies": (
        "class D(dict):\n    def items(self): return [('a', float('nan'))] * 3\n"
        "    def __iter__(self): return iter('a')",
        "D()",
    ),
    "an array that lies": (
        "class A(np.ndarray):\n    def tolist(self): return '2.0'\n    def __eq__(self, o): return True",
        "(3 * x).view(A)",
    ),
    "an array whose list is no JSON": (
        "class A(np.ndarray):\n    def astype(self, *a): return self\n    def tolist(self): return {1, 2}",
        "(3 * x).view(A)",
    ),
    "an array whose list is itself": (
        "class A(np.ndarray):\n    def astype(self, *a): return self\n"
        "    def tolist(self):\n        l = []\n        l.append(l)\n        return l",
        "(3 * x).view(A)",
    ),
    "a tensor that is none": (
        "class T:\n    __module__ = 'torch'\n    def detach(self): return self\n    def cpu(self): return self\n"
        "    def to_dense(self): return 3 * np.ones(4)",
        "T()",
    ),
    "a matrix that raises SystemExit": ("class S:\n    def toarray(self): raise SystemExit(0)", "S()"),
    "a class whose class lies": (
        "class M(type):\n    def __instancecheck__(self, o): return True\n    __name__ = '2'\n"
        "class C(metaclass=M): pass",
        "C()",
    ),
    "an exception without end": (
        "class E(Exception):\n    def __str__(self):\n        while True: pass\ndef fail(): raise E",
        "fail()",
    ),
    "an exception with half a letter": ("def fail(): raise ValueError('\\ud800\\x00<b>' * 999)", "fail()"),
    "an exception of another name": (
        "E = type('\\ud800' if 0 else 'x' * 10_000, (Exception,), {})\ndef fail(): raise E",
        "fail()",
    ),
    "a judge's exception": ("def fail(): raise AssertionError('passed')", "fail()"),
    "a memory error": ("def fail(): raise MemoryError", "fail()"),
    "a keyboard interrupt": ("def fail(): raise KeyboardInterrupt", "fail()"),
    "a generator's exit": ("def fail(): raise GeneratorExit", "fail()"),
}
HELPERS = """def deep(n):
    return [deep(n - 1)] if n else 2.0
def circle():
    values = []
    values.append(values)
    return values
"""
WHY = "no numbers, or the wrong ones"
CASES = {
    kind: inside(f"{HELPERS}def double(x):\n    return {value}", WHY, "failed|crashed|time limit")
    for kind, value in EXPRESSIONS.items()
} | {
    kind: inside(f"{first}\ndef double(x):\n    return {value}", WHY, "failed|crashed|time limit", limits=FAST)
    for kind, (first, value) in LIARS.items()
}
SLOW = {"two million numbers", "two million and one", "an exception without end"}
