// A guest with Rust's library: maps, strings, sorting, closures, panics.
use std::collections::BTreeMap;
use std::fmt::Write;

fn words(n: u32) -> Vec<u32> {
    let mut x = n;
    (0..200)
        .map(|_| {
            x = x.wrapping_mul(1664525).wrapping_add(1013904223);
            x >> 8
        })
        .collect()
}

#[no_mangle]
pub extern "C" fn sorted(n: u32) -> u32 {
    let mut v = words(n);
    v.sort_by_key(|w| w.count_ones());
    v.iter().fold(0, |h: u32, w| h.wrapping_mul(31).wrapping_add(*w))
}

#[no_mangle]
pub extern "C" fn maps(n: u32) -> u32 {
    let mut m: BTreeMap<u32, String> = BTreeMap::new();
    for w in words(n) {
        m.entry(w % 37).or_default().push((b'a' + (w % 26) as u8) as char);
    }
    let mut s = String::new();
    for (k, v) in &m {
        write!(s, "{}={:>8};", k, v).unwrap();
    }
    s.bytes().fold(7, |h: u32, b| h.wrapping_mul(131).wrapping_add(b as u32))
}

#[no_mangle]
pub extern "C" fn floats(n: u32) -> f64 {
    words(n).iter().map(|w| (*w as f64).sqrt()).filter(|f| f.fract() > 0.5).sum()
}

fn fib(n: u32) -> u64 {
    if n < 2 { n as u64 } else { fib(n - 1) + fib(n - 2) }
}

#[no_mangle]
pub extern "C" fn recurse(n: u32) -> u64 {
    fib(n % 16)
}

#[no_mangle]
pub extern "C" fn panics(n: u32) -> u32 {
    words(n)[(n * 50) as usize]
}
