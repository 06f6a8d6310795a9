//! Pieces of assembly text. Numbers are those of single-precision registers.

/// Where a tile loads its sums from: one instruction, and as many cycles as setting each.
pub(super) static ZEROS: [f32; 20] = [0.0; 20];

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

/// One step of two sums: `a` and `b` become their products with `x` and join the sums.
macro_rules! step_of_two {
    ($sum_a:literal, $sum_b:literal: $($a:literal $b:literal * $x:literal),*) => {
        concat!($(
            mul!($a = $a * $x, $b = $b * $x),
            add!($sum_a += $a, $sum_b += $b),
        )*)
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

pub(super) use {add, each, fpu, mul, step_of_two, sub, zero};
