"""What bench/run and bench/image-layers say of a median."""


def interval(ordered):
    """The values between which the median of a sorted sample lies with 95 %, by ranks (binomial, normal approximation)."""
    half = 0.98 * len(ordered) ** 0.5
    middle = (len(ordered) - 1) / 2
    return ordered[max(int(middle - half), 0)], ordered[min(int(middle + half + 1), len(ordered) - 1)]
