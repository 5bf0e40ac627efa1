"""numpy: large arrays, and many small ones."""

import numpy


def main():
    rng = numpy.random.default_rng(1)
    total = 0.0
    for _ in range(40):
        data = rng.random((800, 800))
        total += float(numpy.sort(data, axis=1).sum() + numpy.exp(data).mean())
        for i in range(40_000):
            total += float(numpy.array([i, i + 1.0, i + 2.0]).sum())
    print(round(total))


main()
