"""Entropic unbalanced optimal transport between two images on one pixel grid, without ever forming the plan.

The problem (Chizat et al. 2018, arXiv 1607.05816), with P >= 0 of shape [N, N] over the N = h * w pixels:

    min_P  <P, C> + epsilon * sum(P log P - P) + lambda * KL(P 1 | a) + lambda * KL(P' 1 | b)

or, where ``product`` is asked for, with epsilon * KL(P | a b') in the place of the entropy. C is the squared pixel
distance divided by a constant, so that K = exp(-C / epsilon) is a product of a factor in y and a factor in x:
applying it to an image costs two small matrix products instead of one of N x N. The iteration, its start and its
stopping rule are those of POT's ``ot.unbalanced.sinkhorn_unbalanced`` (reg_type "entropy", or "kl") on the pixels that
carry mass; the tests hold the two together to 1e-9.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Plan:
    """The solution of one problem or a stack of them, P[i, j] = u[i] * K[i, j] * v[j], in factors.

    ``source``, ``target`` (the masses a, b), ``u``, ``v``: float64 [..., h, w], zero where there is no mass.
    ``ky``: [..., h, h] and ``kx``: [..., w, w], the factors of K. ``scale``: [...], what squared pixel
    distances were divided by. ``iterations``: [...]. ``product``: whether KL(P | a b') regularised it.
    """

    source: np.ndarray
    target: np.ndarray
    u: np.ndarray
    v: np.ndarray
    ky: np.ndarray
    kx: np.ndarray
    scale: np.ndarray
    epsilon: float
    lam: float
    iterations: np.ndarray
    product: bool

    def push(self, masks: np.ndarray) -> np.ndarray:
        """Mass that each target pixel receives from each mask of source pixels: [k, h, w] from [k, h, w].

        Masks may be fractional. For a single plan, not a stack.
        """
        if self.u.ndim != 2:
            raise ValueError(f"push() works on one plan, not on a stack of shape {self.u.shape[:-2]}")
        return self.v * _apply(self.ky, self.kx, self.u * masks)

    def barycentres(self) -> np.ndarray:
        """Mean position (y, x), in pixels, of where each source pixel's mass goes: [2, ..., h, w].

        Pixel (i, j) has its centre at (i + 0.5, j + 0.5). A source pixel without mass stays where it is.
        """
        centres = positions(*self.u.shape[-2:])
        out = _apply(self.ky, self.kx, self.v)
        there = [_apply(self.ky, self.kx, self.v * axis) / np.where(out > 0, out, 1.0) for axis in centres]
        return np.stack([np.where((self.u > 0) & (out > 0), t, c) for t, c in zip(there, centres, strict=True)])

    def cost(self) -> np.ndarray:
        """By how much squared distance, in pixels, each plan moves its mass in all, [...]: <P, C> times ``scale``."""
        h, w = self.u.shape[-2:]
        down = _apply(self.ky * _squares(h), self.kx, self.v)
        across = _apply(self.ky, self.kx * _squares(w), self.v)
        return np.sum(self.u * (down + across), axis=(-2, -1))

    def objective(self) -> np.ndarray:
        """The minimised objective of each problem, [...].

        The constant that makes the entropy term a divergence, epsilon times the number of pixel pairs, is
        left out: it would rank images by the size of their support.
        """
        out = self.u * _apply(self.ky, self.kx, self.v)  # P 1
        into = self.v * _apply(self.ky, self.kx, self.u)  # P' 1
        # log P = log u + log v - C / epsilon, so <P, C> cancels and only the marginals remain.
        if self.product:
            linear = _inner(out, _ratio(self.u, self.source)) + _inner(into, _ratio(self.v, self.target))
            linear += self.source.sum((-2, -1)) * self.target.sum((-2, -1))
        else:
            linear = _inner(out, self.u) + _inner(into, self.v)
        marginals = _kl(out, self.source) + _kl(into, self.target)
        return self.epsilon * (linear - out.sum((-2, -1))) + self.lam * marginals


def solve(
    source: np.ndarray,
    target: np.ndarray,
    epsilon: float = 0.05,
    lam: float = 0.1,
    max_iter: int = 500,
    tol: float = 1e-6,
    percentile: float = 90.0,
    scale: float | None = None,
    product: bool = False,
) -> Plan:
    """Transport ``source`` to ``target``, non-negative masses [..., h, w] whose leading dimensions broadcast.

    The cost is the squared distance of pixel centres over its ``percentile`` among all pairs of one source
    pixel and one target pixel that carry mass. ``scale``, where given, replaces that percentile.
    ``lam`` weighs both marginals. ``product`` regularises by KL(P | a b') instead of the entropy. Every problem of a
    stack stops by itself, so that its result does not depend on its neighbours. Raises ``ValueError`` for a mass that
    is negative or empty.
    """
    a, b = np.broadcast_arrays(np.asarray(source, np.float64), np.asarray(target, np.float64))
    stack, (h, w) = a.shape[:-2], a.shape[-2:]
    a, b = a.reshape(-1, h, w), b.reshape(-1, h, w)
    for mass in (a, b):
        if (mass < 0).any() or not (mass > 0).any((-2, -1)).all():
            raise ValueError("a mass must be non-negative and positive somewhere")
    if scale is None:
        scales = np.array([pair_percentile(s > 0, t > 0, percentile) or 1.0 for s, t in zip(a, b, strict=True)])
    else:
        scales = np.full(len(a), float(scale))
    ky, kx = (np.exp(-_squares(n) / (scales * epsilon)[:, None, None]) for n in (h, w))
    # What the kernel is multiplied by, at the source and at the target.
    at_a, at_b = (mass if product else (mass > 0).astype(np.float64) for mass in (a, b))
    u, v, iterations = _iterate(a, b, at_a, at_b, ky, kx, lam / (lam + epsilon), max_iter, tol)
    u, v = at_a * u, at_b * v
    return Plan(
        source=a.reshape(*stack, h, w),
        target=b.reshape(*stack, h, w),
        u=u.reshape(*stack, h, w),
        v=v.reshape(*stack, h, w),
        ky=ky.reshape(*stack, h, h),
        kx=kx.reshape(*stack, w, w),
        scale=scales.reshape(stack),
        epsilon=epsilon,
        lam=lam,
        iterations=iterations.reshape(stack),
        product=product,
    )


def divergence(source: np.ndarray, target: np.ndarray, epsilon: float = 0.05, lam: float = 0.1) -> np.ndarray:
    """How far masses [..., h, w] lie from one target [h, w]: zero for the target itself, never negative.

    The Sinkhorn divergence for unbalanced transport (Sejourne et al. 2019, arXiv 1910.12958): the objective, less half
    of each mass's objective to itself, plus epsilon / 2 times the squared difference of the masses' sums; regularised
    by KL(P | a b'), which its theorems are about. All pairs share the target's cost, since one in units of each pair's
    own percentile makes far pairs look near.
    """
    scale = pair_percentile(target > 0, target > 0, 90.0) or 1.0
    pairs = [(source, target), (source, source), (target, target)]
    cross, own, goal = (solve(a, b, epsilon, lam, scale=scale, product=True).objective() for a, b in pairs)
    apart = source.sum((-2, -1)) - target.sum()
    found: np.ndarray = cross - 0.5 * (own + goal) + 0.5 * epsilon * apart**2
    return found


def pair_percentile(source: np.ndarray, target: np.ndarray, q: float) -> float:
    """The exact ``q``-th percentile of squared pixel distances over all pairs (source, target pixel).

    ``source``, ``target``: bool [h, w]. Equals ``np.percentile`` of the N x N distances (linear
    interpolation), but counts the pairs of each displacement by a Fourier correlation, so memory stays O(h *
    w).
    """
    h, w = source.shape
    size = (2 * h - 1, 2 * w - 1)
    spectrum = np.conj(np.fft.rfft2(source, size)) * np.fft.rfft2(target, size)
    pairs = np.rint(np.fft.irfft2(spectrum, size)).astype(np.int64)
    dy, dx = (np.minimum(np.arange(n), n - np.arange(n)) for n in size)  # negative displacements wrap around
    distance = (dy[:, None] ** 2 + dx[None] ** 2).ravel()
    # Counts below 2^53 are exact as the float weights of bincount.
    below = np.cumsum(np.bincount(distance, weights=pairs.ravel()))
    position = (below[-1] - 1) * (q / 100)
    rank = np.floor(position)
    low, high = (int(np.searchsorted(below, r, side="right")) for r in (rank, min(rank + 1, below[-1] - 1)))
    return low + (high - low) * float(position - rank)


def positions(h: int, w: int) -> np.ndarray:
    """The (y, x) centres of a grid's pixels, float64 [2, h, w]."""
    return np.mgrid[0:h, 0:w] + 0.5


def _iterate(
    a: np.ndarray,
    b: np.ndarray,
    at_a: np.ndarray,
    at_b: np.ndarray,
    ky: np.ndarray,
    kx: np.ndarray,
    power: float,
    max_iter: int,
    tol: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    u, v = (a > 0).astype(np.float64), (b > 0).astype(np.float64)
    iterations = np.zeros(len(a), np.int64)
    live = np.arange(len(a))
    for _ in range(max_iter):
        la, lb, ly, lx, old_u, old_v = a[live], b[live], ky[live], kx[live], u[live], v[live]
        wa, wb = at_a[live], at_b[live]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            new_u = np.where(la > 0, la / (wa * _apply(ly, lx, wb * old_v)), 0.0) ** power
            new_v = np.where(lb > 0, lb / (wb * _apply(ly, lx, wa * new_u)), 0.0) ** power
            error = 0.5 * (_change(new_u, old_u) + _change(new_v, old_v))
        # Machine precision is exhausted where K underflows: that problem ends with its previous iterate.
        sound = np.isfinite(new_u).all((-2, -1)) & np.isfinite(new_v).all((-2, -1))
        kept = live[sound]
        u[kept], v[kept] = new_u[sound], new_v[sound]
        iterations[kept] += 1
        live = live[sound & ~(error < tol)]
        if not len(live):
            break
    return u, v, iterations


def _apply(ky: np.ndarray, kx: np.ndarray, image: np.ndarray) -> np.ndarray:
    """K times images [..., h, w]. Both factors are symmetric, so this is also K transposed."""
    return ky @ image @ kx


def _squares(n: int) -> np.ndarray:
    line = np.arange(n, dtype=np.float64)
    return (line[:, None] - line[None]) ** 2


def _change(new: np.ndarray, old: np.ndarray) -> np.ndarray:
    largest = np.maximum(np.abs(new).max((-2, -1)), np.abs(old).max((-2, -1)))
    return np.abs(new - old).max((-2, -1)) / np.maximum(largest, 1.0)


def _inner(mass: np.ndarray, factor: np.ndarray) -> np.ndarray:
    return np.sum(mass * np.log(np.where(mass > 0, factor, 1.0)), axis=(-2, -1))


def _kl(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    return np.sum(p * np.log(np.where(p > 0, _ratio(p, q), 1.0)) - p + q, axis=(-2, -1))


def _ratio(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    return p / np.where(q > 0, q, 1.0)
