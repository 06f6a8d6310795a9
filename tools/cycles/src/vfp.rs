//! The instructions of a single-precision FPU (FPv4-SP).

use crate::decode::{Insn, Kind, Single, field};

/// S register of a four-bit number and its low bit, as one bit.
fn single(number: u32, low: u32) -> Single {
    1 << (number << 1 | low)
}

/// D register of a four-bit number: two S registers. (There are 16.)
fn double(number: u32) -> Single {
    0b11 << (number << 1)
}

pub fn decode(first: u32, second: u32) -> Option<Insn> {
    // Coprocessors 10 and 11, conditional encodings.
    if field(first, 12, 12) == 1 || field(second, 11, 9) != 0b101 {
        return None;
    }
    if field(first, 9, 9) == 0 {
        return load_store(first, second);
    }
    if field(first, 8, 8) == 1 {
        return None;
    }
    if field(second, 4, 4) == 1 {
        return core_move(first, second);
    }
    let is_double = field(second, 8, 8) == 1;
    (!is_double).then(|| arithmetic(first, second)).flatten()
}

fn load_store(first: u32, second: u32) -> Option<Insn> {
    let base = field(first, 3, 0);
    let is_load = field(first, 4, 4) == 1;
    let is_double = field(second, 8, 8) == 1;
    let (number, low) = (field(second, 15, 12), field(first, 6, 6));
    let (p, w) = (field(first, 8, 8), field(first, 5, 5));
    if first & 0xffe0 == 0xec40 {
        // Two core registers and a double, or two singles.
        let from = match is_double {
            true => double(field(second, 3, 0)),
            false => {
                let from = single(field(second, 3, 0), field(second, 5, 5));
                from | from << 1
            }
        };
        return Some(Insn {
            fp_reads: if is_load { from } else { 0 },
            fp_writes: if is_load { 0 } else { from },
            ..Insn::new(Kind::FpCoreMove)
        });
    }
    let words = field(second, 7, 0);
    let is_single_access = p == 1 && w == 0;
    let (kind, words) = match (is_single_access, is_double, is_load) {
        (true, true, _) => (Kind::Multiple { words: 2 }, 2),
        (true, false, true) => (Kind::FpLoad, 1),
        (true, false, false) => (Kind::FpStore, 1),
        (false, _, _) => (Kind::Multiple { words }, words),
    };
    let from = if is_double {
        number << 1
    } else {
        number << 1 | low
    };
    if words > 32 - from {
        return None;
    }
    let registers = (((1u64 << words) - 1) << from) as Single;
    let insn = Insn::new(kind).at(base);
    Some(if is_load {
        Insn {
            fp_writes: registers,
            ..insn
        }
    } else {
        Insn {
            fp_reads: registers,
            ..insn
        }
    })
}

/// Between one core register and the FPU.
fn core_move(first: u32, second: u32) -> Option<Insn> {
    let to_core = field(first, 4, 4) == 1;
    match (field(second, 8, 8), field(first, 7, 5)) {
        // VMRS, VMSR
        (0, 0b111) => Some(Insn::new(Kind::FpOther)),
        (0, 0b000) => {
            let register = single(field(first, 3, 0), field(second, 7, 7));
            Some(Insn {
                fp_reads: if to_core { register } else { 0 },
                fp_writes: if to_core { 0 } else { register },
                ..Insn::new(Kind::FpCoreMove)
            })
        }
        (1, _) => Some(Insn::new(Kind::FpCoreMove)),
        _ => None,
    }
}

fn arithmetic(first: u32, second: u32) -> Option<Insn> {
    let to = single(field(second, 15, 12), field(first, 6, 6));
    let n = single(field(first, 3, 0), field(second, 7, 7));
    let m = single(field(second, 3, 0), field(second, 5, 5));
    let insn = |kind, fp_reads| Insn {
        fp_reads,
        fp_writes: to,
        ..Insn::new(kind)
    };
    Some(
        match (field(first, 7, 7), field(first, 5, 4), field(second, 6, 6)) {
            // VMLA, VMLS, VNMLA, VNMLS
            (0, 0b00 | 0b01, _) => insn(Kind::FpFused, n | m),
            // VMUL, VNMUL, VADD, VSUB
            (0, _, _) => insn(Kind::FpArithmetic, n | m),
            (1, 0b00, 0) => insn(Kind::FpDivide, n | m),
            // VFNMA, VFNMS, VFMA, VFMS
            (1, 0b01 | 0b10, _) => insn(Kind::FpFused, n | m),
            // VMOV of a constant
            (1, 0b11, 0) => insn(Kind::FpOther, 0),
            (1, 0b11, _) => match (field(first, 3, 0), field(second, 7, 7)) {
                // VMOV, VABS, VNEG
                (0b0000, _) | (0b0001, 0) => insn(Kind::FpOther, m),
                // VSQRT
                (0b0001, _) => insn(Kind::FpDivide, m),
                // VCVTB, VCVTT
                (0b0010 | 0b0011, _) => insn(Kind::FpArithmetic, m),
                // VCMP, VCMPE, with a register or zero: their result is the flags.
                (0b0100, _) => Insn {
                    fp_reads: to | m,
                    ..Insn::new(Kind::FpOther)
                },
                (0b0101, _) => Insn {
                    fp_reads: to,
                    ..Insn::new(Kind::FpOther)
                },
                // VCVT between integers and floats
                (0b1000 | 0b1100 | 0b1101, _) => insn(Kind::FpArithmetic, m),
                // VCVT of fixed point works in place.
                (0b1010 | 0b1011 | 0b1110 | 0b1111, _) => insn(Kind::FpArithmetic, to),
                _ => return None,
            },
            _ => return None,
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Encodings as GNU as gives them for the text beside them.
    #[test]
    fn kinds_and_registers() {
        let rows = [
            (0xed93_7a00, "vldr s14, [r3]", Kind::FpLoad, 1 << 14, 0),
            (0xedc3_7a01, "vstr s15, [r3, #4]", Kind::FpStore, 0, 1 << 15),
            (
                0xecb3_4a04,
                "vldmia r3!, {s8-s11}",
                Kind::Multiple { words: 4 },
                0xf << 8,
                0,
            ),
            (
                0xed2d_8b04,
                "vpush {d8-d9}",
                Kind::Multiple { words: 4 },
                0,
                0xf << 16,
            ),
            (
                0xee67_7a87,
                "vmul.f32 s15, s15, s14",
                Kind::FpArithmetic,
                1 << 15,
                0b11 << 14,
            ),
            (
                0xee37_7a27,
                "vadd.f32 s14, s14, s15",
                Kind::FpArithmetic,
                1 << 14,
                0b11 << 14,
            ),
            (
                0xeee0_7a07,
                "vfma.f32 s15, s0, s14",
                Kind::FpFused,
                1 << 15,
                1 | 1 << 14,
            ),
            (0xee80_0a20, "vdiv.f32 s0, s0, s1", Kind::FpDivide, 1, 0b11),
            (0xeeb1_0ac0, "vsqrt.f32 s0, s0", Kind::FpDivide, 1, 1),
            (0xeeb0_0a60, "vmov.f32 s0, s1", Kind::FpOther, 1, 0b10),
            (0xeeb7_0a00, "vmov.f32 s0, #1.0", Kind::FpOther, 1, 0),
            (0xeeb4_0a60, "vcmp.f32 s0, s1", Kind::FpOther, 0, 0b11),
            (0xeef1_fa10, "vmrs APSR_nzcv, fpscr", Kind::FpOther, 0, 0),
            (0xee00_0a10, "vmov s0, r0", Kind::FpCoreMove, 1, 0),
            (0xee10_0a90, "vmov r0, s1", Kind::FpCoreMove, 0, 0b10),
            (0xeeb8_0ac0, "vcvt.f32.s32 s0, s0", Kind::FpArithmetic, 1, 1),
        ];
        for (code, text, kind, writes, reads) in rows {
            let insn = decode(code >> 16, code & 0xffff).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(
                (insn.kind, insn.fp_writes, insn.fp_reads),
                (kind, writes, reads),
                "{text}"
            );
        }
    }
}
