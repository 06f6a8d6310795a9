//! The loops of `kernel::blas` and of `math` that the target has (assembly on Arm with an FPU) against those in Rust: random sizes and values, equal to
//! the last bit, with nothing written beyond the end. The checksums show that the boards agree as well.
#![no_std]
#![no_main]

use board::println;
use static_cell::ConstStaticCell;
use tinpail::kernel::blas::{self, Matrix, Outer, Rates, Tile, Window3, portable};
use tinpail::math::{Math, own};
use tinpail::products::{Flushed, Fused, MulAdd, Products, Separate};

board::entry!(run, uncounted);

const CASES: usize = 400;
const LEN: usize = 768;
/// The recipe where it matters: with operands and sums that are subnormal as often as not.
const SMALL: &str = ", ftz, small";

type Buffer = [f32; LEN];

struct Buffers {
    a: Buffer,
    b: Buffer,
    c: Buffer,
    /// What the target's function writes, and what the portable one writes.
    ours: [Buffer; 2],
    theirs: [Buffer; 2],
}

static BUFFERS: ConstStaticCell<Buffers> = ConstStaticCell::new(Buffers {
    a: [0.0; LEN],
    b: [0.0; LEN],
    c: [0.0; LEN],
    ours: [[0.0; LEN]; 2],
    theirs: [[0.0; LEN]; 2],
});

/// SplitMix64.
struct Random {
    state: u64,
    /// Whether values are such that products lie around the smallest normal number.
    small: bool,
}

impl Random {
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() >> 33) as usize % end
    }

    fn coin(&mut self) -> bool {
        self.below(2) == 1
    }

    /// In -1 .. 1; now and then a zero of either sign, something subnormal or something huge.
    fn value(&mut self) -> f32 {
        let value = (self.next() >> 40) as f32 / (1u64 << 23) as f32 - 1.0;
        if self.small {
            return match self.below(256) {
                0 => f32::INFINITY,
                1..32 => value,
                32..64 => value * 1e-30,
                64..128 => value * 3e-38,
                _ => value * 3e-19,
            };
        }
        match self.below(64) {
            0 => 0.0,
            1 => -0.0,
            2 => value * 1e-40,
            3 => value * 1e19,
            _ => value,
        }
    }

    fn fill(&mut self, values: &mut [f32]) {
        values.iter_mut().for_each(|value| *value = self.value());
    }
}

/// What a function is compared by.
struct Check {
    random: Random,
    bits: u32,
    different: usize,
}

impl Check {
    fn add(&mut self, [ours, theirs]: [&[f32]; 2]) {
        for (ours, theirs) in ours.iter().zip(theirs) {
            // NaN payloads and signs are the exception.
            let bits = |value: &f32| {
                if value.is_nan() {
                    0x7fc0_0000
                } else {
                    value.to_bits()
                }
            };
            self.different += usize::from(bits(ours) != bits(theirs));
            self.bits = (self.bits ^ bits(ours)).wrapping_mul(0x0100_0193);
        }
    }

    fn same(&mut self, ours: bool, theirs: bool) {
        self.different += usize::from(ours != theirs);
    }
}

fn check(name: &str, recipe: &str, buffers: &mut Buffers, case: impl Fn(&mut Check, &mut Buffers)) {
    let mut check = Check {
        random: Random {
            state: name.len() as u64,
            small: recipe == SMALL,
        },
        bits: 0x811c_9dc5,
        different: 0,
    };
    for _ in 0..CASES {
        let random = &mut check.random;
        for values in [&mut buffers.a, &mut buffers.b, &mut buffers.c] {
            random.fill(values);
        }
        for at in 0..2 {
            random.fill(&mut buffers.ours[at]);
            buffers.theirs[at] = buffers.ours[at];
        }
        case(&mut check, buffers);
        for at in 0..2 {
            check.add([&buffers.ours[at], &buffers.theirs[at]]);
        }
    }
    println!(
        "{name}{recipe}: {CASES} cases, {} differences, bits {:08x}",
        check.different, check.bits
    );
}

fn run() {
    let buffers = BUFFERS.take();
    sums_of_products::<Separate>(Products::Separate, "", buffers);
    sums_of_products::<Fused>(Products::Fused, ", fma", buffers);
    sums_of_products::<Flushed>(Products::Flushed, ", ftz", buffers);
    sums_of_products::<Flushed>(Products::Flushed, SMALL, buffers);

    check("copy", "", buffers, |check, io| {
        let (from, to) = (check.random.below(40), check.random.below(40));
        blas::copy(&io.a[..from], &mut io.ours[0][..to]);
        portable::copy(&io.a[..from], &mut io.theirs[0][..to]);
    });

    check("relu", "", buffers, |check, io| {
        let len = gates(check, io);
        edges(check, io, len);
        blas::relu(&mut io.ours[0][..len]);
        let by_value = |y: &mut f32| *y = if *y <= 0.0 { 0.0 } else { *y };
        io.theirs[0][..len].iter_mut().for_each(by_value);
    });

    check("relu_backward", "", buffers, |check, io| {
        let len = gates(check, io);
        edges(check, io, len);
        let of_dy = (len + check.random.below(5)).saturating_sub(2);
        let [y, dy] = &mut io.ours;
        blas::relu_backward(&y[..len], &mut dy[..of_dy]);
        let [y, dy] = &mut io.theirs;
        for (dy, y) in dy[..of_dy].iter_mut().zip(&y[..len]) {
            *dy *= if *y > 0.0 { 1.0 } else { 0.0 };
        }
    });

    check("add_rows", "", buffers, |check, io| {
        let random = &mut check.random;
        let (rows, columns, gap) = (1 + random.below(16), 1 + random.below(40), random.below(4));
        let w = Matrix {
            values: &io.a[..rows * (columns + gap) - gap],
            stride: columns + gap,
        };
        blas::add_rows(rows, w, &mut io.ours[0][..columns]);
        portable::add_rows(rows, w, &mut io.theirs[0][..columns]);
    });

    check("outer_momentum", "", buffers, |check, io| {
        let random = &mut check.random;
        let (outputs, width, rates) = (1 + random.below(14), 1 + random.below(40), rates(random));
        let (delta, x, len) = (&io.a[..outputs], &io.b[..width], outputs * width);
        let step = |outer: fn(Rates, &[f32], &[f32], &mut [f32], &mut [f32]) -> bool,
                    io: &mut [Buffer; 2]| {
            let [w, m] = io;
            outer(rates, delta, x, &mut w[..len], &mut m[..len])
        };
        let ours = step(blas::outer_momentum, &mut io.ours);
        let theirs = step(portable::outer_momentum, &mut io.theirs);
        check.same(ours, theirs);
    });

    check("outer_plain", "", buffers, |check, io| {
        let random = &mut check.random;
        let (outputs, width, rates) = (1 + random.below(14), 1 + random.below(40), rates(random));
        let (delta, x, len) = (&io.a[..outputs], &io.b[..width], outputs * width);
        let ours = blas::outer_plain(rates, delta, x, &mut io.ours[0][..len]);
        let theirs = portable::outer_plain(rates, delta, x, &mut io.theirs[0][..len]);
        check.same(ours, theirs);
    });

    check("sgd_momentum", "", buffers, |check, io| {
        let random = &mut check.random;
        let (tile, rates) = (tile(random), rates(random));
        let step = |sgd: fn(Rates, Tile, &mut [f32], &[f32], &mut [f32]) -> bool,
                    io: &mut [Buffer; 2],
                    g: &[f32]| {
            let [w, m] = io;
            sgd(rates, tile, w, g, m)
        };
        let ours = step(blas::sgd_momentum, &mut io.ours, &io.a);
        let theirs = step(portable::sgd_momentum, &mut io.theirs, &io.a);
        check.same(ours, theirs);
    });

    check("sgd_plain", "", buffers, |check, io| {
        let random = &mut check.random;
        let (tile, rates) = (tile(random), rates(random));
        let ours = blas::sgd_plain(rates, tile, &mut io.ours[0], &io.a);
        let theirs = portable::sgd_plain(rates, tile, &mut io.theirs[0], &io.a);
        check.same(ours, theirs);
    });

    check("all_finite", "", buffers, |check, io| {
        let random = &mut check.random;
        let len = random.below(40);
        let values = &mut io.a[..len];
        let worst = [1.0, f32::MAX, f32::INFINITY, f32::NAN][random.below(4)];
        for _ in 0..random.below(3).min(len) {
            values[random.below(len)] = if random.coin() { worst } else { -worst };
        }
        check.same(blas::all_finite(values), portable::all_finite(values));
    });

    check("lstm_state", "", buffers, |check, io| {
        let len = check.random.below(40);
        let gates = [&io.a[..len], &io.b[..len], &io.c[..len]];
        let [c, h] = &mut io.ours;
        blas::lstm_state(gates, &mut c[..len], &mut h[..len]);
        let [c, h] = &mut io.theirs;
        portable::lstm_state(gates, &mut c[..len], &mut h[..len]);
    });

    check("lstm_deltas", "", buffers, |check, io| {
        let len = check.random.below(40);
        let read = [&io.a[..len], &io.b[..len], &io.c[..len]];
        let step = |deltas: fn([&[f32]; 3], [&mut [f32]; 4], &mut [f32]), io: &mut [Buffer; 2]| {
            let [gates, dc] = io;
            let (i, rest) = gates.split_at_mut(LEN / 4);
            let (f, rest) = rest.split_at_mut(LEN / 4);
            let (g, o) = rest.split_at_mut(LEN / 4);
            let gates = [i, f, g, o].map(|gate| &mut gate[..len]);
            deltas(read, gates, &mut dc[..len]);
        };
        step(blas::lstm_deltas, &mut io.ours);
        step(portable::lstm_deltas, &mut io.theirs);
    });

    check("gru_cell", "", buffers, |check, io| {
        let (hidden, rest) = (gates(check, io) / 4, check.random.below(3));
        let len = 4 * hidden + rest;
        let [gates, h] = &mut io.ours;
        blas::gru_cell(Math::Libm, &mut gates[..len], &mut h[..hidden]);
        let [gates, h] = &mut io.theirs;
        let (r_z, n_q) = gates.split_at_mut(2 * hidden);
        let (n, q) = n_q.split_at_mut(hidden);
        own::sigmoid_all(r_z);
        let (r, z) = r_z.split_at(hidden);
        portable::gru_new(n, r, &q[..hidden]);
        own::tanh_all(n);
        portable::gru_state(&mut h[..hidden], z, n);
    });

    // The functions' loops: values from their ranges, and any bits.
    check("sigmoid_all", "", buffers, |check, io| {
        let len = gates(check, io);
        Math::Libm.sigmoid_all(&mut io.ours[0][..len]);
        own::sigmoid_all(&mut io.theirs[0][..len]);
    });

    check("tanh_all", "", buffers, |check, io| {
        let len = gates(check, io);
        Math::Libm.tanh_all(&mut io.ours[0][..len]);
        own::tanh_all(&mut io.theirs[0][..len]);
    });
}

/// What exists once for each recipe.
fn sums_of_products<P: MulAdd>(products: Products, recipe: &str, buffers: &mut Buffers) {
    check("gemv", recipe, buffers, |check, io| {
        let random = &mut check.random;
        let (inputs, outputs) = (1 + random.below(29), 1 + random.below(24));
        let (from, add) = (random.below(3), random.coin());
        let x = &io.a[from..][..inputs];
        let w = &io.b[from..][..inputs * outputs];
        let b = &io.c[..if random.coin() { outputs } else { 0 }];
        blas::gemv(products, inputs, x, w, b, &mut io.ours[0][..outputs], add);
        portable::gemv::<P>(inputs, x, w, b, &mut io.theirs[0][..outputs], add);
    });

    check("gemv_two", recipe, buffers, |check, io| {
        let random = &mut check.random;
        let inputs = 1 + random.below(29);
        let (first, second, from) = (random.below(13), random.below(13), random.below(3));
        let x = &io.a[from..][..inputs];
        let w = &io.b[from..][..inputs * (first + second)];
        let b = &io.c[..if random.coin() { first + second } else { 0 }];
        let [y, then] = &mut io.ours;
        blas::gemv_two(
            products,
            inputs,
            x,
            w,
            b,
            &mut y[..first],
            &mut then[..second],
        );
        let [y, then] = &mut io.theirs;
        let [y, then] = [&mut y[..first], &mut then[..second]];
        portable::gemv::<P>(inputs, x, w, &b[..b.len().min(first)], y, true);
        let (w, b) = (&w[inputs * first..], &b[b.len().min(first)..]);
        portable::gemv::<P>(inputs, x, w, b, then, false);
    });

    check("gemm", recipe, buffers, |check, io| {
        let random = &mut check.random;
        let (rows, inputs, outputs) = (
            1 + random.below(12),
            1 + random.below(20),
            1 + random.below(20),
        );
        let (x, w) = (&io.a[..rows * inputs], &io.b[..inputs * outputs]);
        let b = &io.c[..if random.coin() { outputs } else { 0 }];
        let stride = outputs + random.below(3);
        // Now and then y has fewer rows.
        let held = if random.coin() {
            1 + random.below(rows)
        } else {
            rows
        };
        let len = (held - 1) * stride + outputs;
        let [y, theirs] = [&mut io.ours[0][..len], &mut io.theirs[0][..len]];
        blas::gemm(products, [inputs, outputs], x, w, b, y, stride);
        portable::gemm::<P>(inputs, outputs, x, w, b, theirs, stride);
    });

    check("axpy", recipe, buffers, |check, io| {
        let random = &mut check.random;
        let (from, to, a) = (random.below(40), random.below(40), random.value());
        blas::axpy(products, a, &io.a[..from], &mut io.ours[0][..to]);
        portable::axpy::<P>(a, &io.a[..from], &mut io.theirs[0][..to]);
    });

    check("dot", recipe, buffers, |check, io| {
        let random = &mut check.random;
        let (x, w, sum) = (random.below(40), random.below(40), random.value());
        let (x, w) = (&io.a[..x], &io.b[..w]);
        io.ours[0][0] = blas::dot(products, x, w, sum);
        io.theirs[0][0] = portable::dot::<P>(x, w, sum);
    });

    check("gemv_transposed", recipe, buffers, |check, io| {
        let random = &mut check.random;
        let (rows, columns, gap) = (random.below(17), 1 + random.below(40), random.below(4));
        let w = Matrix {
            values: &io.a[..(rows * (columns + gap)).saturating_sub(gap)],
            stride: columns + gap,
        };
        let (factors, add) = (&io.b[..rows], check.random.coin());
        blas::gemv_transposed(products, factors, w, &mut io.ours[0][..columns], add);
        portable::gemv_transposed::<P>(factors, w, &mut io.theirs[0][..columns], add);
    });

    check("outer_sum", recipe, buffers, |check, io| {
        let random = &mut check.random;
        let (first, more) = (random.below(4), 1 + random.below(20));
        let (outputs, width, gap) = (1 + random.below(18), 1 + random.below(18), random.below(3));
        let matrix = |values, stride| Matrix { values, stride };
        let outer = Outer {
            products,
            delta: matrix(&io.a[..], outputs + gap),
            outputs,
            x: matrix(&io.b[..], width + gap),
            x_rows: first,
            more: matrix(&io.c[..], width),
            more_rows: more,
        };
        let (stride, add) = (width + gap, random.coin());
        let len = outputs * stride - gap;
        blas::outer_sum(outer, &mut io.ours[0][..len], stride, width, add);
        portable::outer_sum::<P>(outer, &mut io.theirs[0][..len], stride, width, add);
    });

    check("outer_sum_momentum", recipe, buffers, |check, io| {
        let random = &mut check.random;
        let (first, more) = (random.below(4), 1 + random.below(12));
        let (outputs, width, gap) = (1 + random.below(18), 1 + random.below(40), random.below(3));
        let rates = match random.coin() {
            true => rates(random),
            false => Rates {
                scale: 1.0,
                ..rates(random)
            },
        };
        let matrix = |values, stride| Matrix { values, stride };
        let outer = Outer {
            products,
            delta: matrix(&io.a[..], outputs + gap),
            outputs,
            x: matrix(&io.b[..], width + gap),
            x_rows: first,
            more: matrix(&io.c[..], width),
            more_rows: more,
        };
        let len = outputs * width;
        let step = |sgd: fn(Rates, Outer<'_>, usize, &mut [f32], &mut [f32]) -> bool,
                    io: &mut [Buffer; 2]| {
            let [w, m] = io;
            sgd(rates, outer, width, &mut w[..len], &mut m[..len])
        };
        let ours = step(blas::outer_sum_momentum, &mut io.ours);
        let theirs = step(portable::outer_sum_momentum::<P>, &mut io.theirs);
        check.same(ours, theirs);
    });

    check("window3", recipe, buffers, |check, io| {
        let random = &mut check.random;
        let (pad, height) = (random.below(2), 1 + random.below(4));
        let (rows, width, channels) = (5, 6 + random.below(24), 1 + random.below(4));
        let skipped = random.below(height);
        let used = random.below(height - skipped + 1);
        let window = Window3 {
            x: &io.a[..channels * rows * width],
            w: &io.b[..channels * height * 3],
            channels,
            plane: rows * width,
            width,
            height,
            taps: (skipped, used),
            first: random.below(rows - used + 1),
            dilate: 1,
            pad,
            bias: random.value(),
        };
        let outputs = width + 2 * pad - 2;
        blas::window3(products, window, &mut io.ours[0][..outputs]);
        portable::window3::<P>(window, &mut io.theirs[0][..outputs]);
    });
}

fn gates(check: &mut Check, io: &mut Buffers) -> usize {
    let random = &mut check.random;
    let len = random.below(41);
    for at in 0..len {
        let value = match random.below(4) {
            0 => f32::from_bits(random.next() as u32),
            1 => 120.0 * random.value(),
            _ => 8.0 * random.value(),
        };
        (io.ours[0][at], io.theirs[0][at]) = (value, value);
    }
    len
}

/// Among so many values some around which a comparison by bits goes wrong first.
fn edges(check: &mut Check, io: &mut Buffers, len: usize) {
    const EDGES: [u32; 8] = [
        0,
        1,
        0x7f7f_ffff,
        0x7f80_0000,
        0x7f80_0001,
        0x8000_0000,
        0xff80_0000,
        0xff80_0001,
    ];
    for at in 0..len {
        if check.random.below(4) == 0 {
            let value = f32::from_bits(EDGES[check.random.below(EDGES.len())]);
            (io.ours[0][at], io.theirs[0][at]) = (value, value);
        }
    }
}

fn tile(random: &mut Random) -> Tile {
    let width = random.below(31);
    Tile {
        rows: random.below(6),
        width,
        stride: width + random.below(20),
        g_stride: width + random.below(10),
    }
}

/// Now and then such that weights overflow.
fn rates(random: &mut Random) -> Rates {
    let huge = if random.below(4) == 0 { 1e38 } else { 1.0 };
    Rates {
        lr: huge * random.value(),
        momentum: random.value(),
        scale: random.value(),
    }
}
