//! Buffers of time steps laid out as one, so that the calls of all steps can be one loop: a loop's operands advance by
//! the same stride each turn.
//!
//! Where calls repeat, what one turn's operand is to the next turn's (h of one step, h of the next) chains their
//! buffers. The buffers of a chain get equally spaced offsets: all the same where no two of them live at once, two in
//! turn where only neighbours do, one after the other else. It costs memory only where other buffers would have fitted
//! in between; the caller says how much there is.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::alias::Aliases;
use crate::ir::{Code, Instr, Phase, Storage, View};
use crate::place::Item;
use crate::repeats::repeats;

/// Buffers that belong together, in order; buffer number i lies in slot i modulo `slots`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stack {
    pub members: Vec<usize>,
    pub slots: usize,
}

/// How an operand of one call lies to that of another.
#[derive(PartialEq)]
enum Step {
    LeftOut,
    /// So many elements further in the same buffer.
    Along(i64),
    /// The same part of another buffer of the same length.
    Another,
}

/// The stacks of a program whose buffers live as `lives` says.
pub fn stacks(code: &Code, aliases: &Aliases, lives: &BTreeMap<usize, Item>) -> Vec<Stack> {
    let mut neighbours: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for phase in [Phase::Forward, Phase::Backward, Phase::Check, Phase::Update] {
        let calls: Vec<&Instr> = code
            .instrs
            .iter()
            .filter(|instr| instr.phase == phase && !aliases.is_elided(instr))
            .collect();
        let found = repeats(calls.len(), |a, b| step(code, aliases, calls[a], calls[b]));
        // Two alike next to each other are no steps.
        for repeat in found.into_iter().filter(|repeat| repeat.count > 2) {
            let last = repeat.start + repeat.period * (repeat.count - 1);
            for at in repeat.start..last {
                let pairs = calls[at]
                    .operands
                    .iter()
                    .zip(&calls[at + repeat.period].operands);
                for pair in pairs {
                    let (Some(from), Some(to)) = pair else {
                        continue;
                    };
                    let (from, to) = (aliases.resolve(*from).buf.0, aliases.resolve(*to).buf.0);
                    if from != to {
                        neighbours.entry(from).or_default().insert(to);
                        neighbours.entry(to).or_default().insert(from);
                    }
                }
            }
        }
    }
    let chains = chains(&neighbours);
    let stacks = chains.into_iter().filter_map(|members| {
        let slots = slots(&members, lives)?;
        Some(Stack { members, slots })
    });
    stacks.collect()
}

fn step(code: &Code, aliases: &Aliases, from: &Instr, to: &Instr) -> Option<(Vec<Step>, Vec<u32>)> {
    let ints = from.ints.len() == to.ints.len();
    if from.kernel != to.kernel || !ints || from.operands.len() != to.operands.len() {
        return None;
    }
    let operands = from.operands.iter().zip(&to.operands);
    let steps: Option<Vec<Step>> = operands
        .map(|pair| match pair {
            (None, None) => Some(Step::LeftOut),
            (Some(from), Some(to)) if from.len == to.len => {
                between(code, aliases.resolve(*from), aliases.resolve(*to))
            }
            _ => None,
        })
        .collect();
    let ints = from.ints.iter().zip(&to.ints);
    Some((
        steps?,
        ints.map(|(from, to)| to.wrapping_sub(*from)).collect(),
    ))
}

fn between(code: &Code, from: View, to: View) -> Option<Step> {
    let (a, b) = (code.buf(from), code.buf(to));
    if from.buf == to.buf || (a.storage == b.storage && a.storage != Storage::Transient) {
        return Some(Step::Along(to.offset as i64 - from.offset as i64));
    }
    let alike = a.storage == Storage::Transient && b.storage == Storage::Transient;
    (alike && a.len == b.len && from.offset == to.offset).then_some(Step::Another)
}

/// The chains among the buffers: those whose neighbours leave one order. Buffers that branch stay as they are.
fn chains(neighbours: &BTreeMap<usize, BTreeSet<usize>>) -> Vec<Vec<usize>> {
    let mut seen: BTreeSet<usize> = BTreeSet::new();
    let mut chains = Vec::new();
    for start in neighbours.keys() {
        let mut members = vec![*start];
        let mut at = 0;
        if !seen.insert(*start) {
            continue;
        }
        while let Some(member) = members.get(at) {
            let new: Vec<usize> = neighbours[member]
                .iter()
                .copied()
                .filter(|next| seen.insert(*next))
                .collect();
            members.extend(new);
            at += 1;
        }
        let degrees = members.iter().map(|member| neighbours[member].len());
        let is_chain =
            degrees.clone().max() <= Some(2) && degrees.sum::<usize>() == 2 * (members.len() - 1);
        let end = members
            .iter()
            .filter(|member| neighbours[member].len() == 1);
        if let (true, Some(end)) = (is_chain, end.min()) {
            chains.push(in_order(*end, neighbours));
        }
    }
    chains
}

fn in_order(end: usize, neighbours: &BTreeMap<usize, BTreeSet<usize>>) -> Vec<usize> {
    let mut order = vec![end];
    let mut before = None;
    let mut at = end;
    while let Some(next) = neighbours[&at].iter().find(|next| Some(**next) != before) {
        before = Some(at);
        at = *next;
        order.push(at);
    }
    order
}

/// In how many places the members take turns; none if one of them is not placed.
fn slots(members: &[usize], lives: &BTreeMap<usize, Item>) -> Option<usize> {
    let items: Option<Vec<&Item>> = members.iter().map(|member| lives.get(member)).collect();
    let items = items?;
    let apart = |slots: usize| {
        (0..slots).all(|slot| {
            let mut turn: Vec<&&Item> = items.iter().skip(slot).step_by(slots).collect();
            turn.sort_by_key(|item| item.lower);
            turn.windows(2).all(|pair| pair[0].upper <= pair[1].lower)
        })
    };
    Some(
        [1, 2]
            .into_iter()
            .find(|slots| apart(*slots))
            .unwrap_or(items.len()),
    )
}

/// Buffers that are placed as one: each with its life, and its place from the first one's.
type Block = Vec<(usize, Item, usize)>;

/// The highest end, and offsets of all buffers, stacks as stacks; no better ones are looked for once it is at or below
/// `limit`.
pub fn place(
    lives: &BTreeMap<usize, Item>,
    stacks: &[Stack],
    limit: usize,
) -> (usize, HashMap<usize, usize>) {
    let stacked: BTreeSet<usize> = stacks
        .iter()
        .flat_map(|s| s.members.iter().copied())
        .collect();
    let single = lives.iter().filter(|(buf, _)| !stacked.contains(buf));
    let mut blocks: Vec<Block> = single.map(|(buf, item)| vec![(*buf, *item, 0)]).collect();
    for stack in stacks {
        let members = stack.members.iter().enumerate();
        blocks.push(
            members
                .map(|(at, buf)| (*buf, lives[buf], at % stack.slots * lives[buf].size))
                .collect(),
        );
    }
    let len = |block: &Block| {
        let ends = block.iter().map(|(_, item, at)| at + item.size);
        ends.max().unwrap_or(0)
    };
    let area = |block: &Block| -> usize {
        let each = block.iter();
        each.map(|(_, item, _)| item.size * (item.upper - item.lower))
            .sum()
    };
    // Single buffers last, the largest first: there is always a place for them on top.
    let (mut blocks, mut single): (Vec<Block>, Vec<Block>) =
        blocks.into_iter().partition(|block| block.len() > 1);
    single.sort_by_key(|block| Reverse((len(block), area(block))));
    blocks.sort_by_key(|block| Reverse((len(block), area(block))));
    let stacked = blocks.len();
    blocks.extend(single);
    let mut dice = Dice(1);
    let mut best = first_fit(&blocks);
    for _ in 0..(WORK / lives.len().max(1).pow(2)).clamp(8, 400) {
        if best.0 <= limit {
            break;
        }
        // There are few stacks, as many for any number of steps; the same orders are tried for all.
        for at in (1..stacked).rev() {
            blocks.swap(at, dice.below(at + 1));
        }
        let other = first_fit(&blocks);
        if other.0 < best.0 {
            best = other;
        }
    }
    best
}

/// About how many pairs of buffers are compared before the search for an order gives up.
const WORK: usize = 8_000_000;

/// A linear congruential generator: the same orders in every build.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        ((self.0 >> 33) as usize) % end
    }
}

/// Each block in order at the lowest offset at which none of its buffers meets a placed one. A stack may stand on its
/// head: what backward leaves, last step first, then fits where forward's values were.
fn first_fit(blocks: &[Block]) -> (usize, HashMap<usize, usize>) {
    let mut placed: Vec<(Item, usize)> = Vec::new();
    let mut offsets = HashMap::new();
    let mut peak = 0;
    for block in blocks {
        let top = block.iter().map(|(_, _, at)| *at).max().unwrap_or(0);
        let turned: Block = block
            .iter()
            .map(|(buf, item, at)| (*buf, *item, top - at))
            .collect();
        let (upright, on_its_head) = (lowest(block, &placed), lowest(&turned, &placed));
        let (block, offset) = match upright <= on_its_head {
            true => (block, upright),
            false => (&turned, on_its_head),
        };
        for (buf, item, at) in block {
            placed.push((*item, offset + at));
            offsets.insert(*buf, offset + at);
            peak = peak.max(offset + at + item.size);
        }
    }
    (peak, offsets)
}

/// The lowest offset at which none of the block's buffers meets a placed one.
fn lowest(block: &Block, placed: &[(Item, usize)]) -> usize {
    // The offsets that the block cannot have: half-open ranges.
    let mut taken: Vec<(usize, usize)> = Vec::new();
    for (_, item, at) in block {
        let meets = placed
            .iter()
            .filter(|(other, _)| item.lower < other.upper && other.lower < item.upper);
        taken.extend(meets.map(|(other, offset)| {
            let from = (offset + 1).saturating_sub(at + item.size);
            (from, (offset + other.size).saturating_sub(*at))
        }));
    }
    taken.sort_unstable();
    let mut offset = 0;
    for (from, to) in taken {
        if from > offset {
            break;
        }
        offset = offset.max(to);
    }
    offset
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(lower: usize, upper: usize) -> Item {
        Item {
            lower,
            upper,
            size: 4,
        }
    }

    fn lives(items: &[Item]) -> BTreeMap<usize, Item> {
        items.iter().copied().enumerate().collect()
    }

    #[test]
    fn neighbours_give_one_order_or_none() {
        let of = |edges: &[(usize, usize)]| {
            let mut neighbours: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
            for (a, b) in edges {
                neighbours.entry(*a).or_default().insert(*b);
                neighbours.entry(*b).or_default().insert(*a);
            }
            chains(&neighbours)
        };
        assert_eq!(of(&[(7, 3), (3, 9), (1, 2)]), [vec![1, 2], vec![7, 3, 9]]);
        assert_eq!(
            of(&[(0, 1), (1, 2), (2, 0)]),
            Vec::<Vec<usize>>::new(),
            "a ring"
        );
        assert_eq!(
            of(&[(0, 1), (0, 2), (0, 3)]),
            Vec::<Vec<usize>>::new(),
            "a star"
        );
    }

    #[test]
    fn as_few_places_as_lives_allow() {
        let of = |items: &[Item]| {
            let members: Vec<usize> = (0..items.len()).collect();
            slots(&members, &lives(items))
        };
        assert_eq!(of(&[item(0, 2), item(2, 4), item(4, 6)]), Some(1));
        assert_eq!(
            of(&[item(0, 3), item(2, 5), item(4, 7), item(6, 8)]),
            Some(2)
        );
        assert_eq!(of(&[item(0, 9), item(2, 8), item(4, 7)]), Some(3));
        assert_eq!(slots(&[0, 5], &lives(&[item(0, 1)])), None);
    }

    #[test]
    fn stacks_are_placed_beside_what_lives_meanwhile() {
        let lives = lives(&[item(0, 9), item(1, 9), item(2, 9), item(0, 1), item(8, 9)]);
        let stack = Stack {
            members: vec![2, 1, 0],
            slots: 3,
        };
        let (peak, offsets) = place(&lives, std::slice::from_ref(&stack), 0);
        assert_eq!(peak, 16);
        assert_eq!(offsets[&1], offsets[&2] + 4);
        assert_eq!(offsets[&0], offsets[&2] + 8);
        for (a, x) in &lives {
            for (b, y) in &lives {
                let meet = a < b && x.lower < y.upper && y.lower < x.upper;
                assert!(!meet || offsets[a].abs_diff(offsets[b]) >= 4, "{a} {b}");
            }
        }
    }
}
