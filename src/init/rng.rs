//! The generator.

use crate::math::Math;

/// PCG-XSH-RR with 64 bits of state and 32 of output, on the stream of the reference's example (M. E. O'Neill, "PCG: A Family
/// of Simple Fast Space-Efficient Statistically Good Algorithms for Random Number Generation", 2014). The same seed
/// gives the same numbers everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pcg32 {
    state: u64,
}

impl Pcg32 {
    const STEP: u64 = 6_364_136_223_846_793_005;
    /// Stream 54, made odd.
    const STREAM: u64 = 54 << 1 | 1;

    /// Seeded as the reference seeds.
    pub const fn new(seed: u64) -> Self {
        let mut rng = Pcg32 { state: 0 };
        rng.step();
        rng.state = rng.state.wrapping_add(seed);
        rng.step();
        rng
    }

    const fn step(&mut self) {
        self.state = self
            .state
            .wrapping_mul(Self::STEP)
            .wrapping_add(Self::STREAM);
    }

    /// 32 bits.
    pub const fn next_u32(&mut self) -> u32 {
        let old = self.state;
        self.step();
        let xored = ((old >> 18 ^ old) >> 27) as u32;
        xored.rotate_right((old >> 59) as u32)
    }

    /// A multiple of 2^-24, at least 0 and below 1.
    pub fn uniform(&mut self) -> f32 {
        (self.next_u32() >> 8) as f32 * (1.0 / 16_777_216.0)
    }

    /// Uniform in -`bound` to `bound`.
    pub fn symmetric(&mut self, bound: f32) -> f32 {
        (2.0 * self.uniform() - 1.0) * bound
    }

    /// Standard normal, by Marsaglia's polar method; ln and sqrt are `math`'s.
    pub fn normal(&mut self, math: Math) -> f32 {
        loop {
            let (x, y) = (self.symmetric(1.0), self.symmetric(1.0));
            let square = x * x + y * y;
            if square > 0.0 && square < 1.0 {
                return x * math.sqrt(-2.0 * math.ln(square) / square);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the reference's `pcg32-demo` prints for seed 42 and stream 54.
    #[test]
    fn gives_the_reference_s_numbers() {
        let mut rng = Pcg32::new(42);
        let expected = [
            0xa15c_02b7,
            0x7b47_f409,
            0xba1d_3330,
            0x83d2_f293,
            0xbfa4_784b,
            0xcbed_606e,
        ];
        assert_eq!(expected.map(|_| rng.next_u32()), expected);
    }
}
