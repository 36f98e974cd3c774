//! Round polynomials: where they are sampled, and how their coefficients come from the samples.

use crate::field::SumcheckField;

/// Where a polynomial in one variable is sampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Node {
    /// At this integer.
    At(i64),
    /// "At infinity": the leading coefficient, which a product of linear polynomials has as the product of slopes.
    Infinity,
}

impl Node {
    /// The value here of the linear polynomial through `even` at 0 and `odd` at 1.
    #[inline]
    pub fn line<F: SumcheckField>(self, even: F, odd: F) -> F {
        match self {
            Self::At(0) => even,
            Self::At(1) => odd,
            Self::At(-1) => even.minus(&odd.minus(&even)),
            Self::At(2) => odd.plus(&odd.minus(&even)),
            Self::At(at) => even.plus(&odd.minus(&even).mul_i64(at)),
            Self::Infinity => odd.minus(&even),
        }
    }

    /// The same on integers; wraps where the caller's bounds do not hold.
    #[inline]
    pub fn line_i64(self, even: i64, odd: i64) -> i64 {
        match self {
            Self::At(at) => even.wrapping_add(odd.wrapping_sub(even).wrapping_mul(at)),
            Self::Infinity => odd.wrapping_sub(even),
        }
    }

    /// How much larger than `even` and `odd` the values here may be.
    pub(crate) fn growth(self) -> u128 {
        match self {
            Self::At(at) => u128::from(at.unsigned_abs()) + u128::from((1 - at).unsigned_abs()),
            Self::Infinity => 2,
        }
    }
}

/// degree + 1 nodes, those that cost least first: 1, 0, infinity if it can be had, −1, 2, −2, …
pub fn nodes(degree: usize, infinity: bool) -> Vec<Node> {
    let mut nodes = vec![Node::At(1), Node::At(0)];
    if infinity && degree >= 2 {
        nodes.push(Node::Infinity);
    }
    for at in 1.. {
        if nodes.len() > degree {
            break;
        }
        nodes.extend([Node::At(-at), Node::At(at + 1)]);
    }
    nodes.truncate(degree + 1);
    nodes
}

/// The coefficients, from the constant up, of the polynomial of degree `samples` − 1 with these values. The nodes are
/// distinct. O(degree³).
pub(crate) fn interpolate<F: SumcheckField>(samples: &[(Node, F)]) -> Vec<F> {
    let mut coefficients = vec![F::ZERO; samples.len()];
    let leading = samples.iter().find(|(node, _)| *node == Node::Infinity).map_or(F::ZERO, |sample| sample.1);
    let finite: Vec<(F, F)> = samples
        .iter()
        .filter_map(|(node, value)| match node {
            Node::At(at) => Some((F::from(*at), *value)),
            Node::Infinity => None,
        })
        .collect();
    let degree = samples.len().saturating_sub(1);
    for (i, (at, value)) in finite.iter().enumerate() {
        let mut basis = vec![F::ONE];
        let mut scale = F::ONE;
        for (_, (other, _)) in finite.iter().enumerate().filter(|(j, _)| *j != i) {
            basis = multiply(&basis, -*other, F::ONE);
            scale *= *at - other;
        }
        let weight = (*value - leading * at.pow([degree as u64])) * scale.inverse().unwrap_or(F::ZERO);
        for (coefficient, basis) in coefficients.iter_mut().zip(&basis) {
            *coefficient += weight * basis;
        }
    }
    if let Some(last) = coefficients.last_mut() {
        *last += leading;
    }
    coefficients
}

/// polynomial · (constant + slope·X).
pub(crate) fn multiply<F: SumcheckField>(polynomial: &[F], constant: F, slope: F) -> Vec<F> {
    let mut product = vec![F::ZERO; polynomial.len() + 1];
    for (i, coefficient) in polynomial.iter().enumerate() {
        product[i] += *coefficient * constant;
        product[i + 1] += *coefficient * slope;
    }
    product
}

/// The polynomial's value. O(degree).
pub(crate) fn evaluate<F: SumcheckField>(coefficients: &[F], at: F) -> F {
    coefficients.iter().rfold(F::ZERO, |value, coefficient| value * at + coefficient)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::tests::Goldilocks as F;

    #[test]
    fn samples_give_back_the_polynomial() {
        for degree in 1..7 {
            for infinity in [false, true] {
                let coefficients: Vec<F> =
                    (0..=degree).map(|i| F::from((i * i + 7 * i + 3) as u64)).collect();
                let nodes = nodes(degree, infinity);
                assert_eq!(nodes.len(), degree + 1);
                let sample = |node: &Node| match node {
                    Node::At(at) => (*node, evaluate(&coefficients, F::from(*at))),
                    Node::Infinity => (*node, coefficients[degree]),
                };
                assert_eq!(interpolate(&nodes.iter().map(sample).collect::<Vec<_>>()), coefficients);
            }
        }
    }

    #[test]
    fn lines_agree_on_integers_and_elements() {
        for node in nodes(6, true) {
            let value = node.line_i64(-5, 9);
            assert_eq!(node.line(F::from(-5i64), F::from(9i64)), F::from(value));
            assert!(value.unsigned_abs() as u128 <= 9 * node.growth());
        }
    }
}
