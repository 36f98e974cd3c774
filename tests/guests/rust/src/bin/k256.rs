//! Signs a message by ECDSA over secp256k1, prints the signature, and verifies it.
//!
//! RFC 6979 leaves nothing to chance, so that key and message determine the signature. Exits with code 1 if it does
//! not verify, and with 2 if it also verifies for another message.
#![no_std]
#![no_main]

use k256::ecdsa::signature::{Signer, Verifier};
use k256::ecdsa::{Signature, SigningKey, VerifyingKey};
use rust_guests::{main, println};

main!(sign);

fn sign() -> u32 {
    let mut scalar = [0; 32];
    scalar[31] = 1;
    let key = SigningKey::from_bytes(&scalar.into()).expect("1 is a key");
    let message = b"Satoshi Nakamoto";
    let signature: Signature = key.sign(message);
    println!("{signature:x}");
    let public = VerifyingKey::from(&key);
    if public.verify(message, &signature).is_err() {
        return 1;
    }
    if public.verify(b"Satoshi Nakamotp", &signature).is_ok() {
        return 2;
    }
    0
}
