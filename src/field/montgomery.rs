//! Delayed reduction for ark's prime fields in Montgomery form.
//!
//! A sum Σ aᵢ·vᵢ is taken over the raw limbs of the aᵢ, in one 128-bit lane a limb: no carries between lanes, no
//! reduction. The result X is reduced once. With p between 2^B and 2^(B+1), the quotient by p is estimated from
//! X div 2^B and a 64-bit reciprocal to within 2 (Barrett); what is left is a raw Montgomery representation.

use ark_ff::{AdditiveGroup, BigInt, Fp, MontBackend, MontConfig, PrimeField};

use super::SumcheckField;
use crate::isa::Word;

/// Values below 2^48 in magnitude times limbs below 2^64 leave a signed lane room for 2^14 terms and a carry.
const PIECE_BITS: u32 = 48;

/// What makes values below it in magnitude positive, and below 2^[`PIECE_BITS`].
const BIAS: i64 = 1 << (PIECE_BITS - 1);

/// How many terms go into the lanes before a reduction. Far beyond the point where its cost disappears.
const MAX_TERMS: usize = 1 << 13;

impl<T: MontConfig<N>, const N: usize> SumcheckField for Fp<MontBackend<T, N>, N> {
    #[inline]
    fn dot_words(weights: &[Self], cells: &[Word]) -> Self {
        let mut sum = Self::ZERO;
        for (weights, cells) in weights.chunks(MAX_TERMS).zip(cells.chunks(MAX_TERMS)) {
            let mut lanes = [0u128; N];
            for (weight, cell) in weights.iter().zip(cells) {
                for (lane, limb) in lanes.iter_mut().zip(&weight.0.0) {
                    *lane += u128::from(*limb) * u128::from(*cell);
                }
            }
            sum += reduce_lanes::<T, N>(lanes.map(u128::cast_signed));
        }
        sum
    }

    #[inline]
    fn dot_signed_words(weights: &[Self], cells: &[Word]) -> Self {
        let mut sum = Self::ZERO;
        for (weights, cells) in weights.chunks(MAX_TERMS).zip(cells.chunks(MAX_TERMS)) {
            sum += lanes::<T, N>(weights, cells.iter().map(|cell| i64::from(cell.cast_signed())));
        }
        sum
    }

    /// Every value is moved up by `BIAS` to be no longer negative, which saves the sign's share of each product; what
    /// that adds is the same for all rows.
    #[inline]
    fn dot_rows(weights: &[Self], rows: &[i64], stride: usize, sums: &mut [Self]) {
        let mut totals = [0i128; N];
        for weight in weights.iter().take(stride) {
            totals.iter_mut().zip(&weight.0.0).for_each(|(total, limb)| *total += i128::from(*limb));
        }
        let biased = totals.map(|total| total * i128::from(BIAS));
        for (sum, row) in sums.iter_mut().zip(rows.chunks(stride.max(1))) {
            let row = &row[..row.len().min(weights.len())];
            let magnitude = row.iter().fold(0, |all, value| all | (value ^ (value >> 63)));
            *sum += if magnitude == 0 && !row.contains(&-1) {
                continue;
            } else if magnitude < BIAS && row.len() <= MAX_TERMS {
                let mut lanes = biased.map(|lane| -lane);
                for (weight, value) in weights.iter().zip(row) {
                    let value = value.wrapping_add(BIAS).cast_unsigned();
                    for (lane, limb) in lanes.iter_mut().zip(&weight.0.0) {
                        *lane += (u128::from(*limb) * u128::from(value)).cast_signed();
                    }
                }
                reduce_lanes(lanes)
            } else {
                Self::dot_i64(weights, row)
            };
        }
    }

    #[inline]
    fn dot_i64(weights: &[Self], values: &[i64]) -> Self {
        let mut sum = Self::ZERO;
        for (weights, values) in weights.chunks(MAX_TERMS).zip(values.chunks(MAX_TERMS)) {
            let magnitude = values.iter().fold(0, |all, value| all | (value ^ (value >> 63)));
            sum += if magnitude == 0 && !values.contains(&-1) {
                Self::ZERO
            } else if magnitude >> PIECE_BITS == 0 {
                lanes::<T, N>(weights, values.iter().copied())
            } else {
                let high = lanes::<T, N>(weights, values.iter().map(|value| value >> PIECE_BITS));
                let low = lanes::<T, N>(weights, values.iter().map(|value| value & ((1 << PIECE_BITS) - 1)));
                low + high.mul_i64(1 << PIECE_BITS)
            };
        }
        sum
    }

    #[inline]
    fn dot_i128(weights: &[Self], values: &[i128]) -> Self {
        let mut sum = Self::ZERO;
        for (weights, values) in weights.chunks(MAX_TERMS).zip(values.chunks(MAX_TERMS)) {
            let magnitude = values.iter().fold(0, |all, value| all | (value ^ (value >> 127)));
            let pieces = 1 + (127 - magnitude.leading_zeros().min(127)) / PIECE_BITS;
            let mut total = Self::ZERO;
            for piece in (0..pieces).rev() {
                let shift = piece * PIECE_BITS;
                let part = if piece + 1 == pieces {
                    lanes::<T, N>(weights, values.iter().map(|value| (value >> shift) as i64))
                } else {
                    let mask = (1 << PIECE_BITS) - 1;
                    lanes::<T, N>(weights, values.iter().map(|value| (value >> shift) as i64 & mask))
                };
                total = total.mul_i64(1 << PIECE_BITS) + part;
            }
            sum += total;
        }
        sum
    }

    #[inline]
    fn inner_product<'a>(count: usize, pair: impl Fn(usize) -> (&'a Self, &'a Self)) -> Self {
        if count == 1 {
            return *pair(0).0 * pair(0).1;
        }
        let mut sum = Wide { low: [0; N], high: [0; N], top: 0 };
        for i in 0..count {
            let (a, b) = pair(i);
            sum.add_product(&a.0.0, &b.0.0);
        }
        sum.reduce::<T>()
    }

    #[inline]
    fn extend_from_words(elements: &mut Vec<Self>, cells: &[Word]) {
        elements.extend(cells.iter().map(|cell| times(&Self::R.0, u64::from(*cell))));
    }

    #[inline]
    fn extend_from_signed_words(elements: &mut Vec<Self>, cells: &[Word]) {
        // Moved up to be no longer negative: the sign of a cell is a coin toss, too.
        let bias: Word = 1 << (Word::BITS - 1);
        let moved = times::<T, N>(&Self::R.0, u64::from(bias));
        elements.extend(
            cells
                .iter()
                .map(|cell| times::<T, N>(&Self::R.0, u64::from(cell.wrapping_add(bias))).minus(&moved)),
        );
    }

    // ark's own sums branch on whether p must be subtracted, which is a coin toss for random elements: a misprediction
    // costs more than the sum.
    #[inline(always)]
    fn plus(&self, other: &Self) -> Self {
        let mut carry = false;
        let mut sum = self.0.0;
        for (sum, limb) in sum.iter_mut().zip(&other.0.0) {
            (*sum, carry) = sum.adding(*limb, carry);
        }
        // With a bit to spare nothing is carried out.
        let top = u64::from(carry && T::MODULUS.0[N - 1] >> 63 == 1);
        let (sum, _) = subtract_if_above::<T, N>(sum, top);
        Fp::new_unchecked(BigInt(sum))
    }

    #[inline(always)]
    fn minus(&self, other: &Self) -> Self {
        let mut borrow = false;
        let mut difference = self.0.0;
        for (difference, limb) in difference.iter_mut().zip(&other.0.0) {
            (*difference, borrow) = difference.borrowing(*limb, borrow);
        }
        let mask = u64::from(borrow).wrapping_neg();
        let mut carry = false;
        for (difference, modulus) in difference.iter_mut().zip(&T::MODULUS.0) {
            (*difference, carry) = difference.adding(*modulus & mask, carry);
        }
        Fp::new_unchecked(BigInt(difference))
    }

    #[inline]
    fn mul_i64(&self, value: i64) -> Self {
        let product = times(&self.0.0, value.unsigned_abs());
        if value < 0 { -product } else { product }
    }
}

/// A sum of up to 2^63 products of raw representations: 2N limbs in two halves, and what leaves them.
struct Wide<const N: usize> {
    low: [u64; N],
    high: [u64; N],
    top: u64,
}

impl<const N: usize> Wide<N> {
    /// Adds a·b, a row at a time; what a row carries out waits for the next, whose top limb it belongs to.
    #[inline(always)]
    fn add_product(&mut self, a: &[u64; N], b: &[u64; N]) {
        let mut over = 0u128;
        for (i, factor) in a.iter().enumerate() {
            over = self.add_row(i, *factor, b, over);
        }
        self.top += over as u64;
    }

    /// Adds factor · b · 2^(64i), and `over` at limb i + N; returns what leaves that limb.
    #[inline(always)]
    fn add_row(&mut self, i: usize, factor: u64, b: &[u64; N], over: u128) -> u128 {
        let mut carry = 0u128;
        for (j, b) in b.iter().enumerate() {
            let limb = if i + j < N { &mut self.low[i + j] } else { &mut self.high[i + j - N] };
            carry += u128::from(*limb) + u128::from(factor) * u128::from(*b);
            *limb = carry as u64;
            carry >>= 64;
        }
        carry += u128::from(self.high[i]) + over;
        self.high[i] = carry as u64;
        carry >> 64
    }

    /// Montgomery's reduction: the sum divided by 2^(64N) modulo p.
    #[inline(always)]
    fn reduce<T: MontConfig<N>>(mut self) -> Fp<MontBackend<T, N>, N> {
        let mut over = 0u128;
        for i in 0..N {
            over = self.add_row(i, self.low[i].wrapping_mul(T::INV), &T::MODULUS.0, over);
        }
        reduce(self.high, u128::from(self.top) + over)
    }
}

/// Σ weightsᵢ·valuesᵢ for at most [`MAX_TERMS`] values within ±2^[`PIECE_BITS`].
#[inline]
fn lanes<T: MontConfig<N>, const N: usize>(
    weights: &[Fp<MontBackend<T, N>, N>],
    values: impl Iterator<Item = i64>,
) -> Fp<MontBackend<T, N>, N> {
    let mut lanes = [0i128; N];
    for (weight, value) in weights.iter().zip(values) {
        let sign = (value >> 63).cast_unsigned();
        let low = u128::from(value.cast_unsigned());
        for (lane, limb) in lanes.iter_mut().zip(&weight.0.0) {
            let product = u128::from(*limb) * low;
            *lane += product.wrapping_sub(u128::from(*limb & sign) << 64).cast_signed();
        }
    }
    reduce_lanes(lanes)
}

/// The element whose raw representation is limbs · factor mod p.
#[inline(always)]
fn times<T: MontConfig<N>, const N: usize>(limbs: &[u64; N], factor: u64) -> Fp<MontBackend<T, N>, N> {
    let mut carry = 0u128;
    let mut product = *limbs;
    for limb in &mut product {
        carry += u128::from(*limb) * u128::from(factor);
        *limb = carry as u64;
        carry >>= 64;
    }
    reduce(product, carry)
}

/// The element whose raw representation is Σ lanesⱼ·2^(64j) mod p, for lanes within ±2^126.
#[inline]
fn reduce_lanes<T: MontConfig<N>, const N: usize>(lanes: [i128; N]) -> Fp<MontBackend<T, N>, N> {
    let mut limbs = [0u64; N];
    let mut top = 0i128;
    for (limb, lane) in limbs.iter_mut().zip(lanes) {
        top += lane;
        *limb = top as u64;
        top >>= 64;
    }
    if top >= 0 {
        return reduce(limbs, top.cast_unsigned());
    }
    let mut carry = true;
    for limb in &mut limbs {
        (*limb, carry) = (!*limb).overflowing_add(u64::from(carry));
    }
    -reduce::<T, N>(limbs, (!top + i128::from(carry)).cast_unsigned())
}

/// The element whose raw representation is limbs + top·2^(64N) mod p, for top ≤ 2^64.
#[inline]
fn reduce<T: MontConfig<N>, const N: usize>(mut limbs: [u64; N], top: u128) -> Fp<MontBackend<T, N>, N> {
    let shift = Modulus::<T, N>::TOP_SHIFT;
    let high = (top << (64 - shift)) | u128::from(limbs[N - 1] >> shift);
    if high >> 64 != 0 {
        limbs[N - 1] &= (1 << shift) - 1;
        let low = Fp::<MontBackend<T, N>, N>::new_unchecked(BigInt(limbs));
        return low + Fp::from(high) * Modulus::<T, N>::POWER;
    }
    let quotient = (high * u128::from(Modulus::<T, N>::RECIPROCAL)) >> 64;
    let mut top = top as u64;
    let mut product = 0u128;
    let mut borrow = false;
    for (limb, modulus) in limbs.iter_mut().zip(&T::MODULUS.0) {
        product += quotient * u128::from(*modulus);
        (*limb, borrow) = limb.borrowing(product as u64, borrow);
        product >>= 64;
    }
    (top, _) = top.borrowing(product as u64, borrow);
    // The estimate is short by at most 2.
    (limbs, top) = subtract_if_above::<T, N>(limbs, top);
    (limbs, _) = subtract_if_above::<T, N>(limbs, top);
    Fp::new_unchecked(BigInt(limbs))
}

/// limbs + top·2^(64N), less p if it is not below p; without a branch.
#[inline(always)]
fn subtract_if_above<T: MontConfig<N>, const N: usize>(limbs: [u64; N], top: u64) -> ([u64; N], u64) {
    let (mut difference, borrow) = Modulus::<T, N>::subtract(limbs);
    let (rest, below) = top.overflowing_sub(u64::from(borrow));
    let keep = u64::from(below).wrapping_neg();
    for (difference, limb) in difference.iter_mut().zip(limbs) {
        *difference = (limb & keep) | (*difference & !keep);
    }
    (difference, (top & keep) | (rest & !keep))
}

trait Carrying: Sized {
    fn adding(self, other: Self, carry: bool) -> (Self, bool);
    fn borrowing(self, other: Self, borrow: bool) -> (Self, bool);
}

impl Carrying for u64 {
    #[inline(always)]
    fn adding(self, other: Self, carry: bool) -> (Self, bool) {
        let (sum, first) = self.overflowing_add(other);
        let (sum, second) = sum.overflowing_add(Self::from(carry));
        (sum, first | second)
    }

    #[inline(always)]
    fn borrowing(self, other: Self, borrow: bool) -> (Self, bool) {
        let (difference, first) = self.overflowing_sub(other);
        let (difference, second) = difference.overflowing_sub(Self::from(borrow));
        (difference, first | second)
    }
}

/// What the reduction needs to know of p, computed at compile time. 2^B < p < 2^(B+1), and B lies in the last limb.
struct Modulus<T, const N: usize>(core::marker::PhantomData<T>);

impl<T: MontConfig<N>, const N: usize> Modulus<T, N> {
    const B: u32 = Fp::<MontBackend<T, N>, N>::MODULUS_BIT_SIZE - 1;

    const TOP_SHIFT: u32 = Self::B - 64 * (N as u32 - 1);

    /// The element whose raw representation is 2^B.
    const POWER: Fp<MontBackend<T, N>, N> = Fp::new_unchecked(Self::power());

    /// ⌊2^(64+B) / p⌋.
    const RECIPROCAL: u64 = {
        let mut remainder = Self::power().0;
        let mut quotient = 0u64;
        let mut bit = 0;
        while bit < 64 {
            let overflow = remainder[N - 1] >> 63 != 0;
            let mut i = N - 1;
            while i > 0 {
                remainder[i] = (remainder[i] << 1) | (remainder[i - 1] >> 63);
                i -= 1;
            }
            remainder[0] <<= 1;
            quotient <<= 1;
            let (difference, borrow) = Self::subtract(remainder);
            if overflow || !borrow {
                remainder = difference;
                quotient |= 1;
            }
            bit += 1;
        }
        quotient
    };

    const fn power() -> BigInt<N> {
        let mut limbs = [0u64; N];
        limbs[N - 1] = 1 << Self::TOP_SHIFT;
        BigInt(limbs)
    }

    #[inline(always)]
    const fn subtract(mut limbs: [u64; N]) -> ([u64; N], bool) {
        let mut borrow = false;
        let mut i = 0;
        while i < N {
            let (difference, first) = limbs[i].overflowing_sub(T::MODULUS.0[i]);
            let (difference, second) = difference.overflowing_sub(borrow as u64);
            limbs[i] = difference;
            borrow = first | second;
            i += 1;
        }
        (limbs, borrow)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use ark_bn254::Fr;
    use ark_ff::{Field, Fp64, Zero};
    use proptest::prelude::*;

    use super::*;

    #[derive(ark_ff::MontConfig)]
    #[modulus = "18446744069414584321"]
    #[generator = "7"]
    pub(crate) struct GoldilocksConfig;
    /// p = 2^64 − 2^32 + 1: no spare bit.
    pub(crate) type Goldilocks = Fp64<MontBackend<GoldilocksConfig, 1>>;

    pub(crate) struct Goldilocks2Config;

    impl ark_ff::Fp2Config for Goldilocks2Config {
        type Fp = Goldilocks;
        /// A generator, and so no square.
        const NONRESIDUE: Goldilocks = ark_ff::MontFp!("7");
        const FROBENIUS_COEFF_FP2_C1: &'static [Goldilocks] = &[ark_ff::MontFp!("1"), ark_ff::MontFp!("-1")];
    }
    /// 128 bits: large enough for challenges.
    pub(crate) type Goldilocks2 = ark_ff::Fp2<Goldilocks2Config>;

    #[derive(ark_ff::MontConfig)]
    #[modulus = "2013265921"]
    #[generator = "31"]
    pub(crate) struct BabyBearConfig;
    /// 33 spare bits.
    pub(crate) type BabyBear = Fp64<MontBackend<BabyBearConfig, 1>>;

    /// A field that takes the trait's defaults.
    fn naive<F: Field + From<V>, V: Copy>(weights: &[F], values: &[V]) -> F {
        weights.iter().zip(values).map(|(weight, value)| *weight * F::from(*value)).sum()
    }

    fn check<F: SumcheckField>(weights: &[F], values: &[i128]) {
        let words: Vec<u32> = values.iter().map(|value| *value as u32).collect();
        let signed: Vec<i32> = words.iter().map(|word| *word as i32).collect();
        let longs: Vec<i64> = values.iter().map(|value| *value as i64).collect();
        assert_eq!(F::dot_words(weights, &words), naive(weights, &words));
        assert_eq!(F::dot_signed_words(weights, &words), naive(weights, &signed));
        assert_eq!(F::dot_i64(weights, &longs), naive(weights, &longs));
        assert_eq!(F::dot_i128(weights, values), naive(weights, values));
        let mut converted = vec![F::ONE];
        F::extend_from_words(&mut converted, &words);
        F::extend_from_signed_words(&mut converted, &words);
        let elements =
            words.iter().map(|word| F::from(*word)).chain(signed.iter().map(|word| F::from(*word)));
        assert!(converted.into_iter().eq([F::ONE].into_iter().chain(elements)));
        let mut sums = [F::ONE, F::ZERO];
        let small: Vec<i64> = longs.iter().map(|value| value >> 20).collect();
        let stride = longs.len() + 2;
        F::dot_rows(weights, &[longs.as_slice(), &[7, 7], &small].concat(), stride, &mut sums);
        assert_eq!(sums, [F::ONE + naive(weights, &longs), naive(weights, &small)]);
        for (weight, value) in weights.iter().zip(&longs) {
            assert_eq!(weight.mul_i64(*value), *weight * F::from(*value));
        }
        let elements: Vec<F> = values.iter().map(|value| F::from(*value)).collect();
        for (a, b) in weights.iter().take(20).flat_map(|a| elements.iter().take(20).map(move |b| (a, b))) {
            assert_eq!((a.plus(b), a.minus(b), b.minus(a)), (*a + b, *a - b, *b - a));
            assert_eq!((a.plus(a), a.plus(&-*a), a.minus(a)), (a.double(), F::ZERO, F::ZERO));
        }
        let product = |(a, b): (&F, &F)| *a * b;
        assert_eq!(F::dot(weights, &elements), weights.iter().zip(&elements).map(product).sum());
        assert_eq!(F::dot(weights, weights), weights.iter().zip(weights).map(product).sum());
    }

    fn edges<T: MontConfig<N>, const N: usize>() -> Vec<Fp<MontBackend<T, N>, N>> {
        let mut top = T::MODULUS;
        top.0[0] -= 1;
        let power = Modulus::<T, N>::power();
        let mut edges: Vec<_> = [top, power].map(Fp::new_unchecked).into();
        edges.extend([0i64, 1, -1, 2, -2, 1 << 32, (1 << 32) - 1].map(Fp::from));
        edges
    }

    fn check_edges<T: MontConfig<N>, const N: usize>() {
        let values = [
            0,
            1,
            -1,
            2,
            1 << 31,
            (1 << 32) - 1,
            1 << 32,
            (1 << 48) - 1,
            1 << 48,
            -(1 << 48),
            1 << 63,
            i128::from(i64::MAX),
            i128::from(i64::MIN),
            (1 << 96) - 1,
            -(1 << 96),
            i128::MAX,
            i128::MIN,
        ];
        for edge in edges::<T, N>() {
            for value in values {
                check(&[edge], &[value]);
                check(&[edge; 5], &[value; 5]);
            }
            check(&vec![edge; values.len()], &values);
        }
        let many = vec![edges::<T, N>()[0]; MAX_TERMS + 3];
        for value in [i128::from(u32::MAX), (1 << 48) - 1, -(1 << 48), i128::MAX, i128::MIN, -1] {
            check(&many, &vec![value; many.len()]);
        }
    }

    #[test]
    fn edge_values() {
        check_edges::<ark_bn254::FrConfig, 4>();
        check_edges::<GoldilocksConfig, 1>();
        check_edges::<BabyBearConfig, 1>();
    }

    fn check_reduction<T: MontConfig<N>, const N: usize>() {
        let raw = |limbs| Fp::<MontBackend<T, N>, N>::new_unchecked(BigInt(limbs));
        let mut below = T::MODULUS.0;
        below[0] -= 1;
        // The element whose raw representation is 2^64 times another one's.
        let shifted = |element: Fp<MontBackend<T, N>, N>| element.mul_i64(1 << 32).mul_i64(1 << 32);
        for limbs in [[0; N], Modulus::<T, N>::power().0, below] {
            for top in (0..=64).map(|bits| 1u128 << bits).flat_map(|top| [0, top - 1, top]) {
                // top·2^(64N), by the limb below the top one.
                let mut unit = [0; N];
                unit[N - 1] = 1;
                let unit = if N == 1 { raw([1; N]) } else { raw(unit) };
                let expected = raw(limbs) + shifted(unit) * Fp::from(top);
                assert_eq!(reduce::<T, N>(limbs, top), expected, "{limbs:?} and {top} · 2^(64 · {N})");
            }
        }
    }

    /// Up to the greatest top, which no sum here reaches.
    #[test]
    fn every_top_is_reduced() {
        check_reduction::<ark_bn254::FrConfig, 4>();
        check_reduction::<GoldilocksConfig, 1>();
        check_reduction::<BabyBearConfig, 1>();
    }

    proptest! {
        #[test]
        fn random_values(
            pairs in prop::collection::vec((any::<[u64; 4]>(), any::<i128>(), 0u32..127), 0..150),
        ) {
            let values: Vec<i128> = pairs.iter().map(|(_, value, shift)| value >> shift).collect();
            fn weights<F: PrimeField>(pairs: &[([u64; 4], i128, u32)]) -> Vec<F> {
                pairs.iter().map(|(limbs, ..)| {
                    let bytes: Vec<u8> = limbs.iter().flat_map(|limb| limb.to_le_bytes()).collect();
                    F::from_le_bytes_mod_order(&bytes)
                }).collect()
            }
            let coordinates = weights::<Goldilocks>(&pairs);
            let extended: Vec<Goldilocks2> =
                coordinates.iter().zip(coordinates.iter().rev()).map(|(a, b)| Goldilocks2::new(*a, *b)).collect();
            check::<Goldilocks2>(&extended, &values);
            check::<Fr>(&weights(&pairs), &values);
            check::<Goldilocks>(&weights(&pairs), &values);
            check::<BabyBear>(&weights(&pairs), &values);
        }
    }

    #[test]
    fn products_of_a_field_without_a_spare_bit_are_right() {
        let p = u128::from(GoldilocksConfig::MODULUS.0[0]);
        for a in (0..2000u128).map(|i| p - 1 - i * i * 12_345_678_901 % p) {
            let b = a * 3 % p;
            assert_eq!(Goldilocks::from(a) * Goldilocks::from(b), Goldilocks::from(a * b % p));
        }
        assert!((Goldilocks::from(p - 1) + Goldilocks::from(1u64)).is_zero());
    }
}
