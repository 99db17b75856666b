"""The separable solver against POT's dense one, and what it computes against brute force."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy.special import kl_div

from plugins.attributors.medfocus.uot import Plan, divergence, pair_percentile, solve

EPSILON, LAMBDA = 0.05, 0.1


def blobs(shape: tuple[int, int], seed: int, hole: float = 0.3) -> np.ndarray:
    """A random image of mass 1 with pixels that carry none."""
    rng = np.random.default_rng(seed)
    image = rng.random(shape) + 0.05
    image[rng.random(shape) < hole] = 0
    image[:, 0] = 0
    return image / image.sum()


def squared_distances(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    s, t = np.argwhere(source > 0), np.argwhere(target > 0)
    return ((s[:, None] - t[None]) ** 2).sum(-1).astype(float)


def dense(plan: Plan) -> np.ndarray:
    """P over the pixels that carry mass, formed in full."""
    rows, cols = plan.source.ravel() > 0, plan.target.ravel() > 0
    kernel = np.kron(plan.ky, plan.kx)
    return (plan.u.ravel()[:, None] * kernel * plan.v.ravel()[None])[np.ix_(rows, cols)]


def pot(
    source: np.ndarray, target: np.ndarray, reg_type: str = "entropy", scale: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """(plan, normalised cost) by POT on the supports."""
    ot = pytest.importorskip("ot")
    cost = squared_distances(source, target)
    cost /= np.percentile(cost, 90) if scale is None else scale
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plan = ot.unbalanced.sinkhorn_unbalanced(
            source[source > 0], target[target > 0], cost, reg=EPSILON, reg_m=LAMBDA, reg_type=reg_type,
            numItermax=500, stopThr=1e-6,
        )  # fmt: skip
    return plan, cost


def product_objective(source: np.ndarray, target: np.ndarray, scale: float) -> float:
    """The value of POT's plan of the problem that KL(P | a b') regularises; SciPy's kl_div has the masses in it."""
    p, cost = pot(source, target, "kl", scale)
    a, b = source[source > 0], target[target > 0]
    value = (p * cost).sum() + EPSILON * kl_div(p, np.outer(a, b)).sum()
    return float(value + LAMBDA * (kl_div(p.sum(1), a).sum() + kl_div(p.sum(0), b).sum()))


@pytest.mark.parametrize("shape", [(14, 14), (20, 16), (9, 23)])
@pytest.mark.parametrize("reg_type", ["entropy", "kl"])
def test_matches_pot(shape: tuple[int, int], reg_type: str) -> None:
    source, target = blobs(shape, 0), blobs(shape, 10)
    expected, _ = pot(source, target, reg_type)
    plan = solve(source, target, EPSILON, LAMBDA, product=reg_type == "kl")
    assert np.abs(dense(plan) - expected).max() < 1e-9 * expected.max()
    assert np.abs(dense(plan) - expected).max() < 1e-14


def test_push_is_the_mass_that_leaves_the_mask() -> None:
    source, target = blobs((20, 16), 3), blobs((20, 16), 4)
    plan, (p, _) = solve(source, target, EPSILON, LAMBDA), pot(source, target)
    masks = np.random.default_rng(0).random((3, 20, 16))
    expected = np.zeros((3, 20, 16))
    expected[:, target > 0] = masks[:, source > 0] @ p
    np.testing.assert_allclose(plan.push(masks), expected, atol=1e-15, rtol=1e-9)
    np.testing.assert_allclose(plan.push(np.ones((1, 20, 16)))[0].sum(), p.sum(), rtol=1e-9)


def test_barycentres_are_the_mean_destinations() -> None:
    source, target = blobs((20, 16), 3), blobs((20, 16), 4)
    p, _ = pot(source, target)
    mean = p @ (np.argwhere(target > 0) + 0.5) / p.sum(1, keepdims=True)
    moved = solve(source, target, EPSILON, LAMBDA).barycentres()
    np.testing.assert_allclose(moved[:, source > 0].T, mean, rtol=1e-9)
    np.testing.assert_array_equal(moved[:, source == 0].T, np.argwhere(source == 0) + 0.5)


def test_objective_matches_brute_force() -> None:
    source, target = blobs((14, 14), 5), blobs((14, 14), 6)
    p, cost = pot(source, target)

    def kl(x: np.ndarray, y: np.ndarray) -> float:
        return float((x * np.log(x / y) - x + y).sum())

    expected = (p * cost).sum() + EPSILON * (p * np.log(p) - p).sum()
    expected += LAMBDA * (kl(p.sum(1), source[source > 0]) + kl(p.sum(0), target[target > 0]))
    assert solve(source, target, EPSILON, LAMBDA).objective() == pytest.approx(expected, rel=1e-10)


def test_cost_is_that_of_pots_plan() -> None:
    """In squared pixels, so that a pair's own scale does not make far images look near. The grid is not square."""
    sources, target = np.stack([blobs((14, 11), seed) for seed in (1, 2)]), blobs((14, 11), 3, hole=0.5)
    costs = solve(sources, target, EPSILON, LAMBDA).cost()
    for source, found in zip(sources, costs, strict=True):
        p, _ = pot(source, target)
        assert found == pytest.approx((p * squared_distances(source, target)).sum(), rel=1e-10)


@pytest.mark.parametrize("mass", [1.0, 0.6])
def test_divergence_is_made_of_pots_solutions(mass: float) -> None:
    """The Sinkhorn divergence of Sejourne et al., equation by equation, of equal and of unequal masses."""
    source, target = blobs((14, 14), 5) * mass, blobs((14, 14), 6)
    scale = float(np.percentile(squared_distances(target, target), 90))
    cross, own, goal = (
        product_objective(one, other, scale) for one, other in ((source, target), (source, source), (target, target))
    )
    expected = cross - own / 2 - goal / 2 + EPSILON / 2 * (mass - 1) ** 2
    assert expected > 0.001
    assert divergence(source, target, EPSILON, LAMBDA) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("product", [False, True])
def test_solution_minimises_the_objective(product: bool) -> None:
    """Scaling the converged plan by any factor can only raise the objective."""
    plan = solve(blobs((10, 12), 7), blobs((10, 12), 8), tol=1e-12, max_iter=5000, product=product)
    best = plan.objective()
    for factor in (0.97, 0.999, 1.001, 1.03):
        moved = Plan(**{**plan.__dict__, "u": plan.u * factor})
        assert moved.objective() > best


def test_stack_equals_one_by_one() -> None:
    sources = np.stack([blobs((14, 14), s, hole=0.2 * s) for s in range(5)])
    target = blobs((14, 14), 20)
    stack = solve(sources, target)
    assert len(set(stack.iterations.tolist())) > 1, "the problems should stop at different iterations"
    for k, source in enumerate(sources):
        one = solve(source, target)
        np.testing.assert_array_equal(stack.iterations[k], one.iterations)
        np.testing.assert_allclose(stack.u[k], one.u, rtol=1e-12)
        np.testing.assert_allclose(stack.objective()[k], one.objective(), rtol=1e-12)


def test_divergence_finds_the_equal_image() -> None:
    """Shifted and differently textured images are farther from an image than it is from itself."""
    images = np.zeros((6, 14, 14))
    for k, (dy, dx) in enumerate([(0, 0), (2, 0), (0, 2), (-2, 2), (-1, 0), (0, 0)]):
        images[k, 3 + dy : 11 + dy, 3 + dx : 11 + dx] = blobs((8, 8), 3 if k < 5 else 4, hole=0)
    for k, target in enumerate(images):
        distance = divergence(images, target)
        assert distance[k] == pytest.approx(0, abs=1e-9)
        assert (np.delete(distance, k) > 1e-6).all()


@pytest.mark.parametrize("shape", [(7, 7), (5, 12), (16, 11)])
@pytest.mark.parametrize("q", [0.0, 37.5, 90.0, 100.0])
def test_percentile_is_exact(shape: tuple[int, int], q: float) -> None:
    for seed in range(5):
        source, target = blobs(shape, seed, 0.6), blobs(shape, seed + 50, 0.2)
        expected = np.percentile(squared_distances(source, target), q)
        assert pair_percentile(source > 0, target > 0, q) == pytest.approx(expected, abs=1e-9)


def test_one_pixel_stays_in_place() -> None:
    mass = np.zeros((5, 5))
    mass[2, 3] = 1
    plan = solve(mass, mass)
    assert np.isfinite(plan.objective())
    assert np.argwhere(plan.push(mass[None])[0]).tolist() == [[2, 3]]


def test_underflow_ends_with_finite_numbers() -> None:
    """Two far corners and a tight cluster: the kernel between them underflows."""
    source, target = np.zeros((64, 64)), np.zeros((64, 64))
    source[:3, :3] = target[:3, :3] = 1 / 10
    source[63, 63] = 1 / 10
    plan = solve(source, target, epsilon=0.01)
    assert np.isfinite(plan.u).all() and np.isfinite(plan.push(np.ones((1, 64, 64)))).all()


@pytest.mark.parametrize("mass", [np.zeros((4, 4)), -np.ones((4, 4))])
def test_refuses_what_is_no_mass(mass: np.ndarray) -> None:
    with pytest.raises(ValueError, match="mass"):
        solve(mass, np.ones((4, 4)))
