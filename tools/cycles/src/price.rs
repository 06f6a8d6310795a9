//! The cost of what ran.

use crate::counts::{Block, Window};
use crate::decode::{Insn, Kind, decode};

/// What the TRM leaves open, as [`crate`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Model {
    /// Cycles to refill the pipeline after a taken branch.
    pub refill: u64,
    /// VFMA, VMLA.
    pub fused: u64,
    /// SDIV, UDIV.
    pub divide: u64,
}

impl Default for Model {
    fn default() -> Self {
        Self {
            refill: 2,
            fused: 3,
            divide: 7,
        }
    }
}

/// An instruction that a Cortex-M4F does not have.
#[derive(Debug, thiserror::Error)]
#[error("the instruction {code:02x?} at {address:#x} is not a Cortex-M4F's")]
pub struct Unpriced {
    pub address: u64,
    pub code: Vec<u8>,
}

impl Model {
    /// Modelled cycles of all that ran in the window.
    ///
    /// # Errors
    /// An instruction that a Cortex-M4F does not have.
    pub fn cycles(&self, window: &Window) -> Result<u64, Unpriced> {
        let mut sum = 0;
        for block in &window.blocks {
            let mut once = 0;
            self.each(block, |_, cycles| once += cycles)?;
            sum += block.count * once + block.taken * self.refill + block.wait;
        }
        Ok(sum)
    }

    /// Modelled cycles at addresses in the range.
    ///
    /// # Errors
    /// As [`Self::cycles`].
    pub fn cycles_in(
        &self,
        window: &Window,
        addresses: &std::ops::Range<u64>,
    ) -> Result<u64, Unpriced> {
        let mut sum = 0;
        for block in &window.blocks {
            let mut ends_inside = false;
            self.each(block, |address, cycles| {
                ends_inside = addresses.contains(&address);
                sum += if ends_inside { block.count * cycles } else { 0 };
            })?;
            if ends_inside {
                sum += block.taken * self.refill;
            }
            sum += if addresses.contains(&block.start) {
                block.wait
            } else {
                0
            };
        }
        Ok(sum)
    }

    /// Address and cycles of each instruction of a block, run once, without the branch's refill.
    fn each(&self, block: &Block, mut see: impl FnMut(u64, u64)) -> Result<(), Unpriced> {
        let mut address = block.start;
        let mut before = None;
        for code in &block.codes {
            let insn = decode(code).ok_or_else(|| Unpriced {
                address,
                code: code.clone(),
            })?;
            see(address, self.price(&insn, before.as_ref()));
            address += code.len() as u64;
            before = Some(insn);
        }
        Ok(())
    }

    fn price(&self, insn: &Insn, before: Option<&Insn>) -> u64 {
        self.alone(insn, before) + u64::from(before.is_some_and(|before| stalls(insn, before)))
    }

    fn alone(&self, insn: &Insn, before: Option<&Insn>) -> u64 {
        let after_load = before.is_some_and(|before| {
            matches!(before.kind, Kind::Load { .. } | Kind::FpLoad)
                && before.writes & insn.address == 0
        });
        match insn.kind {
            Kind::Load { to_pc: false } | Kind::FpLoad | Kind::FpStore => 2 - u64::from(after_load),
            Kind::Store {
                register_offset: true,
            } => 2 - u64::from(after_load),
            Kind::Load { to_pc: true } => 2,
            Kind::Store {
                register_offset: false,
            } => 1,
            Kind::Multiple { words } => 1 + u64::from(words),
            Kind::TableBranch | Kind::FpCoreMove => 2,
            Kind::It => u64::from(before.is_none_or(|before| before.is_wide)),
            Kind::Divide => self.divide,
            Kind::FpFused => self.fused,
            Kind::FpDivide => 14,
            Kind::Branch | Kind::FpArithmetic | Kind::FpOther | Kind::Other => 1,
        }
    }
}

/// Rules 6 and 7: a result that the very next instruction needs too early.
fn stalls(insn: &Insn, before: &Insn) -> bool {
    match before.kind {
        Kind::FpFused | Kind::FpDivide | Kind::FpArithmetic => {
            before.fp_writes & insn.fp_reads != 0
        }
        Kind::Other | Kind::Divide => before.writes & insn.address != 0,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cycles(count: u64, taken: u64, codes: &[u32]) -> u64 {
        let codes = codes.iter().map(|code| match code {
            0..=0xffff => (*code as u16).to_le_bytes().to_vec(),
            _ => [(*code >> 16) as u16, *code as u16]
                .iter()
                .flat_map(|half| half.to_le_bytes())
                .collect(),
        });
        let window = Window {
            blocks: vec![Block {
                start: 0x8000,
                count,
                taken,
                wait: 0,
                codes: codes.collect(),
            }],
        };
        Model::default().cycles(&window).unwrap()
    }

    /// By hand, from the TRM's tables.
    #[test]
    fn the_rules() {
        const LDR_R0_R3: u32 = 0x6818;
        const VMUL: u32 = 0xee67_7a87; // s15 = s15 s14
        const VADD: u32 = 0xee37_7a27; // s14 += s15
        const VADD_OTHER: u32 = 0xee31_1a22; // s2 = s2 + s5
        const VFMA: u32 = 0xeee0_7a07; // s15 += s0 s14
        const VMUL_S14: u32 = 0xee20_7a20; // s14 = s0 s1
        const VDIV: u32 = 0xee80_0a20;
        let rows: [(&str, &[u32], u64); 13] = [
            ("one load", &[LDR_R0_R3], 2),
            ("n loads are n + 1", &[LDR_R0_R3, 0x6819, 0x681a], 4),
            ("a load through the one before", &[LDR_R0_R3, 0x6801], 4),
            ("an address made just before", &[0x3304, LDR_R0_R3], 4),
            (
                "a register made just before, not the address",
                &[0x3104, LDR_R0_R3],
                3,
            ),
            ("a store, immediate and register", &[0x6018, 0x5088], 3),
            ("a store by register behind a load", &[0x6818, 0x508a], 3),
            ("push of five", &[0xb5f0], 6),
            ("multiply, then add its result", &[VMUL, VADD], 3),
            ("multiply, then another add", &[VMUL, VADD_OTHER], 2),
            ("the addend of a fused one may be fresh", &[VMUL, VFMA], 4),
            ("its factor may not", &[VMUL_S14, VFMA], 5),
            ("division, then its result", &[VDIV, 0xeeb0_0a40], 16),
        ];
        for (what, codes, expected) in rows {
            assert_eq!(cycles(1, 0, codes), expected, "{what}");
        }
    }

    #[test]
    fn taken_branches_refill() {
        // subs, bne: ten turns, nine taken
        assert_eq!(cycles(10, 9, &[0x3801, 0xd1fd]), 10 * 2 + 9 * 2);
    }

    #[test]
    fn not_a_cortex_m4f() {
        // vadd.f64 d0, d0, d1
        let window = Window {
            blocks: vec![Block {
                start: 0x8000,
                count: 1,
                taken: 0,
                wait: 0,
                codes: vec![vec![0x30, 0xee, 0x01, 0x0b]],
            }],
        };
        assert!(Model::default().cycles(&window).is_err());
    }
}
