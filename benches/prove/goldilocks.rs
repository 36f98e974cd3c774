//! The quadratic extension of the field of p = 2^64 − 2^32 + 1: 2^128 elements.

use ark_ff::{Fp2, Fp2Config, Fp64, MontBackend, MontConfig, MontFp};

#[derive(MontConfig)]
#[modulus = "18446744069414584321"]
#[generator = "7"]
pub(super) struct Config;

type Base = Fp64<MontBackend<Config, 1>>;

pub(super) struct Quadratic;

impl Fp2Config for Quadratic {
    type Fp = Base;
    const NONRESIDUE: Base = MontFp!("7");
    const FROBENIUS_COEFF_FP2_C1: &'static [Base] = &[MontFp!("1"), MontFp!("-1")];
}

/// The field of the challenges; cells are in its base field.
pub(super) type Extension = Fp2<Quadratic>;
