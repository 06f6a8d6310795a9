//! The state of the search, changed and undone step by step.
//!
//! A buffer that is not yet placed has a *head*: the lowest offset that is left to it. A section's *floor* is the
//! lowest head in it. What is left to solve is told by the heads alone: two histories that leave the same buffers
//! with the same heads leave the same problem.

use crate::greedy::Found;
use crate::model::Model;

/// What a step changed, to be undone.
#[derive(Clone, Copy, Debug)]
enum Change {
    Head { buffer: u32, old: u64 },
    Floor { section: u32, old: u64 },
    Placed { buffer: u32 },
}

/// A section as the search sees it.
#[derive(Clone, Debug)]
struct Section {
    /// Entries of its open buffers first, then those of the placed ones.
    entries: Vec<u32>,
    open: u32,
    /// The sum of sizes of the open buffers.
    rest: u64,
    /// The lowest head of the open buffers; `u64::MAX` without any.
    floor: u64,
}

/// A buffer in a section.
#[derive(Clone, Copy, Debug)]
struct Entry {
    buffer: u32,
    section: u32,
    /// Where it stands in the section's entries.
    at: u32,
}

pub struct State<'m> {
    pub model: &'m Model,
    neighbours: &'m [Vec<u32>],
    pub capacity: u64,
    heads: Vec<u64>,
    placed: Vec<bool>,
    entries: Vec<Entry>,
    /// Each buffer's entries: those from here to the next buffer's.
    first_entry: Vec<u32>,
    sections: Vec<Section>,
    /// For each section the number of open buffers that live in it and in a later one too.
    crossing: Vec<u32>,
    changes: Vec<Change>,
    touched: Vec<u32>,
    is_touched: Vec<bool>,
}

impl<'m> State<'m> {
    pub fn new(model: &'m Model, neighbours: &'m [Vec<u32>], capacity: u64) -> Self {
        let mut entries = Vec::new();
        let mut first_entry = Vec::new();
        let sections = model.loads.iter().zip(&model.members);
        let sections = sections.map(|(load, members)| Section {
            entries: Vec::with_capacity(members.len()),
            open: members.len() as u32,
            rest: *load,
            floor: if members.is_empty() { u64::MAX } else { 0 },
        });
        let mut sections: Vec<Section> = sections.collect();
        let mut crossing = vec![0; sections.len()];
        for buffer in 0..model.len() {
            first_entry.push(entries.len() as u32);
            for section in model.sections(buffer) {
                let own = &mut sections[section].entries;
                entries.push(Entry {
                    buffer: buffer as u32,
                    section: section as u32,
                    at: own.len() as u32,
                });
                own.push(entries.len() as u32 - 1);
            }
            for section in hull(model, buffer) {
                crossing[section] += 1;
            }
        }
        first_entry.push(entries.len() as u32);
        State {
            model,
            neighbours,
            capacity,
            heads: vec![0; model.len()],
            placed: vec![false; model.len()],
            entries,
            first_entry,
            is_touched: vec![false; sections.len()],
            sections,
            crossing,
            changes: Vec::new(),
            touched: Vec::new(),
        }
    }

    pub fn head(&self, buffer: u32) -> u64 {
        self.heads[buffer as usize]
    }

    pub fn floor(&self, section: usize) -> u64 {
        self.sections[section].floor
    }

    /// What the section can waste between its floor and the capacity.
    pub fn slack(&self, section: usize) -> u64 {
        let section = &self.sections[section];
        self.capacity - section.floor - section.rest
    }

    /// The open buffers of a section.
    pub fn open(&self, section: usize) -> impl Iterator<Item = u32> + '_ {
        let section = &self.sections[section];
        let entries = section.entries.iter().take(section.open as usize);
        entries.map(|entry| self.entries[*entry as usize].buffer)
    }

    /// The open buffers whose first section this is.
    pub fn starting(&self, section: usize) -> impl Iterator<Item = u32> + '_ {
        let starting = self.model.starting[section].iter().copied();
        starting.filter(|buffer| !self.placed[*buffer as usize])
    }

    pub fn open_len(&self, section: usize) -> u32 {
        self.sections[section].open
    }

    /// The open buffers that live at some time with `buffer`.
    pub fn open_neighbours(&self, buffer: u32) -> impl Iterator<Item = u32> + '_ {
        let neighbours = self.neighbours[buffer as usize].iter().copied();
        neighbours.filter(|other| !self.placed[*other as usize])
    }

    /// Whether an open buffer lives in this section and in a later one.
    pub fn crosses(&self, section: usize) -> bool {
        self.crossing[section] > 0
    }

    /// Whether the largest live sum fits at all.
    pub fn fits(&self) -> bool {
        let mut loads = self.model.loads.iter();
        loads.all(|load| *load <= self.capacity)
    }

    /// The point to which [`undo`](Self::undo) returns.
    pub fn mark(&self) -> usize {
        self.changes.len()
    }

    pub fn undo(&mut self, mark: usize) {
        while self.changes.len() > mark {
            match self.changes.pop() {
                Some(Change::Head { buffer, old }) => self.heads[buffer as usize] = old,
                Some(Change::Floor { section, old }) => {
                    self.sections[section as usize].floor = old;
                }
                Some(Change::Placed { buffer }) => self.reopen(buffer as usize),
                None => return,
            }
        }
    }

    fn own_entries(&self, buffer: usize) -> std::ops::Range<usize> {
        self.first_entry[buffer] as usize..self.first_entry[buffer + 1] as usize
    }

    fn reopen(&mut self, buffer: usize) {
        self.placed[buffer] = false;
        for entry in self.own_entries(buffer).rev() {
            let section = &mut self.sections[self.entries[entry].section as usize];
            // The entry was swapped to just behind the open ones.
            section.open += 1;
            section.rest += self.model.sizes[buffer];
        }
        for section in hull(self.model, buffer) {
            self.crossing[section] += 1;
        }
    }

    /// Places `buffer` at its head. False, with the state half changed, if something fits no longer.
    pub fn place(&mut self, buffer: u32) -> bool {
        let own = buffer as usize;
        let size = self.model.sizes[own];
        let top = self.heads[own] + size;
        self.placed[own] = true;
        self.changes.push(Change::Placed { buffer });
        for entry in self.own_entries(own) {
            let Entry { section, at, .. } = self.entries[entry];
            let open = &mut self.sections[section as usize];
            open.open -= 1;
            open.rest -= size;
            let other = open.entries[open.open as usize];
            open.entries.swap(at as usize, open.open as usize);
            self.entries[other as usize].at = at;
            self.entries[entry].at = self.sections[section as usize].open;
            self.touch(section as usize);
        }
        for section in hull(self.model, own) {
            self.crossing[section] -= 1;
        }
        let neighbours = self.neighbours;
        let mut fits = true;
        for other in &neighbours[own] {
            fits = fits && (self.placed[*other as usize] || self.lift(*other, top));
        }
        self.settle(fits)
    }

    /// Raises the heads of `lifts` to what stands beside them. False, with the state half changed, if something
    /// fits no longer.
    pub fn raise(&mut self, lifts: &[(u32, u64)]) -> bool {
        let mut fits = true;
        for (buffer, head) in lifts {
            fits = fits && self.lift(*buffer, *head);
        }
        self.settle(fits)
    }

    fn lift(&mut self, buffer: u32, offset: u64) -> bool {
        let own = buffer as usize;
        let old = self.heads[own];
        if offset <= old {
            return true;
        }
        if offset > self.capacity {
            return false;
        }
        let head = self.model.align(own, offset);
        if head > self.capacity || self.model.sizes[own] > self.capacity - head {
            return false;
        }
        self.changes.push(Change::Head { buffer, old });
        self.heads[own] = head;
        for entry in self.own_entries(own) {
            let section = self.entries[entry].section as usize;
            if self.sections[section].floor == old {
                self.touch(section);
            }
        }
        true
    }

    fn touch(&mut self, section: usize) {
        if !self.is_touched[section] {
            self.is_touched[section] = true;
            self.touched.push(section as u32);
        }
    }

    /// Brings the floors of the touched sections up to date.
    fn settle(&mut self, mut fits: bool) -> bool {
        while let Some(touched) = self.touched.pop() {
            let section = touched as usize;
            self.is_touched[section] = false;
            if !fits {
                continue;
            }
            let heads = self.open(section).map(|buffer| self.heads[buffer as usize]);
            let floor = heads.min().unwrap_or(u64::MAX);
            let own = &mut self.sections[section];
            if own.floor != floor {
                self.changes.push(Change::Floor {
                    section: touched,
                    old: own.floor,
                });
                own.floor = floor;
            }
            fits = own.open == 0 || own.rest <= self.capacity - floor;
        }
        fits
    }

    /// The offsets, when all buffers are placed.
    pub fn found(&self) -> Found {
        let ends = self.heads.iter().zip(&self.model.sizes);
        Found {
            offsets: self.heads.clone(),
            peak: ends.map(|(offset, size)| offset + size).max().unwrap_or(0),
        }
    }
}

/// The sections of a buffer but the last, gaps included: those from which it crosses into the next.
fn hull(model: &Model, buffer: usize) -> std::ops::Range<usize> {
    let runs = &model.runs[buffer];
    match (runs.first(), runs.last()) {
        (Some(first), Some(last)) => first.first as usize..last.end as usize - 1,
        _ => 0..0,
    }
}
