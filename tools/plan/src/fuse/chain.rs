//! Steps that follow one another with the same parameters: an unrolled layer.

use std::collections::HashMap;

use super::cell::{Cell, Readers};
use crate::Sym;

/// The steps of one layer, the first one first. Never empty.
pub(super) struct Chain {
    pub cells: Vec<Cell>,
}

impl Chain {
    pub fn first(&self) -> &Cell {
        &self.cells[0]
    }

    pub fn last(&self) -> &Cell {
        &self.cells[self.cells.len() - 1]
    }

    /// Whether only its own steps read the cell states, but for the last one.
    fn is_closed(&self, readers: &Readers) -> bool {
        self.cells.windows(2).all(|pair| {
            let of_pair = |reader| pair.iter().any(|cell| cell.inner.contains(&reader));
            // The reader of c' is in `inner` of the next step unless it is the node of its c itself.
            pair[0].c.is_none_or(|c| readers.only(c, of_pair))
        })
    }
}

/// Links `cells` (in the order of the graph) into layers, in the order of their first steps.
pub(super) fn link(cells: Vec<Cell>, readers: &Readers) -> Vec<Chain> {
    let by_h: HashMap<Sym, usize> = cells
        .iter()
        .enumerate()
        .map(|(i, cell)| (cell.h, i))
        .collect();
    let previous: Vec<Option<usize>> = cells
        .iter()
        .map(|cell| {
            let index = *by_h.get(&cell.prev_h)?;
            let before = &cells[index];
            let same = before.mode == cell.mode && before.params == cell.params;
            (same && before.c == cell.prev_c).then_some(index)
        })
        .collect();
    let mut next: Vec<Vec<usize>> = vec![Vec::new(); cells.len()];
    for (index, previous) in previous.iter().enumerate() {
        if let Some(previous) = previous {
            next[*previous].push(index);
        }
    }
    // Where two steps go on from one, neither is its successor.
    let only_next = |index: usize| match next[index].as_slice() {
        &[only] => Some(only),
        _ => None,
    };
    let starts = |index: &usize| previous[*index].is_none_or(|before| only_next(before).is_none());
    let orders: Vec<Vec<usize>> = (0..cells.len())
        .filter(starts)
        .map(|start| std::iter::successors(Some(start), |&index| only_next(index)).collect())
        .collect();
    let mut cells: Vec<Option<Cell>> = cells.into_iter().map(Some).collect();
    let chains = orders.into_iter().map(|order| Chain {
        cells: order
            .into_iter()
            .filter_map(|index| cells[index].take())
            .collect(),
    });
    chains
        .filter(|chain| !chain.cells.is_empty() && chain.is_closed(readers))
        .collect()
}
