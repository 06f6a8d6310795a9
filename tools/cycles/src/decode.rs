//! What pricing needs to know of a Thumb instruction: its kind and some of its registers. Encodings from the Armv7-M Architecture
//! Reference Manual, chapters A5 and A6.

use crate::vfp;

/// Core registers, one bit each.
pub type Core = u16;
/// Single-precision registers, one bit each; a double is two.
pub type Single = u32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Load {
        to_pc: bool,
    },
    Store {
        register_offset: bool,
    },
    FpLoad,
    FpStore,
    /// Of this many words.
    Multiple {
        words: u32,
    },
    Branch,
    TableBranch,
    It,
    Divide,
    /// VFMA, VMLA and their relatives.
    FpFused,
    FpDivide,
    /// Other arithmetic of the FPU.
    FpArithmetic,
    /// Moves, comparisons, signs.
    FpOther,
    FpCoreMove,
    Other,
}

/// An instruction as pricing sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Insn {
    pub kind: Kind,
    pub is_wide: bool,
    /// What it writes: of a load, the value loaded; of data processing, the result.
    pub writes: Core,
    /// Base and index.
    pub address: Core,
    pub fp_writes: Single,
    /// Registers of the FPU that it needs at once; not the addend of a multiply-add.
    pub fp_reads: Single,
}

impl Insn {
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            is_wide: false,
            writes: 0,
            address: 0,
            fp_writes: 0,
            fp_reads: 0,
        }
    }

    pub fn writes(self, register: u32) -> Self {
        Self {
            writes: self.writes | bit(register),
            ..self
        }
    }

    pub fn at(self, register: u32) -> Self {
        Self {
            address: self.address | bit(register),
            ..self
        }
    }
}

fn bit(register: u32) -> Core {
    1 << (register & 15)
}

/// `high..=low` of an encoding.
pub fn field(code: u32, high: u32, low: u32) -> u32 {
    (code >> low) & ((1 << (high - low + 1)) - 1)
}

const SP: u32 = 13;
const PC: u32 = 15;

/// `None` for what an Armv7E-M core with a single-precision FPU does not have.
pub fn decode(code: &[u8]) -> Option<Insn> {
    match *code {
        [a, b] => narrow(u32::from(u16::from_le_bytes([a, b]))),
        [a, b, c, d] => {
            let first = u32::from(u16::from_le_bytes([a, b]));
            let second = u32::from(u16::from_le_bytes([c, d]));
            let insn = wide(first, second)?;
            Some(Insn {
                is_wide: true,
                ..insn
            })
        }
        _ => None,
    }
}

fn result(register: u32) -> Insn {
    Insn::new(Kind::Other).writes(register)
}

fn load(to: u32) -> Insn {
    Insn::new(Kind::Load { to_pc: to == PC }).writes(to)
}

fn load_or_store(is_load: bool, register: u32) -> Insn {
    if is_load {
        load(register)
    } else {
        Insn::new(Kind::Store {
            register_offset: false,
        })
    }
}

fn multiple(words: u32) -> Insn {
    Insn::new(Kind::Multiple { words })
}

fn narrow(code: u32) -> Option<Insn> {
    let other = Insn::new(Kind::Other);
    let (low, middle, at_eight) = (field(code, 2, 0), field(code, 5, 3), field(code, 10, 8));
    let is_load = field(code, 11, 11) == 1;
    Some(match field(code, 15, 11) {
        0b00000..=0b00011 => result(low),
        0b00101 => other,
        0b00100..=0b00111 => result(at_eight),
        0b01000 => match (field(code, 10, 10), field(code, 9, 6)) {
            // TST, CMP, CMN
            (0, 0b1000 | 0b1010 | 0b1011) => other,
            (0, _) => result(low),
            _ => match field(code, 9, 8) {
                0b01 => other,
                0b11 => Insn::new(Kind::Branch),
                _ => result(field(code, 7, 7) << 3 | low),
            },
        },
        0b01001 => load(at_eight).at(PC),
        0b01010 | 0b01011 => {
            let insn = match field(code, 11, 9) {
                0..=2 => Insn::new(Kind::Store {
                    register_offset: true,
                }),
                _ => load(low),
            };
            insn.at(middle).at(field(code, 8, 6))
        }
        0b01100..=0b10001 => load_or_store(is_load, low).at(middle),
        0b10010 | 0b10011 => load_or_store(is_load, at_eight).at(SP),
        0b10100 | 0b10101 => result(at_eight),
        0b10110 | 0b10111 => miscellaneous(code)?,
        0b11000 | 0b11001 => multiple(field(code, 7, 0).count_ones()).at(at_eight),
        0b11010 | 0b11011 => match field(code, 11, 8) {
            0b1110 => return None,
            0b1111 => other,
            _ => Insn::new(Kind::Branch),
        },
        0b11100 => Insn::new(Kind::Branch),
        _ => return None,
    })
}

fn miscellaneous(code: u32) -> Option<Insn> {
    let list = field(code, 8, 0).count_ones();
    Some(match field(code, 11, 8) {
        0b0000 => result(SP),
        0b0001 | 0b0011 | 0b1001 | 0b1011 => Insn::new(Kind::Branch),
        0b0010 | 0b1010 => result(field(code, 2, 0)),
        0b0100 | 0b0101 | 0b1100 | 0b1101 => multiple(list).at(SP),
        0b1111 if field(code, 3, 0) != 0 => Insn::new(Kind::It),
        // CPS, BKPT, hints
        0b0110 | 0b1110 | 0b1111 => Insn::new(Kind::Other),
        _ => return None,
    })
}

fn wide(first: u32, second: u32) -> Option<Insn> {
    match (field(first, 12, 11), field(first, 10, 9)) {
        (0b01, 0b00) => multiple_or_double(first, second),
        (0b01, 0b01) => Some(data_processing(second)),
        (0b01, _) => vfp::decode(first, second),
        (0b10, _) if field(second, 15, 15) == 0 => Some(data_processing(second)),
        (0b10, _) => Some(branch_or_control(first, second)),
        (0b11, 0b00) => single(first, second),
        (0b11, 0b01) => Some(register_or_multiply(first, second)),
        _ => None,
    }
}

fn multiple_or_double(first: u32, second: u32) -> Option<Insn> {
    let base = field(first, 3, 0);
    let to = field(second, 15, 12);
    if field(first, 6, 6) == 0 {
        return Some(multiple(second.count_ones()).at(base));
    }
    let is_load = field(first, 4, 4) == 1;
    let (p_or_w, kind) = (first & 0x0120 != 0, field(second, 7, 4));
    Some(match (p_or_w, field(first, 8, 5), kind) {
        (true, _, _) => multiple(2).at(base),
        // LDREX, STREX
        (false, 0b0010, _) => load_or_store(is_load, to).at(base),
        (false, 0b0110, 0b0000 | 0b0001) if is_load => Insn::new(Kind::TableBranch),
        // LDREXB, LDREXH, STREXB, STREXH
        (false, 0b0110, 0b0100 | 0b0101) => load_or_store(is_load, to).at(base),
        _ => return None,
    })
}

/// With a shifted register or an immediate.
fn data_processing(second: u32) -> Insn {
    match field(second, 11, 8) {
        // TST, TEQ, CMN, CMP
        PC => Insn::new(Kind::Other),
        to => result(to),
    }
}

fn branch_or_control(first: u32, second: u32) -> Insn {
    let is_conditional = field(second, 14, 14) == 0 && field(second, 12, 12) == 0;
    if !is_conditional || field(first, 9, 7) != 0b111 {
        return Insn::new(Kind::Branch);
    }
    match field(first, 6, 5) {
        // MRS
        0b11 => result(field(second, 11, 8)),
        // MSR, hints, barriers
        _ => Insn::new(Kind::Other),
    }
}

/// A load or store of one register.
fn single(first: u32, second: u32) -> Option<Insn> {
    if field(first, 8, 8) == 1 && field(first, 4, 4) == 0 {
        return None;
    }
    let base = field(first, 3, 0);
    let is_load = field(first, 4, 4) == 1;
    let register_offset = base != PC && field(first, 7, 7) == 0 && field(second, 11, 6) == 0;
    let insn = if is_load {
        load(field(second, 15, 12))
    } else {
        Insn::new(Kind::Store { register_offset })
    };
    let insn = insn.at(base);
    Some(if register_offset {
        insn.at(field(second, 3, 0))
    } else {
        insn
    })
}

/// Shifts by a register, extensions, parallel additions, multiplications, divisions.
fn register_or_multiply(first: u32, second: u32) -> Insn {
    let to = field(second, 11, 8);
    let is_long = field(first, 8, 7) == 0b11;
    match field(first, 6, 4) {
        0b001 | 0b011 if is_long => Insn::new(Kind::Divide).writes(to),
        _ if is_long => result(to).writes(field(second, 15, 12)),
        _ => result(to),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(hex: u32) -> Insn {
        // As a disassembler prints it: the halfword at the lower address first.
        let halfwords = match hex {
            0..=0xffff => vec![hex as u16],
            _ => vec![(hex >> 16) as u16, hex as u16],
        };
        let bytes: Vec<u8> = halfwords
            .iter()
            .flat_map(|half| half.to_le_bytes())
            .collect();
        decode(&bytes).unwrap_or_else(|| panic!("{hex:x}"))
    }

    /// Encodings as GNU as gives them for the text beside them.
    #[test]
    fn kinds_and_registers() {
        let wide = |insn: Insn| Insn {
            is_wide: true,
            ..insn
        };
        let store = |register_offset| Insn::new(Kind::Store { register_offset });
        let rows: [(u32, &str, Insn); 27] = [
            (0x1840, "adds r0, r0, r1", result(0)),
            (0x4282, "cmp r2, r0", Insn::new(Kind::Other)),
            (0x46c8, "mov r8, r9", result(8)),
            (0x4770, "bx lr", Insn::new(Kind::Branch)),
            (0x6818, "ldr r0, [r3]", load(0).at(3)),
            (0x5888, "ldr r0, [r1, r2]", load(0).at(1).at(2)),
            (0x5088, "str r0, [r1, r2]", store(true).at(1).at(2)),
            (0x9001, "str r0, [sp, #4]", store(false).at(13)),
            (0xb5f0, "push {r4-r7, lr}", multiple(5).at(13)),
            (0xbd10, "pop {r4, pc}", multiple(2).at(13)),
            (0xc80e, "ldmia r0!, {r1-r3}", multiple(3).at(0)),
            (0xbf18, "it ne", Insn::new(Kind::It)),
            (0xb120, "cbz r0", Insn::new(Kind::Branch)),
            (0xd1fc, "bne", Insn::new(Kind::Branch)),
            (0xe92d_4ff0, "push.w {r4-r11, lr}", multiple(9).at(13)),
            (0xe9d1_2300, "ldrd r2, r3, [r1]", multiple(2).at(1)),
            (0xe8df_f001, "tbb [pc, r1]", Insn::new(Kind::TableBranch)),
            (0xeb03_0281, "add.w r2, r3, r1, lsl #2", result(2)),
            (0xf1b8_0f00, "cmp.w r8, #0", Insn::new(Kind::Other)),
            (0xf8d3_2080, "ldr.w r2, [r3, #128]", load(2).at(3)),
            (
                0xf853_2021,
                "ldr.w r2, [r3, r1, lsl #2]",
                load(2).at(3).at(1),
            ),
            (0xf853_2b04, "ldr.w r2, [r3], #4", load(2).at(3)),
            (0xf843_2b04, "str.w r2, [r3], #4", store(false).at(3)),
            (
                0xfbb1_f0f2,
                "udiv r0, r1, r2",
                Insn::new(Kind::Divide).writes(0),
            ),
            (0xfba1_0302, "umull r0, r3, r1, r2", result(0).writes(3)),
            (0xf000_f801, "bl", Insn::new(Kind::Branch)),
            (0xf040_8001, "bne.w", Insn::new(Kind::Branch)),
        ];
        for (code, text, expected) in rows {
            let expected = if code > 0xffff {
                wide(expected)
            } else {
                expected
            };
            assert_eq!(of(code), expected, "{text}");
        }
    }
}
