//! The examples, run: each ends with an error if what it shows does not hold.

#[path = "../../examples/ark_poly_prover.rs"]
mod ark_poly_prover;
#[path = "../../examples/oracle_alone.rs"]
mod oracle_alone;
#[path = "../../examples/prove_and_verify.rs"]
mod prove_and_verify;
#[path = "../../examples/sumcheck_alone.rs"]
mod sumcheck_alone;

type Outcome = Result<(), Box<dyn std::error::Error>>;

#[test]
fn a_prover_of_ones_own_over_the_oracle() -> Outcome {
    oracle_alone::main()
}

#[test]
fn the_sum_check_over_an_oracle_of_ones_own() -> Outcome {
    sumcheck_alone::main()
}

#[test]
fn both_together() -> Outcome {
    prove_and_verify::main()
}

#[test]
fn a_prover_on_ark_poly_over_the_oracle() -> Outcome {
    ark_poly_prover::main()
}
