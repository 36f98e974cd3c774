//! Writes a thousand orders as JSON, prints the text's length and hash, and reads it again.
//!
//! Exits with code 1 if the orders that it reads differ from those that it wrote, and with 2 if the text, read as a
//! tree of values, has something else in one place.
#![no_std]
#![no_main]

extern crate alloc;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use rust_guests::{main, println};
use serde::{Deserialize, Serialize};
use serde_json::Value;

main!(orders);

#[derive(Serialize, Deserialize, PartialEq)]
struct Order {
    id: u32,
    customer: String,
    price: f64,
    express: bool,
    items: Vec<Item>,
    note: Option<String>,
}

#[derive(Serialize, Deserialize, PartialEq)]
struct Item {
    article: u64,
    count: i32,
}

fn order(id: u32) -> Order {
    Order {
        id,
        customer: format!("customer \"{}\"\n", id % 97),
        price: f64::from(id) * 1.25 + 0.1,
        express: id % 3 == 0,
        items: (0..id % 5)
            .map(|item| Item { article: u64::from(id) << 24 | u64::from(item), count: item as i32 - 2 })
            .collect(),
        note: (id % 7 == 0).then(|| String::from("Größe geändert")),
    }
}

/// FNV-1a of 32 bits.
fn hash(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

fn orders() -> u32 {
    let orders: Vec<Order> = (0..1000).map(order).collect();
    let text = serde_json::to_string(&orders).expect("orders are JSON");
    println!("{} bytes, FNV-1a {:08x}", text.len(), hash(text.as_bytes()));

    let again: Vec<Order> = serde_json::from_str(&text).expect("it is JSON of orders");
    if again != orders {
        return 1;
    }
    let tree: Value = serde_json::from_str(&text).expect("it is JSON");
    if tree[999]["customer"] != "customer \"29\"\n" {
        return 2;
    }
    0
}
