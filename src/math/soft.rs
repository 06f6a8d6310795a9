//! Addition and multiplication of f32 in integers, for cores without an FPU: the same bits as the operators' (rounded to nearest, ties
//! to even, subnormal numbers as others; NaN payloads aside), in fewer instructions than the compiler's functions.
//!
//! What kernels add and multiply are normal numbers and zeros: these take the short ways here, and whatever else is left to the operators. A
//! 32 x 32 to 64-bit product, which a Cortex-M0+ lacks, is not needed for two factors of 24 bits, nor is a count of
//! leading zeros. For Arm cores the two functions are assembly ([`kernel::arm`](crate::kernel)).

#[cfg(not(all(target_arch = "arm", target_abi = "eabi", target_os = "none")))]
use self as chosen;
#[cfg(all(target_arch = "arm", target_abi = "eabi", target_os = "none"))]
use crate::kernel::arm as chosen;
use core::ops::{Add, Mul, Neg, Sub};

const SIGN: u32 = 1 << 31;
/// 1, of a mantissa of 24 bits.
const ONE: u32 = 1 << 23;
/// The exponent of infinity and NaN.
const SPECIAL: u32 = 255;
const INFINITY: u32 = SPECIAL << 23;
/// The exponent of 1.
const BIAS: u32 = 127;
/// From this distance of exponents on the smaller number does not reach half of the larger's last place, nor of the place below it.
const TOO_SMALL: u32 = 26;

/// A number whose operators are this file's.
#[derive(Clone, Copy, Debug)]
pub struct Soft(pub f32);

impl Soft {
    /// self + a b, of which both are rounded: in one call where that is less.
    #[inline(always)]
    pub fn plus(self, a: Self, b: Self) -> Self {
        let [sum, a, b] = [self, a, b].map(|number| number.0.to_bits());
        Self(f32::from_bits(chosen::add_product(|| sum, a, b)))
    }

    /// y += self other. Where the product is a call of its own, y is read after it and need not be kept meanwhile.
    #[inline(always)]
    pub fn product_onto(self, other: Self, y: &mut f32) {
        let [a, b] = [self, other].map(|number| number.0.to_bits());
        *y = f32::from_bits(chosen::add_product(|| y.to_bits(), a, b));
    }
}

impl Add for Soft {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(f32::from_bits(chosen::add(
            self.0.to_bits(),
            other.0.to_bits(),
        )))
    }
}

impl Sub for Soft {
    type Output = Self;

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

impl Mul for Soft {
    type Output = Self;

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self(f32::from_bits(chosen::mul(
            self.0.to_bits(),
            other.0.to_bits(),
        )))
    }
}

impl Neg for Soft {
    type Output = Self;

    #[inline(always)]
    fn neg(self) -> Self {
        Self(f32::from_bits(self.0.to_bits() ^ SIGN))
    }
}

/// The exponent as it is stored.
#[inline(always)]
fn exponent(bits: u32) -> u32 {
    (bits << 1) >> 24
}

/// The mantissa with its leading 1 as the highest bit.
#[inline(always)]
fn mantissa(bits: u32) -> u32 {
    bits << 8 | SIGN
}

/// The number whose mantissa is `wide`, rounded to 24 bits, where a bit beyond those that tell a tie is `rest` (not zero, if any
/// is set). Its exponent is one more than `below`, which the mantissa's leading 1 adds, and its carry if it rounds up to 2.
#[inline(always)]
fn round(sign: u32, below: u32, wide: u32, rest: u32) -> u32 {
    let mut rounded = ((wide >> 7) + 1) >> 1;
    if wide << 25 == 0 && wide & 1 << 7 != 0 && rest == 0 {
        rounded &= !1;
    }
    (sign & SIGN) + (below << 23) + rounded
}

/// The bits of a + b, by the bits of both.
#[inline(never)]
pub fn add(a: u32, b: u32) -> u32 {
    sum_of(a, b)
}

/// The bits of a b, by the bits of both.
#[inline(never)]
pub fn mul(a: u32, b: u32) -> u32 {
    product_of(a, b).unwrap_or_else(|| mul_rare(a, b))
}

/// The bits of sum + a b, by the bits of the three.
#[inline(always)]
pub fn add_product(sum: impl FnOnce() -> u32, a: u32, b: u32) -> u32 {
    add_product_now(sum(), a, b)
}

#[inline(never)]
fn add_product_now(sum: u32, a: u32, b: u32) -> u32 {
    match product_of(a, b) {
        Some(product) => sum_of(sum, product),
        None => add_product_rare(sum, a, b),
    }
}

#[cold]
#[inline(never)]
fn add_product_rare(sum: u32, a: u32, b: u32) -> u32 {
    add(sum, mul_rare(a, b))
}

#[inline(always)]
fn sum_of(a: u32, b: u32) -> u32 {
    // x is the larger in size.
    let (x, y) = if a << 1 < b << 1 { (b, a) } else { (a, b) };
    let (ex, ey) = (exponent(x), exponent(y));
    if ey == 0 || ex == SPECIAL {
        return add_rare(x, y);
    }
    let far = ex - ey;
    if far >= TOO_SMALL {
        return x;
    }
    let whole = mantissa(y);
    let mut my = whole >> far;
    if my << far != whole {
        // What was shifted out is not zero: it stands in the last bit.
        my |= 1;
    }
    let mut below = ex - 1;
    if (x ^ y) & SIGN == 0 {
        let (mut sum, carry) = mantissa(x).overflowing_add(my);
        if carry {
            sum = SIGN | sum >> 1 | sum & 1;
            below = ex;
            if below == SPECIAL - 1 {
                return x & SIGN | INFINITY;
            }
        }
        round(x, below, sum, 0)
    } else {
        let mut sum = mantissa(x) - my;
        if sum == 0 {
            return 0;
        }
        while sum & SIGN == 0 {
            sum <<= 1;
            below = below.wrapping_sub(1);
        }
        if below & SIGN != 0 {
            // A subnormal sum is exact.
            return x & SIGN | sum >> 8 >> below.wrapping_neg();
        }
        round(x, below, sum, 0)
    }
}

/// The sum where a number is zero, subnormal, infinite or NaN. x is the larger in size.
#[cold]
#[inline(never)]
pub(crate) extern "C" fn add_rare(x: u32, y: u32) -> u32 {
    if y << 1 == 0 {
        // A sum of zeros is -0 of two alone.
        if x << 1 == 0 { x & y } else { x }
    } else {
        (f32::from_bits(x) + f32::from_bits(y)).to_bits()
    }
}

/// The product, if it and both factors are normal numbers.
#[inline(always)]
fn product_of(x: u32, y: u32) -> Option<u32> {
    let (ex, ey) = (exponent(x), exponent(y));
    if ex == 0 || ey == 0 || ex == SPECIAL || ey == SPECIAL {
        return None;
    }
    let (below, wide, rest) = unrounded(x, y);
    (below < SPECIAL - 1).then(|| round(x ^ y, below, wide, rest))
}

/// The product of two normal numbers before it is rounded, as [`round`] takes it.
#[inline(always)]
fn unrounded(x: u32, y: u32) -> (u32, u32, u32) {
    let (wide, rest) = product(x << 9 >> 9 | ONE, y << 9 >> 9 | ONE);
    // The bit that this leaves out is in `rest`.
    let shift = !wide >> 31;
    let below = (exponent(x) + exponent(y)).wrapping_sub(BIAS + shift);
    (below, wide << shift, rest)
}

/// A product whose exponent is too large, or too small for a normal number; the arguments are those of [`round`].
#[cold]
#[inline(never)]
pub(crate) extern "C" fn out_of_range(sign: u32, below: u32, wide: u32, rest: u32) -> u32 {
    let shift = below.wrapping_neg();
    if below & SIGN == 0 {
        sign | INFINITY
    } else if shift > 25 {
        sign
    } else {
        let wide = wide | u32::from(rest != 0);
        round(sign, 0, wide >> shift, wide << (32 - shift))
    }
}

/// The product where it or a factor is zero, subnormal, infinite or NaN.
#[cold]
#[inline(never)]
pub(crate) extern "C" fn mul_rare(x: u32, y: u32) -> u32 {
    let is_zero = |bits: u32| bits << 1 == 0;
    let is_special = |bits: u32| exponent(bits) == SPECIAL;
    if is_special(x) || is_special(y) {
        (f32::from_bits(x) * f32::from_bits(y)).to_bits()
    } else if is_zero(x) || is_zero(y) {
        (x ^ y) & SIGN
    } else if exponent(x) == 0 || exponent(y) == 0 {
        (f32::from_bits(x) * f32::from_bits(y)).to_bits()
    } else {
        let (below, wide, rest) = unrounded(x, y);
        out_of_range((x ^ y) & SIGN, below, wide, rest)
    }
}

/// The product of two numbers of 24 bits without its last 16 bits, and something that is zero where those are.
#[inline(always)]
fn product(x: u32, y: u32) -> (u32, u32) {
    if cfg!(target_arch = "arm") {
        product_in_parts(x, y)
    } else {
        product_wide(x, y)
    }
}

/// [`product`] where the product of two registers is one register: 16 and 8 bits of each factor.
#[inline(always)]
fn product_in_parts(x: u32, y: u32) -> (u32, u32) {
    let ([x_low, x_high], [y_low, y_high]) = (halves(x), halves(y));
    let low = x_low * y_low;
    let middle = x_low * y_high + x_high * y_low;
    let high = x_high * y_high;
    ((high << 16) + middle + (low >> 16), low << 16)
}

#[inline(always)]
fn halves(x: u32) -> [u32; 2] {
    [x & 0xffff, x >> 16]
}

/// [`product`] where the product of two registers is two.
#[inline(always)]
fn product_wide(x: u32, y: u32) -> (u32, u32) {
    let product = u64::from(x << 8) * u64::from(y << 8);
    ((product >> 32) as u32, product as u32)
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use std::{format, println};

    struct Random(u64);

    impl Random {
        fn next(&mut self) -> u32 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 20) as u32
        }

        /// Any bits; a few bits set or unset; the ends of the exponents' range.
        fn number(&mut self) -> u32 {
            let bits = self.next();
            match self.next() % 8 {
                0 => bits & self.next() & self.next() & self.next(),
                1 => bits | self.next() | self.next() | self.next(),
                2 => bits & (SIGN | 0x00ff_ffff),
                3 => bits | 0x7e00_0000,
                4 => bits & 0xff80_0000,
                _ => bits,
            }
        }

        /// A number whose exponent is at most 31 away, often with the same or the opposite leading bits.
        fn near(&mut self, x: u32) -> u32 {
            let bits = self.next();
            let kept = !0 << (bits % 24);
            let near = x & kept & 0x007f_ffff | bits & !kept & 0x007f_ffff;
            let exponent = exponent(x).wrapping_add(self.next() % 64).wrapping_sub(32) & 0xff;
            self.next() & SIGN | exponent << 23 | near
        }
    }

    fn check(name: &str, [x, y]: [u32; 2], Soft(ours): Soft, hardware: f32) {
        let same = ours.to_bits() == hardware.to_bits() || ours.is_nan() && hardware.is_nan();
        assert!(
            same,
            "{}",
            format!("{name} {x:08x} {y:08x}: {ours:e}, not {hardware:e}")
        );
    }

    fn check_all([x, y]: [u32; 2]) {
        let (a, b) = (f32::from_bits(x), f32::from_bits(y));
        check("add", [x, y], Soft(a) + Soft(b), a + b);
        check("sub", [x, y], Soft(a) - Soft(b), a - b);
        check("mul", [x, y], Soft(a) * Soft(b), a * b);
        check("a + a b", [x, y], Soft(a).plus(Soft(a), Soft(b)), a + a * b);
        check("b + a b", [x, y], Soft(b).plus(Soft(a), Soft(b)), b + a * b);
    }

    fn cases(count: u32) {
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        for _ in 0..count {
            let x = random.number();
            check_all([x, random.number()]);
            check_all([x, random.near(x)]);
            // A product near 1, of factors that leave ties.
            let y = random.near(0x7f00_0000_u32.wrapping_sub(x & !SIGN));
            check_all([x & !0xfff, y & !0xfff]);
        }
    }

    #[test]
    fn the_bits_of_the_hardware() {
        cases(1_000_000);
    }

    #[test]
    #[ignore = "minutes, in a release build"]
    fn sweep() {
        cases(1_000_000_000);
    }

    /// Every pair of exponents, signs and some mantissas, those that are nearly a power of two among them.
    #[test]
    fn every_exponent() {
        let mantissas = [0, 1, 0x40_0000, 0x55_5555, 0x7f_fffe, 0x7f_ffff];
        for (ex, ey) in (0..512).flat_map(|ex| (0..256).map(move |ey| (ex, ey))) {
            for mx in mantissas {
                for my in mantissas {
                    check_all([ex << 23 | mx, ey << 23 | my]);
                }
            }
        }
        println!("{}", 512 * 256 * mantissas.len() * mantissas.len());
    }

    #[test]
    fn both_products_are_one() {
        let mut random = Random(7);
        for _ in 0..1_000_000 {
            let (x, y) = (random.next() >> 8 | ONE, random.next() >> 8 | ONE);
            let ((high, low), (wide_high, wide_low)) = (product_in_parts(x, y), product_wide(x, y));
            assert_eq!((high, low == 0), (wide_high, wide_low == 0));
        }
    }
}
