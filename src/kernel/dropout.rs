//! Dropout by a hash of each value's place, so that backward finds the mask of its forward without storing it.
//!
//! Value i of call (seed, stream) is kept if hash(i, seed, stream) >= p 2^32; a kept value is multiplied by
//! 1 / (1 - p). The seed changes from step to step, the stream from one dropout of the network to the next.

/// y = y / (1 - p) where it is kept, else 0. The gradient is the same on dy.
pub fn apply(y: &mut [f32], seed: u32, stream: u32, p: f32) {
    let threshold = (p * 4_294_967_296.0) as u32;
    let scale = 1.0 / (1.0 - p);
    let key = mix(seed ^ mix(stream ^ 0x9e37_79b9));
    let mut counter = key;
    for y in y {
        counter = counter.wrapping_add(0x9e37_79b9);
        *y = if p < 1.0 && mix(counter ^ key.rotate_left(16)) >= threshold {
            *y * scale
        } else {
            0.0
        };
    }
}

/// A bijection in which every bit of the result depends on every bit of the argument ("lowbias32").
#[inline]
fn mix(mut x: u32) -> u32 {
    x ^= x >> 16;
    x = x.wrapping_mul(0x7feb_352d);
    x ^= x >> 15;
    x = x.wrapping_mul(0x846c_a68b);
    x ^ (x >> 16)
}
