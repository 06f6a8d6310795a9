//! Topological order, as near to a wanted order as the edges allow.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Orders `priority.len()` nodes so that each comes after all of its `inputs`, and otherwise by priority.
/// `None` if there is a cycle. Every input must be a valid index.
pub(crate) fn order<P: Ord + Copy>(inputs: &[Vec<usize>], priority: &[P]) -> Option<Vec<usize>> {
    let mut waits_for: Vec<usize> = inputs.iter().map(Vec::len).collect();
    let mut readers: Vec<Vec<usize>> = vec![Vec::new(); inputs.len()];
    for (node, inputs) in inputs.iter().enumerate() {
        for &input in inputs {
            readers[input].push(node);
        }
    }
    let mut ready: BinaryHeap<Reverse<(P, usize)>> = (0..inputs.len())
        .filter(|&node| waits_for[node] == 0)
        .map(|node| Reverse((priority[node], node)))
        .collect();
    let mut order = Vec::with_capacity(inputs.len());
    while let Some(Reverse((_, node))) = ready.pop() {
        order.push(node);
        for &reader in &readers[node] {
            waits_for[reader] -= 1;
            if waits_for[reader] == 0 {
                ready.push(Reverse((priority[reader], reader)));
            }
        }
    }
    (order.len() == inputs.len()).then_some(order)
}

#[cfg(test)]
mod tests {
    use super::order;

    #[test]
    fn keeps_an_order_that_is_already_topological() {
        let inputs = [vec![], vec![0], vec![], vec![1, 2]];
        assert_eq!(order(&inputs, &[0, 1, 2, 3]), Some(vec![0, 1, 2, 3]));
    }

    #[test]
    fn moves_only_what_must_move() {
        let inputs = [vec![3], vec![], vec![0], vec![]];
        assert_eq!(order(&inputs, &[0, 1, 2, 3]), Some(vec![1, 3, 0, 2]));
    }

    #[test]
    fn a_cycle_has_no_order() {
        assert_eq!(order(&[vec![1], vec![0]], &[0, 1]), None);
    }
}
