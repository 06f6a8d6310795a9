//! Addition and multiplication in integers (on Arm without an FPU in assembly) against the operators, which are the FPU's where there is
//! one and the compiler's functions elsewhere. The checksum shows that all boards agree as well.
#![no_std]
#![no_main]

use board::println;
use tinpail::math::soft::Soft;

board::entry!(run);

const CASES: usize = 100_000;
const SIGN: u32 = 1 << 31;
const FRACTION: u32 = (1 << 23) - 1;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) as u32
    }

    /// Any bits; few bits set or few unset; the ends of the exponents' range.
    fn number(&mut self) -> u32 {
        let bits = self.next();
        match self.next() % 8 {
            0 => bits & self.next() & self.next() & self.next(),
            1 => bits | self.next() | self.next() | self.next(),
            2 => bits & (SIGN | 0x00ff_ffff),
            3 => bits | 0x7e00_0000,
            4 => bits & !FRACTION,
            _ => bits,
        }
    }

    /// A number whose exponent is at most 31 away, often with the same leading bits.
    fn near(&mut self, x: u32) -> u32 {
        let (bits, kept) = (self.next(), !0 << (self.next() % 24));
        let exponent = (x >> 23).wrapping_add(bits >> 26).wrapping_sub(32) & 0xff;
        bits & SIGN | exponent << 23 | (x & kept | bits & !kept) & FRACTION
    }
}

#[derive(Default)]
struct Check {
    different: usize,
    bits: u32,
}

impl Check {
    fn add(&mut self, Soft(ours): Soft, theirs: f32) {
        // NaN payloads and signs are the exception.
        let bits = |value: f32| match value.is_nan() {
            true => 0x7fc0_0000,
            false => value.to_bits(),
        };
        self.different += usize::from(bits(ours) != bits(theirs));
        self.bits = (self.bits ^ bits(ours)).wrapping_mul(0x0100_0193);
    }

    fn all(&mut self, x: u32, y: u32) {
        let (a, b) = (f32::from_bits(x), f32::from_bits(y));
        self.add(Soft(a) + Soft(b), a + b);
        self.add(Soft(a) - Soft(b), a - b);
        self.add(Soft(a) * Soft(b), a * b);
    }
}

fn run() {
    let mut random = Random(1);
    let mut check = Check::default();
    for _ in 0..CASES {
        let x = random.number();
        check.all(x, random.number());
        check.all(x, random.near(x));
        // Factors of few bits, whose products end in ties, with a product near 1.
        let y = random.near(0x7f00_0000_u32.wrapping_sub(x & !SIGN));
        check.all(x & !0xfff, y & !0xfff);
    }
    println!(
        "{} operations, {} differences, bits {:08x}",
        9 * CASES,
        check.different,
        check.bits
    );
}
