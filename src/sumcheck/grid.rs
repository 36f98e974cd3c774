//! A window of rounds from one pass: a polynomial in ω variables is known by its values on a grid of nodes^ω, and each
//! challenge takes one variable away (Bagad, Dao, Domb, Thaler, ePrint 2025/1117; windows of later rounds as in
//! "Streaming sum-check", ePrint 2025/1473).

use super::round::{Node, interpolate, nodes};
use crate::field::SumcheckField;

/// The grid of a window: degree + 1 nodes a variable, of which the first two are 0 and 1. The first variable is the
/// fastest: point Σ_j z_j·(degree + 1)^j has node z_j in variable j.
#[derive(Clone, Debug)]
pub struct Grid {
    nodes: Vec<Node>,
    rounds: u32,
    /// How values on {0,1}^ω become values on the grid, one line after the other.
    steps: Vec<Step>,
    /// Where the points of {0,1}^ω are; the first variable is the low bit.
    booleans: Vec<usize>,
    /// Whether a point has a node at infinity.
    infinite: Vec<bool>,
}

/// The value at `target` follows from those at `first` and `second`, which come before it.
#[derive(Clone, Copy, Debug)]
struct Step {
    target: usize,
    first: usize,
    second: usize,
    rule: Rule,
}

/// How a value on a line follows from two others. Where the slope is known already, one addition takes a line from a node
/// to the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// first + second: a node and the slope give the next node.
    Up,
    /// first − second: a node and the slope give the node before.
    Down,
    /// At this node, from the values at 0 and 1.
    Through(Node),
}

impl Rule {
    #[inline]
    pub(super) fn elements<F: SumcheckField>(self, first: F, second: F) -> F {
        match self {
            Self::Up => first.plus(&second),
            Self::Down => first.minus(&second),
            Self::Through(node) => node.line(first, second),
        }
    }

    /// The same on integers; wraps where the caller's bounds do not hold.
    #[inline]
    pub(super) fn integers(self, first: i64, second: i64) -> i64 {
        match self {
            Self::Up => first.wrapping_add(second),
            Self::Down => first.wrapping_sub(second),
            Self::Through(node) => node.line_i64(first, second),
        }
    }
}

impl Grid {
    /// The grid for polynomials of this degree in each of `rounds` variables; with nodes at infinity if they can be had.
    /// (degree + 1)^rounds points.
    pub fn new(degree: usize, rounds: u32, infinity: bool) -> Self {
        let mut nodes = nodes(degree.max(1), infinity);
        nodes.swap(0, 1);
        let side = nodes.len();
        let points = side.pow(rounds);
        let digit = |point: usize, variable: u32| point / side.pow(variable) % side;
        let mut steps = Vec::new();
        for variable in 0..rounds {
            let unit = side.pow(variable);
            for target in 0..points {
                let at = digit(target, variable);
                if at >= 2 && (variable + 1..rounds).all(|later| digit(target, later) < 2) {
                    let (first, second, rule) = rule(&nodes, at);
                    let place = |digit: usize| target - (at - digit) * unit;
                    steps.push(Step { target, first: place(first), second: place(second), rule });
                }
            }
        }
        let boolean = |bits: usize| (0..rounds).map(|j| (bits >> j & 1) * side.pow(j)).sum();
        Self {
            booleans: (0..1 << rounds).map(boolean).collect(),
            infinite: (0..points)
                .map(|point| (0..rounds).any(|j| nodes[digit(point, j)] == Node::Infinity))
                .collect(),
            nodes,
            rounds,
            steps,
        }
    }

    /// ω.
    pub fn rounds(&self) -> u32 {
        self.rounds
    }

    /// How many points there are.
    pub fn points(&self) -> usize {
        self.infinite.len()
    }

    /// The points of {0,1}^ω, in order.
    pub fn booleans(&self) -> &[usize] {
        &self.booleans
    }

    /// Whether a point has a node at infinity: there a product has a value only if it is of full degree.
    pub fn is_infinite(&self, point: usize) -> bool {
        self.infinite[point]
    }

    /// Extends a multilinear polynomial from {0,1}^ω to the grid: `values` holds `lanes` polynomials side by side, point
    /// by point, of which the boolean ones are given.
    pub(super) fn extend<V: Copy>(&self, values: &mut [V], lanes: usize, follow: impl Fn(Rule, V, V) -> V) {
        for step in &self.steps {
            let (known, rest) = values.split_at_mut(step.target * lanes);
            let first = &known[step.first * lanes..][..lanes];
            let second = &known[step.second * lanes..][..lanes];
            for ((value, first), second) in rest[..lanes].iter_mut().zip(first).zip(second) {
                *value = follow(step.rule, *first, *second);
            }
        }
    }
}

/// How the value at node `at` follows from those at two nodes before it, by their places.
fn rule(nodes: &[Node], at: usize) -> (usize, usize, Rule) {
    let before = |node: i64| nodes[..at].iter().position(|known| *known == Node::At(node));
    let slope = nodes[..at].iter().position(|known| *known == Node::Infinity);
    match (nodes[at], slope) {
        (Node::At(node), Some(slope)) if node < 0 => before(node + 1).map(|above| (above, slope, Rule::Down)),
        (Node::At(node), Some(slope)) => before(node - 1).map(|below| (below, slope, Rule::Up)),
        _ => None,
    }
    .unwrap_or((0, 1, Rule::Through(nodes[at])))
}

/// The values of a polynomial on a grid, of which challenges take one variable after the other.
#[derive(Clone, Debug)]
pub(super) struct GridValues<F> {
    nodes: Vec<Node>,
    values: Vec<F>,
}

impl<F: SumcheckField> GridValues<F> {
    pub(super) fn new(grid: &Grid, values: Vec<F>) -> Self {
        Self { nodes: grid.nodes.clone(), values }
    }

    /// The coefficients of Σ_b weights[b] · p(X, b) over the other variables in {0,1}, with the weights in the order of b.
    pub(super) fn message(&self, weights: &[F]) -> Vec<F> {
        let side = self.nodes.len();
        let mut samples: Vec<(Node, F)> = self.nodes.iter().map(|node| (*node, F::ZERO)).collect();
        for (bits, weight) in weights.iter().enumerate() {
            let mut at = 0;
            let mut unit = side;
            for j in 0..weights.len().trailing_zeros() {
                at += (bits >> j & 1) * unit;
                unit *= side;
            }
            for ((_, sample), value) in samples.iter_mut().zip(&self.values[at..]) {
                *sample += *weight * value;
            }
        }
        interpolate(&samples)
    }

    /// How many points the variables after the next one have in {0,1}.
    pub(super) fn others(&self) -> usize {
        let mut left = self.values.len() / self.nodes.len();
        let mut others = 1;
        while left > 1 {
            left /= self.nodes.len();
            others *= 2;
        }
        others
    }

    /// p(challenge, …).
    pub(super) fn bind(&mut self, challenge: F) {
        let unit = |i: usize| {
            let sample = |(j, node): (usize, &Node)| (*node, if i == j { F::ONE } else { F::ZERO });
            super::round::evaluate(
                &interpolate(&self.nodes.iter().enumerate().map(sample).collect::<Vec<_>>()),
                challenge,
            )
        };
        let weights: Vec<F> = (0..self.nodes.len()).map(unit).collect();
        self.values = self.values.chunks(weights.len()).map(|line| F::dot(&weights, line)).collect();
    }
}

#[cfg(test)]
mod tests {
    use ark_ff::{AdditiveGroup, Field};

    use super::*;
    use crate::field::tests::Goldilocks as F;
    use crate::sumcheck::round::evaluate;

    /// p(x) = Π_i (aᵢ + Σ_j b_ij x_j + c_i x₀x₁…) from multilinear factors with known values on {0,1}^ω.
    #[test]
    fn messages_are_those_of_a_product_of_multilinear_polynomials() {
        for (degree, infinity) in
            [(1, true), (2, true), (2, false), (3, true), (4, false), (4, true), (5, true)]
        {
            for rounds in 1..=3u32 {
                let grid = Grid::new(degree, rounds, infinity);
                let factor = |f: usize, b: usize| F::from((f * 31 + b * b * 7 + 3) as u64).pow([5]);
                let mut product = vec![F::ONE; grid.points()];
                for f in 0..degree {
                    let mut values = vec![F::ZERO; grid.points()];
                    grid.booleans().iter().enumerate().for_each(|(b, at)| values[*at] = factor(f, b));
                    grid.extend(&mut values, 1, Rule::elements);
                    product.iter_mut().zip(values).for_each(|(product, value)| *product *= value);
                }
                let mut values = GridValues::new(&grid, product);
                let mut point: Vec<F> = Vec::new();
                for round in 0..rounds {
                    let others = 1usize << (rounds - round - 1);
                    let weights: Vec<F> = (0..others).map(|b| F::from((b * 5 + 2) as u64)).collect();
                    let message = values.message(&weights);
                    for at in 0..=degree as u64 + 1 {
                        let brute = (0..others).map(|b| {
                            let mut x = point.clone();
                            x.push(F::from(at));
                            x.extend((0..rounds - round - 1).map(|j| F::from((b >> j & 1) as u64)));
                            let table = crate::oracle::EqTable::new(&x);
                            let value =
                                |f| (0..1 << rounds).map(|b| table.at(b as u64) * factor(f, b)).sum::<F>();
                            weights[b] * (0..degree).map(value).product::<F>()
                        });
                        assert_eq!(evaluate(&message, F::from(at)), brute.sum::<F>());
                    }
                    let challenge = F::from(1000 + u64::from(round)).pow([3]);
                    values.bind(challenge);
                    point.push(challenge);
                }
            }
        }
    }
}
