//! What is counted, apart from how QEMU tells of it.

use std::collections::HashMap;

/// How instructions are encoded.
#[derive(Clone, Copy)]
pub enum Encoding {
    Thumb,
    RiscV,
}

impl Encoding {
    /// The first instruction of these bytes: QEMU hands over one and, at the end of a page, a halfword behind it at which it
    /// looked too.
    pub fn first(self, bytes: &[u8]) -> &[u8] {
        let is_wide = match (self, bytes) {
            (Encoding::Thumb, [_, high, ..]) => *high >= 0b1110_1000,
            (Encoding::RiscV, [low, ..]) => low & 0b11 == 0b11,
            _ => false,
        };
        bytes.get(..if is_wide { 4 } else { 2 }).unwrap_or(bytes)
    }
}

pub struct Insn {
    pub address: u64,
    pub code: Vec<u8>,
}

/// A translation block and what it did in the window that is open.
pub struct Block {
    pub start: u64,
    /// The address behind its last instruction.
    end: u64,
    pub codes: Vec<Vec<u8>>,
    pub count: u64,
    /// How often the branch at its end was taken.
    pub taken: u64,
    /// Further bus transfers of unaligned loads.
    pub wait: u64,
}

impl Block {
    pub fn new(insns: Vec<Insn>) -> Self {
        Self {
            start: insns.first().map_or(0, |insn| insn.address),
            end: insns
                .last()
                .map_or(0, |insn| insn.address + insn.code.len() as u64),
            codes: insns.into_iter().map(|insn| insn.code).collect(),
            count: 0,
            taken: 0,
            wait: 0,
        }
    }
}

/// Where the program is with respect to the markers.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Outside,
    InStartMarker,
    Inside,
}

pub struct Counter {
    start: u64,
    stop: u64,
    place: Place,
    blocks: Vec<Block>,
    /// Blocks by address and number of instructions: one that is translated again is the same.
    known: HashMap<(u64, usize), usize>,
    previous: Option<usize>,
}

impl Counter {
    pub fn new(start: u64, stop: u64) -> Self {
        Self {
            start,
            stop,
            place: Place::Outside,
            blocks: Vec::new(),
            known: HashMap::new(),
            previous: None,
        }
    }

    /// The index under which the block is counted.
    pub fn add(&mut self, block: Block) -> usize {
        let key = (block.start, block.codes.len());
        *self.known.entry(key).or_insert_with(|| {
            self.blocks.push(block);
            self.blocks.len() - 1
        })
    }

    /// The block is about to run. True if this closed the window.
    pub fn enter(&mut self, index: usize) -> bool {
        let start = self.blocks[index].start;
        if self.place == Place::Inside
            && let Some(previous) = self.previous
            && self.blocks[previous].end != start
        {
            self.blocks[previous].taken += 1;
        }
        self.previous = Some(index);
        match self.place {
            Place::Inside if start == self.stop => {
                self.place = Place::Outside;
                return true;
            }
            Place::InStartMarker => self.place = Place::Inside,
            _ if start == self.start => self.place = Place::InStartMarker,
            _ => {}
        }
        if self.place == Place::Inside {
            self.blocks[index].count += 1;
        }
        false
    }

    /// A load of 2^shift bytes from an address that is no multiple of them: one transfer more, or two where a word lies
    /// at an odd address.
    pub fn unaligned_load(&mut self, index: usize, address: u64, shift: u32) {
        if self.place == Place::Inside {
            self.blocks[index].wait += if shift == 2 && address % 2 == 1 { 2 } else { 1 };
        }
    }

    /// What ran, and back to zero.
    pub fn take_window(&mut self) -> Vec<Block> {
        let ran = self.blocks.iter_mut().filter(|block| block.count > 0);
        ran.map(|block| Block {
            start: block.start,
            end: block.end,
            codes: block.codes.clone(),
            count: std::mem::take(&mut block.count),
            taken: std::mem::take(&mut block.taken),
            wait: std::mem::take(&mut block.wait),
        })
        .collect()
    }
}
