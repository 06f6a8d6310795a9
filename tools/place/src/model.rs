//! The problem as the solvers see it: time cut into sections, sizes in their common unit.

use crate::problem::Problem;

/// A run of sections, half-open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Run {
    pub first: u32,
    pub end: u32,
}

impl Run {
    pub fn sections(self) -> std::ops::Range<usize> {
        self.first as usize..self.end as usize
    }
}

/// What is to be placed: the buffers with a size, numbered from 0.
#[derive(Debug)]
pub struct Model {
    /// The greatest common divisor of all sizes and alignments: offsets and peaks are multiples of it.
    pub unit: u64,
    /// The buffer's position in the problem.
    pub origin: Vec<u32>,
    /// In units.
    pub sizes: Vec<u64>,
    /// In units; 1 where the problem asks for none.
    pub alignments: Vec<u64>,
    /// Time units over which each buffer holds memory.
    pub spans: Vec<u64>,
    /// The sections in which each buffer lives, ascending.
    pub runs: Vec<Vec<Run>>,
    /// The buffers that live in each section, ascending.
    pub members: Vec<Vec<u32>>,
    /// The buffers whose first section each is.
    pub starting: Vec<Vec<u32>>,
    /// The sum of sizes of each section, in units.
    pub loads: Vec<u64>,
    pub has_gaps: bool,
    pub has_alignment: bool,
}

pub fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

impl Model {
    pub fn of(problem: &Problem) -> Self {
        let buffers = problem.buffers();
        let origin: Vec<u32> = (0..buffers.len() as u32)
            .filter(|index| buffers[*index as usize].size > 0)
            .collect();
        let kept = || origin.iter().map(|index| &buffers[*index as usize]);
        let aligned = kept().filter(|buffer| buffer.alignment > 1);
        let unit = kept().map(|buffer| buffer.size).fold(0, gcd);
        let unit = aligned
            .map(|buffer| buffer.alignment)
            .fold(unit, gcd)
            .max(1);

        let sections = Sections::of(kept().map(|buffer| buffer.lives().collect()).collect());
        let sizes: Vec<u64> = kept().map(|buffer| buffer.size / unit).collect();
        let alignments: Vec<u64> = kept()
            .map(|buffer| (buffer.alignment / unit).max(1))
            .collect();
        let loads = sections.members.iter().map(|members| {
            let sizes = members.iter().map(|index| sizes[*index as usize]);
            sizes.sum()
        });
        let mut starting = vec![Vec::new(); sections.members.len()];
        for (buffer, runs) in sections.runs.iter().enumerate() {
            if let Some(run) = runs.first() {
                starting[run.first as usize].push(buffer as u32);
            }
        }
        Model {
            unit,
            starting,
            loads: loads.collect(),
            spans: kept()
                .map(|buffer| buffer.lives().map(|(start, end)| end - start).sum())
                .collect(),
            has_gaps: sections.runs.iter().any(|runs| runs.len() > 1),
            has_alignment: alignments.iter().any(|alignment| *alignment > 1),
            runs: sections.runs,
            members: sections.members,
            sizes,
            alignments,
            origin,
        }
    }

    pub fn len(&self) -> usize {
        self.sizes.len()
    }

    /// The largest sum of sizes alive at one time.
    pub fn largest_load(&self) -> u64 {
        self.loads.iter().copied().max().unwrap_or(0)
    }

    /// The sections of a buffer, one by one.
    pub fn sections(&self, buffer: usize) -> impl Iterator<Item = usize> + '_ {
        self.runs[buffer].iter().flat_map(|run| run.sections())
    }

    /// The lowest multiple of the buffer's alignment that is at least `offset`.
    pub fn align(&self, buffer: usize, offset: u64) -> u64 {
        match self.alignments[buffer] {
            1 => offset,
            alignment => offset.next_multiple_of(alignment),
        }
    }

    /// Whether two buffers live at a same time.
    pub fn meet(&self, left: usize, right: usize) -> bool {
        let (mut left, mut right) = (&self.runs[left][..], &self.runs[right][..]);
        while let ([a, rest_a @ ..], [b, rest_b @ ..]) = (left, right) {
            if a.end <= b.first {
                left = rest_a;
            } else if b.end <= a.first {
                right = rest_b;
            } else {
                return true;
            }
        }
        false
    }

    /// For each buffer those that live at some time with it, ascending.
    pub fn neighbours(&self) -> Vec<Vec<u32>> {
        let mut seen = vec![u32::MAX; self.len()];
        let of = |buffer: usize| {
            let mut found = Vec::new();
            seen[buffer] = buffer as u32;
            for section in self.sections(buffer) {
                for other in &self.members[section] {
                    if seen[*other as usize] != buffer as u32 {
                        seen[*other as usize] = buffer as u32;
                        found.push(*other);
                    }
                }
            }
            found.sort_unstable();
            found
        };
        (0..self.len()).map(of).collect()
    }
}

/// Times at which different buffers live. A section whose buffers all live in a section beside it as well adds
/// nothing and is left out.
struct Sections {
    members: Vec<Vec<u32>>,
    runs: Vec<Vec<Run>>,
}

impl Sections {
    fn of(lives: Vec<Vec<(u64, u64)>>) -> Self {
        // Ends before starts at one time, so that a buffer may take the place of one that ends.
        let mut events: Vec<(u64, bool, u32)> = Vec::new();
        for (buffer, lives) in lives.iter().enumerate() {
            for (start, end) in lives {
                events.push((*start, true, buffer as u32));
                events.push((*end, false, buffer as u32));
            }
        }
        events.sort_unstable();
        // A section is kept when something ends in it that started since the last: then it is within none
        // beside it.
        let mut members: Vec<Vec<u32>> = Vec::new();
        let mut alive: Vec<u32> = Vec::new();
        let mut grown = false;
        for (_, starts, buffer) in events {
            if starts {
                alive.push(buffer);
                grown = true;
            } else {
                if grown {
                    let mut sorted = alive.clone();
                    sorted.sort_unstable();
                    members.push(sorted);
                    grown = false;
                }
                alive.retain(|other| *other != buffer);
            }
        }
        let mut runs: Vec<Vec<Run>> = vec![Vec::new(); lives.len()];
        for (section, members) in members.iter().enumerate() {
            let section = section as u32;
            for buffer in members {
                let runs = &mut runs[*buffer as usize];
                match runs.last_mut() {
                    Some(run) if run.end == section => run.end += 1,
                    _ => runs.push(Run {
                        first: section,
                        end: section + 1,
                    }),
                }
            }
        }
        Sections { members, runs }
    }
}
