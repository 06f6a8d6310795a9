//! Pieces of assembly text. Numbers are those of single-precision registers.

/// Where a tile loads its sums from: one instruction, and as many cycles as setting each.
pub(super) static ZEROS: [f32; 20] = [0.0; 20];

/// In place of a bias: adding -0 changes no bit.
pub(super) static NO_BIAS: [f32; 4] = [-0.0; 4];

/// Sets the registers to +0, the first of them by 1 - 1.
macro_rules! zero {
    ($first:literal $(, $more:literal)*) => {
        concat!(
            "vmov.f32 s", $first, ", #1.0\n",
            "vsub.f32 s", $first, ", s", $first, ", s", $first, "\n",
            $("vmov.f32 s", $more, ", s", $first, "\n",)*
        )
    };
}

/// `sum` += value, for pairs of registers.
macro_rules! add {
    ($($sum:literal += $value:literal),*) => {
        concat!($("vadd.f32 s", $sum, ", s", $sum, ", s", $value, "\n",)*)
    };
}

/// `left` -= right
macro_rules! sub {
    ($($left:literal -= $right:literal),*) => {
        concat!($("vsub.f32 s", $left, ", s", $left, ", s", $right, "\n",)*)
    };
}

/// product = a * b
macro_rules! mul {
    ($($product:literal = $a:literal * $b:literal),*) => {
        concat!($("vmul.f32 s", $product, ", s", $a, ", s", $b, "\n",)*)
    };
}

/// The same operation for some registers: to, from, from.
macro_rules! each {
    ($op:literal: $($to:literal $a:literal $b:literal),*) => {
        concat!($("v", $op, ".f32 s", $to, ", s", $a, ", s", $b, "\n",)*)
    };
}

/// One text or the other: how products join sums. The block of assembly needs `fused = const P::FUSED as u32`.
macro_rules! either {
    (separate: [$($separate:expr),* $(,)?], fused: [$($fused:expr),* $(,)?]) => {
        concat!(".if {fused}\n", $($fused,)* ".else\n", $($separate,)* ".endif\n")
    };
}

/// `sum` += a * b, rounded once.
macro_rules! fma {
    ($($sum:literal += $a:literal * $b:literal),*) => {
        concat!($("vfma.f32 s", $sum, ", s", $a, ", s", $b, "\n",)*)
    };
}

/// The products of some registers with some, a product for each sum: all at once, so that no instruction waits for another. The products
/// that are rounded first lie in `temporary`, which may be one of the factors.
macro_rules! step {
    ($($sum:literal += $a:literal * $b:literal by $temporary:literal),*) => {
        either!(
            separate: [mul!($($temporary = $a * $b),*), add!($($sum += $temporary),*)],
            fused: [fma!($($sum += $a * $b),*)]
        )
    };
}

/// One step of two sums after the other: `a` and `b` are multiplied by `x`.
macro_rules! step_of_two {
    ($sum_a:literal, $sum_b:literal: $($a:literal $b:literal * $x:literal),*) => {
        concat!($(step!($sum_a += $a * $x by $a, $sum_b += $b * $x by $b),)*)
    };
}

/// asm! with every register of the FPU given up.
macro_rules! fpu {
    ($($part:tt)*) => {
        core::arch::asm!(
            $($part)*
            out("d0") _, out("d1") _, out("d2") _, out("d3") _,
            out("d4") _, out("d5") _, out("d6") _, out("d7") _,
            out("d8") _, out("d9") _, out("d10") _, out("d11") _,
            out("d12") _, out("d13") _, out("d14") _, out("d15") _,
            options(nostack),
        )
    };
}

/// asm! with the registers s0 to s15 given up, none of which a function must save for its caller.
macro_rules! fpu_low {
    ($($part:tt)*) => {
        core::arch::asm!(
            $($part)*
            out("d0") _, out("d1") _, out("d2") _, out("d3") _,
            out("d4") _, out("d5") _, out("d6") _, out("d7") _,
            options(nostack),
        )
    };
}

pub(super) use {add, each, either, fma, fpu, fpu_low, mul, step, step_of_two, sub, zero};
