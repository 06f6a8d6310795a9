//! Shapes of buffers, for people: of those that hold a symbol's value or gradient, or what a recurrent layer saved.

use std::collections::{BTreeMap, HashMap};

use super::Lowering;
use crate::ir::{Storage, View};
use crate::symbol::{NodeId, Op, Sym};

impl Lowering<'_> {
    /// The shape of each transient buffer that has one, by buffer; the first symbol that names it counts.
    pub(super) fn buffer_shapes(&self) -> BTreeMap<usize, Vec<usize>> {
        let mut shapes = BTreeMap::new();
        for named in [&self.values, &self.grads] {
            let mut syms: Vec<(&Sym, &View)> = named.iter().collect();
            syms.sort_by_key(|(sym, _)| (sym.node, sym.output));
            for (sym, view) in syms {
                self.note(&mut shapes, *view, self.shape(*sym).to_vec());
            }
        }
        self.note_saved(&mut shapes, &self.saved);
        shapes
    }

    /// (T, N, k H): h, c and the gates of every step.
    fn note_saved(
        &self,
        shapes: &mut BTreeMap<usize, Vec<usize>>,
        saved: &HashMap<NodeId, Vec<View>>,
    ) {
        for (id, views) in saved {
            let node = &self.net.nodes[id.0 as usize];
            let (Op::RnnLayer { hidden, .. }, Some(data)) = (&node.op, node.inputs.first()) else {
                continue;
            };
            let [steps, batch, ..] = self.shape(*data) else {
                continue;
            };
            for view in views {
                let width = view.len.checked_div(steps * batch).unwrap_or(0);
                if width % hidden == 0 {
                    self.note(shapes, *view, vec![*steps, *batch, width]);
                }
            }
        }
    }

    fn note(&self, shapes: &mut BTreeMap<usize, Vec<usize>>, view: View, shape: Vec<usize>) {
        let buf = self.code.buf(view);
        let whole = view.offset == 0 && view.len == buf.len;
        let elements: usize = shape.iter().product();
        if whole && buf.storage == Storage::Transient && elements == buf.len {
            shapes.entry(view.buf.0).or_insert(shape);
        }
    }
}
